"""What the worker does: runs a package as `edge-sdk run` does, and what the agent asks for beside it.

- It speaks from its first moment on: a large model that is being opened is no hang.
- Sources that are not there are awaited, for as long as it takes: they are no fault of the model.
- A candidate is compared, or takes over, as in `edge_sdk.runtime.swap`; who may take over is the agent's decision.
- It ends when it is told to, when the agent is gone, or when nothing is left to do; a last line says why.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from edge_sdk.agent.worker import messages
from edge_sdk.agent.worker.candidates import identity, try_candidate
from edge_sdk.agent.worker.listening import Mouth
from edge_sdk.agent.worker.messages import Beat, Begin, Ended, Loaded, Part, Phase, Shadow, Switch
from edge_sdk.agent.worker.pulse import Latencies, Pulse
from edge_sdk.agent.worker.sink import OutboxSink
from edge_sdk.errors import EdgeError, UnavailableError
from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from edge_sdk.runtime import Feed, Pipeline, Run, RunOptions, open_sink
from edge_sdk.runtime.accounting import Cause
from edge_sdk.runtime.events import Event
from edge_sdk.runtime.feed import open_feeds
from edge_sdk.runtime.frame import Outcome, Sample
from edge_sdk.runtime.sinks import Sink
from edge_sdk.runtime.thrift.gates import gated
from edge_sdk.runtime.thrift.rate import RateLimit
from edge_sdk.runtime.usage import usage
from edge_sdk.version import __version__

_BEAT_S = 1.0
_LONGEST_WAIT_S = 30.0
_LAST_S = 15.0
"""An agent that is gone is followed after so long, whatever hangs."""


@dataclass(slots=True)
class Wishes:
    """What the agent wants of the samples, now; shared by the gates of all sources.

    Attributes:
        is_paused: Whether all are let pass by.
        rates: The limit of each source.
    """

    is_paused: bool
    rates: list[RateLimit] = field(default_factory=list)

    def gate(self, sample: Sample) -> Cause | None:
        """Return `paused` while nothing is to be processed."""
        return "paused" if self.is_paused else None

    def limit(self, hz: float) -> None:
        """Set the rate of all sources; 0 takes all samples."""
        for rate in self.rates:
            rate.fps = hz or None


class Child:
    """One worker, from its first line to its last."""

    def __init__(self, begin: Begin, mouth: Mouth) -> None:
        self._begin, self._mouth = begin, mouth
        self._wishes = Wishes(begin.is_paused)
        self._rate_hz = begin.rate_hz
        self._phase: Phase = "loading"
        self._over = threading.Event()
        self._run: Run | None = None
        self._pulse: Pulse | None = None

    def work(self, requests: Iterable[bytes]) -> Ended:
        """Do all of it, and return why it is over.

        Args:
            requests: Lines of the agent, after the first.
        """
        for name, does in (("agent", lambda: self._listen(requests)), ("beat", self._beat)):
            threading.Thread(target=does, name=name, daemon=True).start()
        part: Part = "model"
        try:
            with self._open() as pipeline:
                part = "source"
                feeds = self._await_feeds(pipeline)
                if feeds is None:
                    return Ended("end", "stopped")
                part = "sink"
                run = self._prepare(pipeline, feeds)
                part = "model"
                return Ended("end", run.execute().ended)
        except UnavailableError as exc:  # a sink, a disk or a provider of this board, never the model's numbers
            return Ended("sink" if part == "model" and self._run else part, str(exc))
        except EdgeError as exc:
            return Ended(part, str(exc))
        except MemoryError as exc:
            return Ended("model", f"out of memory: {exc}" if str(exc) else "out of memory")
        except Exception as exc:  # noqa: BLE001  what onnxruntime raises is its own; the agent is told all the same
            return Ended(part, f"{type(exc).__name__}: {exc}")

    def _open(self) -> Pipeline:
        package = open_package(Path(self._begin.package))
        board = load_profile(self._begin.profile) if self._begin.profile else None
        pipeline = Pipeline.open(package, board, score_threshold=self._begin.score_threshold)
        pipeline.refuses_nan = True
        versions = {name: version(name) for name in ("onnxruntime", "numpy")}
        self._mouth.say(Loaded(*identity(pipeline), {"edge-sdk": __version__, **versions}))
        return pipeline

    def _await_feeds(self, pipeline: Pipeline) -> list[Feed] | None:
        """Return the opened sources; None if it is to end first."""
        wait_s = _BEAT_S
        while not self._over.is_set():
            try:
                return open_feeds(self._begin.sources, window=pipeline.manifest.preprocess.window)
            except UnavailableError as exc:
                if self._phase != "waiting":
                    self._mouth.say(messages.Happened(", ".join(self._begin.sources), "live", "dead", str(exc)))
                self._phase = "waiting"
            self._over.wait(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        return None

    def _prepare(self, pipeline: Pipeline, feeds: Sequence[Feed]) -> Run:
        latencies = Latencies()
        with ExitStack() as opened:
            for feed in feeds:
                opened.callback(feed.source.close)
            paced_by = next((feed.source for feed in feeds if feed.source.live), feeds[0].source)
            sinks: list[Sink] = [latencies, _Told(self._mouth)]
            sinks += [opened.enter_context(closing(open_sink(uri, paced_by))) for uri in self._begin.sinks]
            if self._begin.outbox:
                sinks.append(opened.enter_context(closing(OutboxSink.open(self._begin))))
            options = RunOptions(policy=self._begin.policy or None)
            run = Run(pipeline, [self._gated(feed) for feed in feeds], sinks=sinks, options=options)
            opened.pop_all()  # from here on the run closes them
        self._run, self._pulse, self._phase = run, Pulse(run, latencies), "running"
        if self._over.is_set():
            run.stop()
        return run

    def _gated(self, feed: Feed) -> Feed:
        rate = RateLimit(self._rate_hz or None)
        self._wishes.rates.append(rate)
        return gated(feed, [self._wishes.gate, rate])

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            phase: Phase = "paused" if self._wishes.is_paused and self._phase == "running" else self._phase
            if self._pulse is None:
                self._mouth.say(Beat(phase, resident_bytes=usage().resident_bytes))
            else:
                self._mouth.say(self._pulse.beat(phase))

    def _listen(self, requests: Iterable[bytes]) -> None:
        try:
            for line in requests:
                self._answer(messages.decode_request(line))
        finally:
            self._stop()

    def _answer(self, request: messages.Request) -> None:
        match request:
            case Shadow() | Switch():
                try_candidate(request, self._run, self._mouth)
            case messages.Pause() | messages.Resume():
                self._wishes.is_paused = isinstance(request, messages.Pause)
            case messages.Rate(hz):
                self._rate_hz = hz
                self._wishes.limit(hz)
            case messages.Stop():
                self._stop()
            case Begin():
                pass  # the first line only

    def _stop(self) -> None:
        """End; what hangs in a library does not keep the process."""
        self._over.set()
        if self._run is not None:
            self._run.stop()
        timer = threading.Timer(_LAST_S, os._exit, (1,))
        timer.daemon = True
        timer.start()


class _Told:
    """A sink that tells the agent what happens to the sources."""

    name = "agent"

    def __init__(self, mouth: Mouth) -> None:
        self._mouth = mouth

    def write(self, sample: Sample, outcome: Outcome) -> None:
        """Do nothing; see `Sink.write`."""

    def tell(self, event: Event) -> None:
        """Tell one event; see `Listener.tell`."""
        self._mouth.say(messages.Happened(event.source, event.before, event.after, event.cause))

    def close(self) -> None:
        """Do nothing."""
