"""Our test doubles; there are no others."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np

from edge_sdk.clock import monotonic_ns
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.v4l2 import layouts


class Replay:
    """A source that plays a script.

    Args:
        script: What each read gives: an array, or an error to raise; an event is awaited first, and `LOST` is a sample
            that has a number and never comes.
        live: Whether it stamps samples as a camera's driver would, or as a file of one sample a second.
        stalls_s: How long each read takes before it answers; the last one counts for all that follow.
        name: What it is called.
        fps: What rate it claims; 0 says nothing.
    """

    def __init__(self, script, *, live=False, stalls_s=(0.0,), name="replay", fps=1.0):
        self.name, self.live, self.fps = name, live, fps
        self.is_closed = False
        self._script, self._stalls_s, self._next = script, stalls_s, 0

    @property
    def reads(self):
        """How many samples it has given, lost, or failed to give."""
        return self._next

    def read(self):
        while self._next < len(self._script) and self._script[self._next] is LOST:
            self._next += 1
        if self._next >= len(self._script):
            return None
        seq, self._next = self._next, self._next + 1
        captured_ns = monotonic_ns() if self.live else seq * 1_000_000_000
        time.sleep(self._stalls_s[min(seq, len(self._stalls_s) - 1)])
        given = self._script[seq]
        if isinstance(given, threading.Event):
            given.wait()
            return self.read()
        if isinstance(given, Exception):
            raise given
        return Sample(given, seq, captured_ns, "driver" if self.live else "file", self.name)

    def close(self):
        self.is_closed = True


LOST = object()
"""A sample that was lost before its source could give it."""


class Keep:
    """A sink that keeps what it is given.

    Args:
        stalls_s: How long each write takes; the last one counts for all that follow.
        fails_at: The number of the write that raises `failure`.
        failure: What it raises.
        name: What it is called.
    """

    def __init__(self, *, stalls_s=(0.0,), fails_at=None, failure=None, name="keep"):
        self.name = name
        self.samples, self.outcomes, self.closed, self.events = [], [], 0, []
        self._stalls_s, self._fails_at, self._failure = stalls_s, fails_at, failure

    def write(self, sample, outcome):
        if len(self.outcomes) == self._fails_at:
            raise self._failure
        time.sleep(self._stalls_s[min(len(self.outcomes), len(self._stalls_s) - 1)])
        self.samples.append(sample)
        self.outcomes.append(outcome)

    def tell(self, event):
        self.events.append(event)

    def close(self):
        self.closed += 1


class Slow:
    """A pipeline whose model takes its time for each sample.

    Args:
        pipeline: The one that does the work.
        stall_s: How long its model takes beyond that.
        model: What model it says it is; None takes the pipeline's.

    Attributes:
        calls: How often its model ran.
        most: How many samples were in its model at once, at most.
    """

    def __init__(self, pipeline, stall_s, *, model=None):
        self.model, self.calls, self.most = model or pipeline.model, 0, 0
        self._pipeline, self._stall_s, self._inside = pipeline, stall_s, 0
        self._counting = threading.Lock()

    def process(self, sample, **wanted):
        with self._counting:
            self.calls, self._inside = self.calls + 1, self._inside + 1
            self.most = max(self.most, self._inside)
        time.sleep(self._stall_s)
        with self._counting:
            self._inside -= 1
        return replace(self._pipeline.process(sample, **wanted), model=self.model)


class Server:
    """A camera in the network, on this machine; serves its first caller, from a thread of its own.

    Args:
        pictures: What it sends, uint8 [height, width, 3].
        then: What it does after that: `close` the connection, stay `mute`, or `reset` it when `go_on` is set.
    """

    def __init__(self, pictures=(), *, then="close"):
        self._pictures, self._then = pictures, then
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over, self.go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self.go_on.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self):
        try:
            caller, _ = self._socket.accept()
            with caller:
                self.answer(caller)
                if self._then == "mute":
                    self._over.wait()
                if self._then == "reset":
                    self.go_on.wait()
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            return  # the caller or the test has gone

    def answer(self, caller):
        """Say nothing."""


class MjpegServer(Server):
    """An HTTP camera that sends JPEG pictures in one endless answer."""

    def answer(self, caller):
        caller.recv(4096)
        caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        for picture in self._pictures:
            jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            caller.sendall(head.encode() + jpeg + b"\r\n")
            time.sleep(0.01)


class WebServer:
    """A web server on this machine.

    Args:
        answer: Answers a request; it is given the handler of the request and its number.

    Attributes:
        requests: The heads of the requests it got.
    """

    def __init__(self, answer):
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                self.requests.append(handler.headers)
                with suppress(OSError):  # the caller has gone
                    answer(handler, len(self.requests) - 1)

            def log_message(handler, *_):  # noqa: N805
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class NetworkCamera:
    """An HTTP camera on this machine that misbehaves; each connection gets the next of its ways, the last for ever.

    Args:
        ways: `good` sends ever new pictures, `repeat` the same one, `mute` stays silent after three, `reset` breaks the
            connection after three.
        period_s: Time between pictures.
    """

    def __init__(self, *ways, period_s=0.01):
        self._ways, self._period_s, self.calls = ways, period_s, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self.uri = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while not self._over.is_set():
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return  # the test is over
            way = self._ways[min(self.calls, len(self._ways) - 1)]
            self.calls += 1
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._threads.append(threading.Thread(target=self._answer, args=(caller, way)))
            self._threads[-1].start()

    def _answer(self, caller, way):
        with caller, contextlib.suppress(OSError):
            caller.recv(4096)
            caller.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
            for number in itertools.count():
                if way in {"mute", "reset"} and number == 3:
                    break
                _send_jpeg(caller, 1 if way == "repeat" else number)
                if self._over.wait(self._period_s):
                    return
            if way == "mute":
                self._over.wait()


def _send_jpeg(caller, number):
    picture = np.full((48, 64, 3), 40, np.uint8)
    picture[:, : 1 + number % 60] = 200
    jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    caller.sendall(head.encode() + jpeg + b"\r\n")


class RtspServer(Server):
    """An RTSP camera that sends an MPEG transport stream over the TCP connection of the calls.

    Attributes:
        requests: The requests it got, each a list of lines.
    """

    def __init__(self, pictures, folder: Path, *, then="close"):
        super().__init__(pictures, then=then)
        self.requests = []
        self._stream = _transport_stream(pictures, folder / "stream.ts")

    def answer(self, caller):
        lines = caller.makefile("rb")
        while request := [line.decode().strip() for line in iter(lines.readline, b"\r\n") if line]:
            self.requests.append(request)
            method = request[0].split()[0]
            number = next(line for line in request if line.lower().startswith("cseq"))
            caller.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{_RTSP_ANSWERS[method]}".encode())
            if method == "PLAY":
                return self._play(caller)
        return None

    def _play(self, caller):
        size_bytes = 7 * 188
        for number, start in enumerate(range(0, len(self._stream), size_bytes)):
            packet = struct.pack(">BBHII", 0x80, 33, number, number * 900, 1) + self._stream[start : start + size_bytes]
            caller.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)


_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:track1\r\n"
_RTSP_ANSWERS = {
    "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n",
    "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n{_SDP}",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n\r\n",
    "PLAY": "Session: 1\r\n\r\n",
}


def _transport_stream(pictures, path: Path) -> bytes:
    size_wh = (pictures[0].shape[1], pictures[0].shape[0])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 25.0, size_wh)
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path.read_bytes()


class PiCameraModule:
    """The class Picamera2 of a Raspberry Pi's system, with a camera that plays a script.

    Args:
        frames: For each frame its metadata, or an error.
        models: The cameras that there are.
        gives_wh: The size that the camera makes of any asked one.
    """

    def __init__(self, frames, *, models=("imx708",), gives_wh=None):
        self.frames, self.models, self.gives_wh = list(frames), models, gives_wh
        self.configured, self.flushed, self.released, self.closed = None, [], 0, 0

    def __call__(self, number):
        return self

    def global_camera_info(self):
        return [{"Model": model, "Num": number} for number, model in enumerate(self.models)]

    def create_video_configuration(self, **streams):
        return streams

    def configure(self, configuration):
        self.configured = configuration

    def camera_configuration(self):
        streams = {name: self.configured[name] for name in ("main", "lores") if self.configured[name]}
        return {name: {**stream, "size": self.gives_wh or stream["size"]} for name, stream in streams.items()}

    def start(self):
        pass

    def capture_request(self, *, wait, flush=None):
        self.flushed.append(flush)
        frame = self.frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        self.metadata = frame
        return self

    def get_metadata(self):
        return self.metadata

    def make_array(self, stream):
        """Return a blue picture as picamera2 gives it: RGB888 with blue first, YUV420 with padded rows."""
        width, height = self.configured[stream]["size"]
        blue = np.full((height, width, 3), (255, 0, 0), np.uint8)
        if stream == "main":
            return blue
        padded = cv2.copyMakeBorder(blue, 0, 0, 0, 64 - width % 64, cv2.BORDER_CONSTANT, value=(0, 0, 255))
        return cv2.cvtColor(padded, cv2.COLOR_BGR2YUV_I420)

    def release(self):
        self.released += 1

    def close(self):
        self.closed += 1


class Driver:
    """What OpenCV shows of a camera's driver: it takes any setting, and has what it can do.

    Args:
        has: Values by property that stay as they are, whatever is set.
    """

    def __init__(self, has=None):
        self.set_in_order = []
        self._values, self._has = {}, has or {}

    def set(self, name, value):
        self.set_in_order.append(name)
        self._values[name] = float(value)
        return True

    def get(self, name):
        return float(self._has.get(name, self._values.get(name, 0.0)))


class VideoNode:
    """A camera's driver, as the kernel shows it: a `Device`.

    Args:
        offers: For each pixel format, the sizes that it has with their best rates.
        frames: What the camera captures, in turn: the bytes of a frame, a `Captured`, or an OSError; then nothing.
        refuses: For some calls, the error number that they fail with.
        caps: What the node says that it can do.
    """

    def __init__(self, offers, frames=(), *, refuses=None, caps=layouts.CAN_CAPTURE | layouts.CAN_STREAM):
        self.offers, self.frames, self.refuses, self.caps = offers, list(frames), refuses or {}, caps
        self.calls, self.queued, self.closed, self.waited_s = [], [], 0, []
        fourcc = next(iter(offers))
        self.fourcc, self.size_wh = fourcc, next(iter(offers[fourcc]))
        self.fps = offers[self.fourcc][self.size_wh]
        self._memory, self._sequence = {}, -1

    def control(self, request, record):
        self.calls.append(request)
        if request in self.refuses:
            raise OSError(self.refuses[request], os.strerror(self.refuses[request]))
        self._ANSWERS[request](self, record)

    def map(self, length, offset):
        self._memory[offset] = bytearray(length)
        return memoryview(self._memory[offset]).toreadonly()

    def wait(self, timeout_s):
        self.waited_s.append(timeout_s)
        is_waiting_already = timeout_s == 0
        return bool(self.frames) and (not is_waiting_already or getattr(self.frames[0], "is_early", False))

    def tell(self, event):
        self.events.append(event)

    def close(self):
        self.closed += 1

    def _capability(self, record):
        record.card, record.device_caps = b"Camera", self.caps

    def _format(self, record):
        record.pixelformat = layouts.fourcc_number(_nth(list(self.offers), record.index))

    def _sizes(self, record):
        sizes = self.offers.get(layouts.fourcc_name(record.pixel_format), {})
        record.type = layouts.DISCRETE
        record.discrete.width, record.discrete.height = _nth(list(sizes), record.index)

    def _intervals(self, record):
        sizes = self.offers.get(layouts.fourcc_name(record.pixel_format), {})
        rate = sizes.get((record.width, record.height))
        record.shortest.numerator, record.shortest.denominator = (
            1000,
            round(_nth([rate] if rate else [], record.index) * 1000),
        )

    def _get_format(self, record):
        record.pix.width, record.pix.height = self.size_wh
        record.pix.pixelformat = layouts.fourcc_number(self.fourcc)

    def _set_format(self, record):
        fourcc, size_wh = layouts.fourcc_name(record.pix.pixelformat), (record.pix.width, record.pix.height)
        self.fourcc = fourcc if fourcc in self.offers else self.fourcc
        sizes = self.offers[self.fourcc]
        self.size_wh = size_wh if size_wh in sizes else next(iter(sizes))
        self.fps = sizes[self.size_wh]
        self._get_format(record)

    def _get_rate(self, record):
        record.capture.capability = layouts.CAN_SET_RATE
        record.capture.timeperframe.numerator, record.capture.timeperframe.denominator = 1000, round(self.fps * 1000)

    def _set_rate(self, record):
        asked = record.capture.timeperframe.denominator / record.capture.timeperframe.numerator
        self.fps = min(asked, self.fps)
        self._get_rate(record)

    def _query_buffer(self, record):
        record.length, record.m.offset = 1 << 20, record.index << 20

    def _queue(self, record):
        self.queued.append(record.index)

    def _dequeue(self, record):
        frame = self.frames.pop(0)
        if isinstance(frame, OSError):
            raise frame
        frame = frame if isinstance(frame, Captured) else Captured(frame)
        self._sequence = self._sequence + 1 if frame.sequence is None else frame.sequence
        record.index, record.sequence, record.flags = self.queued.pop(0), self._sequence % (1 << 32), frame.flags
        record.bytesused = len(frame.data)
        self._memory[record.index << 20][: len(frame.data)] = frame.data
        microseconds = monotonic_ns() // 1000 if frame.captured_us is None else frame.captured_us
        record.timestamp.seconds, record.timestamp.microseconds = divmod(microseconds, 1_000_000)

    def _nothing(self, record):
        pass

    _ANSWERS: ClassVar = {
        layouts.QUERYCAP: _capability,
        layouts.ENUM_FMT: _format,
        layouts.ENUM_FRAMESIZES: _sizes,
        layouts.ENUM_FRAMEINTERVALS: _intervals,
        layouts.G_FMT: _get_format,
        layouts.S_FMT: _set_format,
        layouts.G_PARM: _get_rate,
        layouts.S_PARM: _set_rate,
        layouts.REQBUFS: _nothing,
        layouts.QUERYBUF: _query_buffer,
        layouts.QBUF: _queue,
        layouts.DQBUF: _dequeue,
        layouts.STREAMON: _nothing,
        layouts.STREAMOFF: _nothing,
    }


@dataclass
class Captured:
    """One frame of a `VideoNode`: its bytes, and what the driver says about it.

    `is_early` frames wait in the driver before anybody reads.
    """

    data: bytes = b""
    sequence: int | None = None
    flags: int = layouts.CLOCK_MONOTONIC
    captured_us: int | None = None
    is_early: bool = False


def _nth(entries, index):
    if index >= len(entries):
        raise OSError(errno.EINVAL, "the end of the list")
    return entries[index]


class I2cBus:
    """A bus with the number 1, whose chips are tables of registers, by address."""

    def __init__(self, chips):
        self.chips = chips
        self.is_closed = False

    def opened(self, number):
        if number != 1:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self

    def read_i2c_block_data(self, i2c_addr, register, length):
        return [self._chip(i2c_addr).get(register + i, 0) for i in range(length)]

    def write_i2c_block_data(self, i2c_addr, register, data):
        self._chip(i2c_addr).update({register + i: byte for i, byte in enumerate(data)})

    def close(self):
        self.is_closed = True

    def _chip(self, number):
        if number not in self.chips:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return self.chips[number]


class SoundCard:
    """The module sounddevice on a machine with these inputs; the test plays what they hear."""

    class PortAudioError(Exception):
        """What PortAudio raises."""

    def __init__(self, names, *, rates_hz=(16000.0,)):
        self._names, self._rates_hz = names, rates_hz
        self.asked = {}
        self.now_ns = 0

    def query_devices(self):
        return [{"name": name, "max_input_channels": 2} for name in self._names]

    def InputStream(self, **asked):  # noqa: N802  as sounddevice calls it
        if asked["samplerate"] not in self._rates_hz:
            raise self.PortAudioError("Invalid sample rate")
        self.asked = asked
        return self

    def start(self):
        pass

    def close(self):
        pass

    def play(self, samples, *, adc_s, overflow=False):
        """Deliver a block that the card heard at a time of its own clock, which shows a moment that goes with ours."""
        self.now_ns = monotonic_ns()
        time = SimpleNamespace(currentTime=self.now_ns / 1e9, inputBufferAdcTime=self.now_ns / 1e9 + adc_s)
        block = np.asarray(samples, np.int16).reshape(-1, self.asked["channels"])
        self.asked["callback"](block, len(block), time, SimpleNamespace(input_overflow=overflow))
