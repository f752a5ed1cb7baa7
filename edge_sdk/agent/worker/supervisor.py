"""Keeps a worker running, and asks it for what the agent wants; nothing that it does reaches the agent but as a report.

- One thread owns the process and its vigil, for as long as the agent lives: the kernel ends the worker with it.
- A package takes over hot, between two samples, where the worker can; else the worker is started anew with it.
- Whatever is asked has an answer in time: a worker that dies or hangs meanwhile is an error with its cause.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from edge_sdk.agent.worker import messages, vigil
from edge_sdk.agent.worker.asking import Answer, Answers, Pending, await_answer, refusal
from edge_sdk.agent.worker.messages import (
    Beat,
    Begin,
    Compared,
    Happened,
    Loaded,
    Part,
    Refused,
    Report,
    Request,
    Shadow,
    Switch,
    Switched,
)
from edge_sdk.agent.worker.process import Exit, WorkerProcess
from edge_sdk.clock import monotonic_ns
from edge_sdk.errors import UnavailableError

log = logging.getLogger(__name__)

_TICK_S = 0.25
_GRACE_S = 5.0
"""A worker that is told to stop is killed after so long."""
_HOT_S = 60.0
_FRESH_S = 5.0
"""Who has said nothing for so long does not take over hot."""
_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker is gone, and is started again.

    Attributes:
        part: Whose fault it was.
        cause: What happened.
        in_s: When it is started again, in seconds.
    """

    part: Part
    cause: str
    in_s: float


@dataclass(frozen=True, slots=True)
class Blamed:
    """The model makes the worker fail again and again."""

    cause: str


Event = Loaded | Beat | Switched | Happened | Failed | Blamed


@dataclass(frozen=True, slots=True)
class _Wish:
    """What another thread asks for; `answer` gets what comes of it, if it is waited for."""

    does: Callable[[], None]


@dataclass(slots=True)
class _Now:
    """What is known of the worker."""

    loaded: Loaded | None = None
    beat: Beat | None = None
    words: tuple[str, ...] = field(default_factory=tuple)


