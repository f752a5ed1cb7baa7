"""Has the board's certificate renewed before it ends: looked at once a day, by a child, so that the agent stays small.

- A clock that cannot be right decides nothing: such a board waits until it knows the time.
- What fails is tried again the next day; there are hundreds of them before the end.
"""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

from edge_sdk.errors import EdgeError, UnavailableError

log = logging.getLogger(__name__)

_FIRST_S, _DAY_S = 600.0, 86400.0
_PATIENCE_S = 120.0


class Clock(Protocol):
    """What time it is (`TimeFloor`)."""

    def is_trusted(self) -> bool:
        """Whether the clock can be right."""

    def now_unix_s(self) -> float:
        """Unix time, at least."""


class Renewal:
    """Looks at the certificate now and then; `run` is for a thread of its own.

    Attributes:
        looks: How often it was looked at.
    """

    def __init__(
        self, folder: Path, clock: Clock, over: threading.Event, *, first_s: float = _FIRST_S, period_s: float = _DAY_S
    ) -> None:
        """Prepare.

        Args:
            folder: The device's folder.
            clock: What time it is.
            over: The agent ends.
            first_s: When it is looked at first, in seconds.
            period_s: How long then, a half more or less by chance.
        """
        self._folder, self._clock, self._over = folder, clock, over
        self._wait_s, self._period_s = first_s, period_s
        self.looks = 0

    def run(self) -> None:
        """Look until the agent ends.

        Raises:
            UnavailableError: The child could not be run.
        """
        while not self._over.wait(self._wait_s):
            self._wait_s = self._period_s * random.uniform(0.5, 1.5)  # noqa: S311  so that a fleet does not come at once
            if self._clock.is_trusted():
                self.looks += 1
                self._look(int(self._clock.now_unix_s()))

    def _look(self, now_s: int) -> None:
        command = [sys.executable, "-I", "-m", "edge_sdk.agent.renewal", str(self._folder), str(now_s)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise UnavailableError(f"renewal: expected a child that looks, got {exc}") from exc
        said = done.stdout.strip() or done.stderr.strip()[-500:]
        log.log(logging.WARNING if done.returncode else logging.INFO, "certificate: %s", said)


def main(folder: Path, now_s: int) -> int:
    """Renew if it is time to; return the exit code."""
    from edge_sdk.agent.enrol import renew

    try:
        sys.stdout.write("renewed\n" if renew(folder, now_s=now_s) else "holds\n")
    except EdgeError as exc:
        sys.stdout.write(f"{exc}\n")
        return exc.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
