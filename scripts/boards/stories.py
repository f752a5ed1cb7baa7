"""The stories of the laboratory: what boards live through, each on a card of its own, and what must hold at its end."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_sdk.errors import GateError, UnavailableError
from scripts.boards.lab import IMAGES, PATIENCE_S, Lab
from scripts.boards.machine import BOOT_OFFSET, Machine

_TRYING = ("staged", "golden", "shadow", "trial")
_STATUS = "/opt/edge-sdk/boot/status.json"


def life(lab: Lab) -> None:
    """From a blank card to the proof, an update, an update with power cuts in its middle, a state that is lost."""
    proof(lab)
    card = lab.card("press-1")
    with Machine(card, IMAGES / "cloud-init.img") as machine:
        machine.start()
        _update(lab, machine)
        _update_with_cuts(lab, machine)
    _recovery(lab, card)


def proof(lab: Lab) -> None:
    """From a blank card to the proof, unattended."""
    lab.plant.serve()
    with (
        lab.flashing("press-1", "cloud-init", "--timeout", f"{PATIENCE_S:.0f}") as flashing,
        Machine(lab.card("press-1"), IMAGES / "cloud-init.img") as machine,
    ):
        machine.start()
        lab.expect(machine, "its proof", lambda: flashing.has_ended)
        flashing.require(0)
        if not lab.is_proven("press-1", 1):
            raise GateError(f"press-1: expected its model by its digest, got {lab.status('press-1')}")
        lab.note("proven", time.monotonic() - flashing.start_s, "from the command on, by the digests that it reported")
        engine = machine.run(
            "uname -m; cd /opt/edge-sdk/current/lib/python3*/site-packages && echo onnxruntime-*.dist-info"
        )
        lab.note("engine", 0.0, " ".join(engine.out.split()))
        exposed = machine.run("systemctl show -p User,MemoryMax,NoNewPrivileges,NRestarts edge-sdk-agent")
        lab.note("service", 0.0, " ".join(exposed.out.split()))
        if "NRestarts=0" not in exposed.out:
            raise GateError(f"edge-sdk-agent: expected a service that has not been restarted, got {exposed.out}")
        machine.run("sync")


def cut(lab: Lab) -> None:
    """The power goes while wheels are installed; the fleet is away, and comes."""
    lab.plant.stop()
    lab.flash("press-2", "firstrun")
    with Machine(lab.card("press-2"), IMAGES / "firstrun.img") as machine:
        machine.start()
        took_s = lab.expect(machine, "the step install", lambda: _first_boot(machine)["step"] == "install")
        time.sleep(15)
        machine.cut_power()
        lab.note("cut", took_s, "the power, 15 s into the step install or a little more")
        machine.start()
        took_s = lab.expect(machine, "the step enrol, in vain", lambda: _waits_for_its_fleet(machine))
        lab.note("waits", took_s, f"for its fleet: {_first_boot(machine)['reason']}")
        lab.plant.serve()
        took_s = lab.expect(machine, "its proof", lambda: lab.is_proven("press-2", 1))
        lab.note("proven", took_s, "after its fleet came")


def stolen(lab: Lab) -> None:
    """Somebody who had the card for a moment has used its claim."""
    lab.plant.serve()
    with (
        lab.flashing("press-3", "plain", "--timeout", f"{PATIENCE_S:.0f}") as flashing,
        Machine(lab.card("press-3"), IMAGES / "plain.img") as machine,
    ):
        claim = lab.plant.folder / "stolen.json"
        _copy_off(lab.card("press-3"), "/opt/edge-sdk/kit/claim.json", claim)
        lab.plant.run("agent", "enroll", str(claim), "--state", str(lab.plant.folder / "thief"))
        machine.start()
        took_s = lab.expect(machine, "the command to end", lambda: flashing.has_ended)
        lab.note("refused", took_s, flashing.require(6, "claim"))


def elsewhere(lab: Lab) -> None:
    """The card is put into another kind of board than it was made for."""
    lab.plant.serve()
    words = ("--profile", "raspberry-pi-5", "--timeout", f"{PATIENCE_S:.0f}")
    with (
        lab.flashing("press-4", "plain", *words) as flashing,
        Machine(lab.card("press-4"), IMAGES / "plain.img", is_raspberry_pi=True) as machine,
    ):
        machine.start()
        took_s = lab.expect(machine, "the command to end", lambda: flashing.has_ended)
        lab.note("refused", took_s, flashing.require(6, "raspberry-pi-4b"))


def ignored(lab: Lab) -> None:
    """The system starts, and does not look at what was put on its card."""
    lab.plant.serve()
    with (
        lab.flashing("press-5", "cloud-init", "--timeout", "240") as flashing,
        Machine(lab.card("press-5"), IMAGES / "cloud-init.img") as machine,
    ):
        _switch_cloud_init_off(lab.card("press-5"))
        machine.start()
        took_s = lab.expect(machine, "the command to end", lambda: flashing.has_ended)
        lab.note("told", took_s, flashing.require(5, "nothing was heard"))


class Story(Protocol):
    """What is done with a board, or several."""

    def __call__(self, lab: Lab) -> None:
        """Do it, and note what was seen.

        Raises:
            EdgeError: Something that must hold does not.
        """
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """A story, and which images it starts."""

    play: Story
    flavours: tuple[str, ...]


STORIES: Mapping[str, Told] = {
    "life": Told(life, ("cloud-init",)),
    "cut": Told(cut, ("firstrun",)),
    "stolen": Told(stolen, ("plain",)),
    "elsewhere": Told(elsewhere, ("plain",)),
    "ignored": Told(ignored, ("cloud-init",)),
}
QUICK = Told(proof, ("cloud-init",))


def _update(lab: Lab, machine: Machine) -> None:
    lab.plant.release(2, "press-1")
    took_s = lab.expect(machine, "the update", lambda: _is_confirmed(lab, 2))
    lab.note("updated", took_s, "cards-2: fetched, proven, compared, tried, confirmed")


def _update_with_cuts(lab: Lab, machine: Machine) -> None:
    lab.plant.release(3, "press-1")
    start_s = time.monotonic()
    cuts = [_cut_in(lab, machine, stages) for stages in (_TRYING[:3], _TRYING[3:])]
    lab.expect(machine, "the update", lambda: _is_confirmed(lab, 3))
    lab.note("cut", time.monotonic() - start_s, f"cards-3 confirmed; the power went in {' and in '.join(cuts)}")


def _cut_in(lab: Lab, machine: Machine, stages: Sequence[str]) -> str:
    """Cut the power in one of some stages of an update, start the board again, and return in which it was."""
    lab.expect(machine, f"one of {', '.join(stages)}", lambda: lab.status("press-1").update_state in stages)
    stage = lab.status("press-1").update_state
    machine.cut_power()
    machine.start()
    return stage


def _is_confirmed(lab: Lab, version: int) -> bool:
    status = lab.status("press-1")
    if status.update_state in ("refused", "rolled_back"):
        raise GateError(
            f"press-1: expected cards-{version} to be confirmed, got {status.update_state}: {status.reason}"
        )
    return status.update_state == "confirmed" and lab.is_proven("press-1", version)


def _recovery(lab: Lab, card: Path) -> None:
    with Machine(card, IMAGES / "cloud-init.img") as machine:
        machine.start()
        lab.expect(machine, "a board that is as it was", lambda: _first_boot(machine)["state"] == "done")
        machine.run(
            "systemctl stop edge-sdk-agent; rm -rf /var/lib/edge-sdk/releases /var/lib/edge-sdk/state.db*; sync"
        )
    start_s = time.monotonic()
    lab.plant.run("flash", str(card), "--recover", "--yes")
    with Machine(card, IMAGES / "cloud-init.img") as machine:
        machine.start()
        lab.expect(machine, "its factory model", lambda: lab.is_proven("press-1", 1))
    lab.note("recovered", time.monotonic() - start_s, "releases and state were gone; runs the model that it came with")


def _first_boot(machine: Machine) -> dict[str, Any]:
    """Return how far a board says that its first boot is, on its own disk."""
    time.sleep(2)  # asking costs the board time
    try:
        told = machine.run(f"cat {_STATUS}")
        return dict(json.loads(told.out))
    except (UnavailableError, ValueError):
        return {"step": "", "state": "", "reason": ""}


def _waits_for_its_fleet(machine: Machine) -> bool:
    status = _first_boot(machine)
    return status["step"] == "enrol" and bool(status["reason"])


def _copy_off(card: Path, name: str, into: Path) -> None:
    root = json.loads(subprocess.run(["sfdisk", "-J", str(card)], check=True, capture_output=True).stdout)
    start = root["partitiontable"]["partitions"][1]["start"] * 512
    subprocess.run(["debugfs", "-R", f"dump {name} {into}", f"{card}?offset={start}"], check=True, capture_output=True)


def _switch_cloud_init_off(card: Path) -> None:
    line = card.with_suffix(".cmdline")
    place = f"{card}@@{BOOT_OFFSET}"
    subprocess.run(["mcopy", "-o", "-i", place, "::cmdline.txt", str(line)], check=True)
    line.write_text(f"{line.read_text().strip()} cloud-init=disabled\n")
    subprocess.run(["mcopy", "-o", "-i", place, str(line), "::cmdline.txt"], check=True)
