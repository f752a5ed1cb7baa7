"""How the board fares: its temperature, and what holds it back, from the files of /sys alone.

- Raspberry Pi: the firmware's throttle bits, without `vcgencmd` (raspberrypi.com, "get_throttled").
- Jetson: the event counters of the over-current guards (`soctherm_oc`) whose throttling is on.
- x86: the counters of thermal events of each core and package (kernel.org, "CPU load", `thermal_throttle`).
- Any board: the zones and chips that measure a processor, the clocks that cpufreq allows, and what the kernel slows to
  cool it (kernel.org, "Generic Thermal Sysfs driver", `cooling_device`).
- What cannot be read is left out: a Jetson's zones fail while their part is switched off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ROOT = Path("/")
_PROCESSOR = re.compile(r"(?i)\b(x86_pkg_temp|coretemp|k10temp|zenpower|(cpu|gpu|soc|cv|tj)[0-9]*([-_]therm.*)?)$")
"""Zones and chips of a processor; others, such as a Jetson's `PMIC-Die`, tell a constant or the room."""
_BITS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
"""Of `get_throttled`; each stands 16 bits higher too, for what has been since the firmware was asked last."""
_SINCE = 16
_SLOWED = re.compile(r"(?i)^((thermal-)?(cpufreq|devfreq)-.*|processor|intel_powerclamp)$")
"""Cooling devices that cool by doing less; others are fans."""
_GUARDS = {"oc1": "under-voltage", "oc2": "average over-current", "oc3": "instantaneous over-current"}


@dataclass(frozen=True, slots=True)
class ThrottleNames:
    """What the firmware's throttle bits say.

    Attributes:
        now: What holds the board back now.
        since: What has, since the bits were cleared.
    """

    now: frozenset[str] = frozenset()
    since: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BoardState:
    """How a board fares at one moment.

    Attributes:
        temperature_c: Of its hottest processor, in degrees Celsius; None where none is measured.
        hottest: The zone or chip that says so.
        held_back: What holds it back now, such as `throttled`.
        has_been: What has held it back a moment ago, or since it was started: systems differ.
        events: How often the guard of its supply, or of its heat, has stepped in since it was started, by kind.
        clock_share: The clock that is allowed now, as a share of the highest; the least of its processors. None where
            nothing tells.
        told_by: What would tell if it were held back, such as `firmware`; empty where nothing does.
    """

    temperature_c: float | None = None
    hottest: str = ""
    held_back: frozenset[str] = frozenset()
    has_been: frozenset[str] = frozenset()
    events: Mapping[str, int] = field(default_factory=dict)
    clock_share: float | None = None
    told_by: tuple[str, ...] = ()

    def limits_since(self, before: BoardState) -> frozenset[str]:
        """Return what holds the board back, or has for a moment since an earlier state."""
        counted = {kind for kind, count in self.events.items() if count > before.events.get(kind, 0)}
        return self.held_back | (self.has_been - before.has_been) | counted


def read_board(root: Path = _ROOT) -> BoardState:
    """Read how this board fares.

    Args:
        root: Where the board's file system is.
    """
    classes, processors = root / "sys/class", root / "sys/devices/system/cpu"
    temperature_c, hottest = max(_temperatures(classes), default=(None, ""))
    bits, guards, heat = _throttle_bits(root), _guard_events(classes / "hwmon"), _thermal_events(processors)
    slowed = list(_slowed(classes / "thermal"))
    there = {"firmware": bits is not None, "supply guards": guards, "thermal counters": heat, "cooling devices": slowed}
    cooled = {"slowed to cool"} if any(slowed) else set()
    flags = throttle_names(bits or 0)
    return BoardState(
        temperature_c=temperature_c,
        hottest=hottest,
        held_back=flags.now | cooled,
        has_been=flags.since,
        events={**guards, **heat},
        clock_share=min(_clock_shares(processors / "cpufreq"), default=None),
        told_by=tuple(name for name, is_there in there.items() if is_there),
    )


def throttle_names(bits: int) -> ThrottleNames:
    """Return what the bits of `get_throttled` say, whoever was asked for them."""
    return ThrottleNames(
        now=frozenset(name for bit, name in _BITS.items() if bits >> bit & 1),
        since=frozenset(name for bit, name in _BITS.items() if bits >> bit + _SINCE & 1),
    )


def _temperatures(classes: Path) -> Iterator[tuple[float, str]]:
    zones = [(zone / "type", [zone / "temp"]) for zone in sorted(classes.glob("thermal/thermal_zone*"))]
    chips = [(chip / "name", sorted(chip.glob("temp*_input"))) for chip in sorted(classes.glob("hwmon/hwmon*"))]
    for named, inputs in (*zones, *chips):
        name = _text(named)
        if _PROCESSOR.search(name):
            for path in inputs:
                if (thousandths := _number(path)) is not None:
                    yield thousandths / 1000, name


def _throttle_bits(root: Path) -> int | None:
    for path in root.glob("sys/devices/platform/soc*/soc*:firmware/get_throttled"):
        if re.fullmatch(r"(0x)?[0-9a-f]+", text := _text(path)):
            return int(text, 16)
    return None


def _guard_events(chips: Path) -> dict[str, int]:
    found = {}
    for chip in chips.glob("hwmon*"):
        if _text(chip / "name") == "soctherm_oc":
            for guard, kind in _GUARDS.items():
                count = _number(chip / f"{guard}_event_cnt")
                if count is not None and _number(chip / f"{guard}_throt_en") != 0:
                    found[kind] = int(count)
    return found


def _thermal_events(processors: Path) -> dict[str, int]:
    """Return how often cores and packages have been too hot; a package counts once for each of its cores."""
    counts = [_number(path) for path in processors.glob("cpu*/thermal_throttle/*_throttle_count")]
    return {"too hot": int(sum(count or 0 for count in counts))} if counts else {}


def _slowed(thermal: Path) -> Iterator[bool]:
    """Yield for each thing that cools by doing less whether it does so now."""
    for device in thermal.glob("cooling_device*"):
        if _SLOWED.match(_text(device / "type")) and (state := _number(device / "cur_state")) is not None:
            yield state > 0


def _clock_shares(policies: Path) -> Iterator[float]:
    for policy in policies.glob("policy*"):
        allowed, highest = _number(policy / "scaling_max_freq"), _number(policy / "cpuinfo_max_freq")
        if allowed is not None and highest:
            yield round(allowed / highest, 3)


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None


def _text(path: Path) -> str:
    """Return what a file says; nothing where it cannot be read, which these files often cannot."""
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
