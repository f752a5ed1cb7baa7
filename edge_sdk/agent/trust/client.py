"""The board's trust in its fleet: what is offered to it, proven by signatures that were made offline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_sdk.agent.fetch.download import Progress, download
from edge_sdk.agent.fetch.source import Source
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.trust.border import Clock, Job, Seeker
from edge_sdk.agent.trust.child import run_in_child
from edge_sdk.agent.trust.floors import Floors
from edge_sdk.agent.trust.keeping import Fetch, Keeper
from edge_sdk.agent.trust.shelf import Shelf
from edge_sdk.profiles import Family
from edge_sdk.wire.release import Offer

Run = Callable[[Job, Keeper, Fetch], Offer | None]
"""How a job of verification is done: in a child process (`run_in_child`), or here (`job.run`)."""


class Trust:
    """One board's trust.

    Example:
        >>> trust = Trust(Shelf(Path("trust"), state), source, TimeFloor(state))  # doctest: +SKIP
        >>> offer = trust.offer("press-4", groups=("hall-2",), families=profile.families)  # doctest: +SKIP
        >>> trust.fetch(offer, Path("downloads"))  # doctest: +SKIP
    """

    def __init__(self, shelf: Shelf, source: Source, time: TimeFloor, *, run: Run = run_in_child) -> None:
        """Begin with what was kept.

        Args:
            shelf: Where verified metadata lie.
            source: Where new metadata and packages come from; it is not trusted.
            time: What time it is at least.
            run: How verification is done.
        """
        self._shelf, self._source, self._time, self._run = shelf, source, time, run

    @property
    def versions(self) -> dict[str, int]:
        """Version of each role that was verified last."""
        return self._shelf.floors().versions()

    def refresh(self) -> dict[str, int]:
        """Bring the metadata up to date, and return the version of each role.

        Raises:
            TrustError: Something does not verify, has expired, or goes back.
            UnavailableError: The source is not there, or the disk cannot be written.
        """
        self._do(None)
        return self.versions

    def offer(self, device: str, *, groups: Sequence[str] = (), families: Sequence[Family]) -> Offer | None:
        """Refresh, and return what this board is offered; None if nothing is assigned to it.

        Args:
            device: Its name.
            groups: Groups that it is in; the first with an assignment counts, after the device's own.
            families: Variants that its board runs, the best first.

        Raises:
            InputError: The release has no variant for the board, or is of a newer schema.
            TrustError: Something does not verify, has expired, goes back, or was not signed offline.
            UnavailableError: The source is not there, or the disk cannot be written.
        """
        return self._do(Seeker(device, tuple(groups), tuple(families)))

    def fetch(self, offer: Offer, into: Path, progress: Progress | None = None) -> Path:
        """Fetch an offered package, going on where an earlier try broke off.

        Args:
            offer: What was offered.
            into: Folder of the downloads.
            progress: Is told how many bytes are here and verified, and of how many.

        Returns:
            Path of the package, whole, verified and on the disk.

        Raises:
            TrustError: The source gives something else than was signed.
            UnavailableError: The source is not there or broke off, or there is no room.
        """
        return download(self._source, offer.package, into, progress=progress)

    def _do(self, seeker: Seeker | None) -> Offer | None:
        self._time.observe()
        clock = Clock(self._time.bare_unix_s(), self._time.kept_unix_s)
        job = Job(self._shelf.floors(), clock, seeker)
        return self._run(job, _Keeping(self._shelf, self._time), self._read)

    def _read(self, file: str, max_bytes: int) -> bytes | None:
        return self._source.read(file, max_bytes=max_bytes)


class _Keeping:
    """The shelf, and the clock that a new root sets free."""

    def __init__(self, shelf: Shelf, time: TimeFloor) -> None:
        self._shelf, self._time = shelf, time

    def root(self, number: int) -> bytes | None:
        return self._shelf.root(number)

    def load(self, role: str) -> bytes | None:
        return self._shelf.load(role)

    def keep(self, role: str, data: bytes, floors: Floors) -> None:
        if floors.root > self._shelf.floors().root > 0:
            self._time.forget()  # first: a power cut after it leaves a new root that will be kept again
        self._shelf.keep(role, data, floors)