class Supervisor:
    """A worker that is kept running; use it in `with`. Its methods may be called from any thread.

    Example:
        >>> with Supervisor(Begin("", ("camera:0",)), tell=print) as worker:  # doctest: +SKIP
        ...     worker.switch(Path("releases/0f…/package.edge"))
    """

    def __init__(
        self,
        begin: Begin,
        *,
        tell: Callable[[Event], None],
        patience: vigil.Patience | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        """Prepare it; it is stopped until there is a package.

        Args:
            begin: How it runs; its package is passed over.
            tell: Is given what happens, in the thread of the supervisor; has to be quick.
            patience: How long is waited for what.
            command: What starts a worker; None is this Python.
        """
        self._begin, self._tell, self._command = begin, tell, command
        self._vigil = vigil.Vigil(patience or vigil.Patience())
        self._process: WorkerProcess | None = None
        self._pending: Pending | None = None
        self._now = _Now()
        self._inbox: queue.SimpleQueue[_Wish | tuple[WorkerProcess, Report | Exit]] = queue.SimpleQueue()
        self._is_over = False
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
        self._thread.start()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def state(self) -> vigil.State:
        """How the worker stands."""
        return self._vigil.state

    @property
    def cause(self) -> str:
        """Why it failed last; empty if it has not since its package came."""
        return self._vigil.cause

    @property
    def loaded(self) -> Loaded | None:
        """What it has really loaded, as it says; None while it has nothing."""
        return self._now.loaded

    @property
    def beat(self) -> Beat | None:
        """Its last beat; None before the first."""
        return self._now.beat

    @property
    def is_paused(self) -> bool:
        """Whether it is to let samples pass by."""
        return self._begin.is_paused

    @property
    def pid(self) -> int:
        """Its process id; 0 while there is none."""
        process = self._process
        return process.pid if process else 0

    def words(self) -> tuple[str, ...]:
        """Return the last lines of what it complained of, also of one that is gone."""
        process = self._process
        return process.words() if process else self._now.words

    def switch(self, package: Path) -> Switched:
        """Let a package take over: between two samples if the worker can, else in a worker of its own.

        Raises:
            InputError: It cannot be loaded.
            UnavailableError: The worker hangs, or cannot be started.
        """
        answers: Answers = queue.SimpleQueue()
        self._do(lambda: self._begin_switch(package, answers))
        wait_s = _HOT_S + self._vigil.patience.loading_s + _MARGIN_S
        came = await_answer(answers, wait_s, what=f"{package} to take over")
        if isinstance(came, Switched):
            return came
        raise refusal(came)

    def compare(self, package: Path, *, samples: int, within_s: float) -> Compared:
        """Run a package beside the one in use, on live samples.

        Raises:
            InputError: It cannot be compared, fails on a sample, hangs, or makes the worker die.
            UnavailableError: The worker does not run, or ends meanwhile for another reason.
        """
        answers: Answers = queue.SimpleQueue()
        request = Shadow(str(package), samples, within_s)
        wait_s = within_s + _MARGIN_S + min(_HOT_S, self._vigil.patience.loading_s)
        self._do(lambda: self._ask_for(request, wait_s, answers))
        came = await_answer(answers, wait_s + _MARGIN_S, what=f"{package} to be compared")
        if isinstance(came, Compared):
            return came
        raise refusal(came)

    def pause(self) -> None:
        """Let samples pass by, also after a restart."""
        self._do(lambda: self._set(replace(self._begin, is_paused=True), messages.Pause()))

    def resume(self) -> None:
        """Process samples again."""
        self._do(lambda: self._set(replace(self._begin, is_paused=False), messages.Resume()))

    def limit_rate(self, hz: float) -> None:
        """Process at most so many samples a second of each source; 0 for all."""
        self._do(lambda: self._set(replace(self._begin, rate_hz=hz), messages.Rate(hz)))

    def stop(self) -> None:
        """Stop the worker, and want none any more."""
        self._do(self._stop)

    def close(self) -> None:
        """Stop the worker and wait until it is gone; closing twice is harmless."""
        self._do(self._end)
        self._thread.join(2 * _GRACE_S + _TICK_S)

    def _do(self, does: Callable[[], None]) -> None:
        self._inbox.put(_Wish(does))

    def _loop(self) -> None:
        while not self._is_over:
            try:
                item = self._inbox.get(timeout=_TICK_S)
            except queue.Empty:
                pass
            else:
                self._take(item)
            self._step(vigil.Tick())
            self._look_at_pending()

    def _take(self, item: _Wish | tuple[WorkerProcess, Report | Exit]) -> None:
        if isinstance(item, _Wish):
            item.does()
        elif item[0] is self._process:  # what one that was replaced still says means nothing
            self._hear(item[1])

    def _hear(self, report: Report | Exit) -> None:
        match report:
            case Loaded():
                self._now.loaded = report
                self._step(vigil.Loaded())
                self._tell(report)
                if self._pending and self._pending.is_cold:
                    self._answer(Switched(report.package_sha256, report.model_sha256, report.family))
            case Beat():
                self._now.beat = report
                self._step(vigil.Beaten(report))
                self._tell(report)
            case Happened():
                self._tell(report)
            case Exit(part, cause):
                self._bury(part, cause)
            case Compared() | Switched() | Refused():
                self._settle(report)

    def _settle(self, report: Compared | Switched | Refused) -> None:
        if isinstance(report, Switched):
            self._switched(report)
        elif isinstance(report, Refused) and report.request == "switch" and self._pending is not None:
            log.info("%s: %s: a worker of its own", self._pending.request.package, report.cause)
            self._retry_cold(self._pending)
        else:
            self._answer(report)

    def _step(self, happening: vigil.Happening) -> None:
        self._vigil, effect = vigil.step(self._vigil, happening, now_s=_now_s(), chance=random.random())  # noqa: S311
        match effect:
            case "start":
                self._start()
            case "kill" if self._process is not None:
                log.warning("worker %d: %s", self._process.pid, self._vigil.condemned)
                self._process.kill()
            case "blame":
                self._tell(Blamed(self._vigil.cause))

    def _start(self) -> None:
        def hear(process: WorkerProcess, report: Report | Exit) -> None:
            self._inbox.put((process, report))

        self._now.loaded = self._now.beat = None
        try:
            options = {"command": self._command} if self._command else {}
            self._process = WorkerProcess(self._begin, hear, **options)
        except UnavailableError as exc:
            self._bury("sink", str(exc))

    def _bury(self, part: Part, cause: str) -> None:
        cause = self._vigil.condemned or cause
        self._forget()
        self._step(vigil.Over(part, cause))
        if self._vigil.state == "waiting":
            log.warning("worker: %s", cause)
            self._tell(Failed(part, cause, self._vigil.retry_s - _now_s()))
        if self._pending is not None and self._pending.is_hot_switch:
            self._retry_cold(self._pending)
        elif self._pending is not None:
            blamed = cause if part == "model" else f"worker: {cause}"  # no release is given up for a camera
            self._answer(Refused(self._pending.request.name, blamed))

    def _forget(self) -> None:
        if self._process is not None:
            self._now.words = self._process.words()
        self._process, self._now.loaded, self._now.beat = None, None, None

    def _begin_switch(self, package: Path, answers: Answers) -> None:
        self._begin = replace(self._begin, package=str(package))
        if self._is_fresh() and self._pending is None:
            self._ask_for(Switch(str(package)), _HOT_S, answers)
        else:
            self._start_anew(answers)

    def _retry_cold(self, pending: Pending) -> None:
        self._pending = None  # it is answered by the new worker
        self._start_anew(pending.answers)

    def _start_anew(self, answers: Answers) -> None:
        self._stop()
        until_s = _now_s() + self._vigil.patience.loading_s + _MARGIN_S
        self._pending = Pending(Switch(self._begin.package), until_s, answers, is_cold=True)
        self._step(vigil.Wanted())

    def _switched(self, report: Switched) -> None:
        versions = self._now.loaded.versions if self._now.loaded else {}
        self._now.loaded = Loaded(report.package_sha256, report.model_sha256, report.family, versions)
        self._vigil = replace(self._vigil, failures=0, guilty=0, since_s=_now_s())
        self._tell(report)
        self._answer(report)

    def _is_fresh(self) -> bool:
        beat = self._now.beat
        is_moving = beat is not None and beat.phase in {"running", "paused"} and beat.stuck_s < _FRESH_S
        return self._vigil.state == "running" and is_moving and _now_s() - self._vigil.heard_s < _FRESH_S

    def _ask_for(self, request: Shadow | Switch, wait_s: float, answers: Answers) -> None:
        if self._pending is not None or self._process is None or self._vigil.state != "running":
            got = "one that does something else" if self._pending else f"one that is {self._vigil.state}"
            answers.put(Refused(request.name, f"worker: expected one that runs, got {got}"))
            return
        self._pending = Pending(request, _now_s() + wait_s, answers)
        self._process.ask(request)

    def _answer(self, answer: Answer) -> None:
        if self._pending is not None:
            self._pending.answers.put(answer)
            self._pending = None

    def _look_at_pending(self) -> None:
        pending = self._pending
        if pending is None or _now_s() < pending.until_s:
            return
        if pending.is_hot_switch:
            self._retry_cold(pending)
        elif isinstance(pending.request, Shadow):
            self._end_comparison()
        else:
            self._answer(Refused(pending.request.name, "worker: expected an answer in time, got none"))

    def _end_comparison(self) -> None:
        """Give up a candidate that hangs beside the model in use: only with its process does it go."""
        self._answer(Refused("shadow", "hang: expected it to be compared in time, got no answer"))
        if self._process is not None:
            self._process.kill()

    def _set(self, begin: Begin, request: Request) -> None:
        self._begin = begin
        if self._process is not None:
            self._process.ask(request)

    def _stop(self) -> None:
        self._step(vigil.Unwanted())
        process = self._process
        if process is not None:
            self._forget()
            process.ask(messages.Stop())
            if not process.wait(_GRACE_S):
                process.kill()
                process.wait(_GRACE_S)
        if self._pending is not None:
            cause = "worker: expected one that runs, got one that was stopped"
            self._answer(Refused(self._pending.request.name, cause))

    def _end(self) -> None:
        self._stop()
        self._is_over = True


def _now_s() -> float:
    return monotonic_ns() / 1e9
