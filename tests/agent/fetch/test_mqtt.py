"""Blocks over the broker: the window, what is lost on the way, and what is not fetched twice."""

import json
import queue

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_sdk.agent.fetch import MqttSource
from edge_sdk.agent.fetch.download import download
from edge_sdk.errors import UnavailableError
from edge_sdk.fleet.blocks import Files
from edge_sdk.wire import decode
from edge_sdk.wire.blocks import BLOCK_BYTES, Block, Get


class Link:
    """Both ends in this thread: what is asked is answered at once, unless the test loses it."""

    def __init__(self, folder, lose=lambda _: False):
        self._files, self._answers, self._lose = Files(folder), queue.SimpleQueue(), lose
        self.served, self.on_their_way, self.most = 0, 0, 0

    def ask(self, payload):
        get = decode(Get, payload, where="get")
        for index in range(get.first_block, get.first_block + get.count):
            self.on_their_way += 1
            self.most = max(self.most, self.on_their_way)
            self.served += 1
            if not self._lose(self.served):
                self._answers.put(self._files.block(get, index).encode())

    def answer(self, *, timeout_s):
        if self._answers.empty():
            self.on_their_way = 0
            return None
        self.on_their_way -= 1
        return self._answers.get()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "repository"


def test_never_more_than_a_window_is_on_its_way(tmp_path, package, folder):
    link = Link(folder)
    download(MqttSource(link, window=8), package, tmp_path / "downloads")
    assert link.most == 8


def test_what_is_lost_is_asked_for_again(tmp_path, package, folder):
    link = Link(folder, lose=lambda number: number % 4 == 0)
    source = MqttSource(link)
    path = download(source, package, tmp_path / "downloads")
    assert path.stat().st_size == package.size_bytes
    assert (source.taken, source.asked) == (11, link.served)
    assert 11 < source.asked < 20


def test_silence_is_an_error(package, folder):
    link = Link(folder, lose=lambda _: True)
    with pytest.raises(UnavailableError, match="expected an answer within"):
        MqttSource(link).read("metadata/timestamp.json", max_bytes=10)
    assert link.served == 6, "asked six times"
    with pytest.raises(UnavailableError, match="expected an answer within"):
        list(MqttSource(link).stream(package.file, size_bytes=package.size_bytes, first_block=0, count=10))


def test_after_a_cut_no_verified_block_is_fetched_again(tmp_path, package, folder):
    link = Link(folder, lose=lambda number: number > 7)  # the list of blocks, six blocks, and then the line is dead
    with pytest.raises(UnavailableError):
        download(MqttSource(link), package, tmp_path / "downloads")
    again = MqttSource(Link(folder))
    download(again, package, tmp_path / "downloads")
    assert again.asked == 1 + 10 - 6


class _Torn(BaseException):
    """A kill, at a place that the test chooses."""


def test_a_kill_leaves_what_was_verified(tmp_path, package, folder):
    def kill(done_bytes, _):
        if done_bytes >= 5 * BLOCK_BYTES:
            raise _Torn

    with pytest.raises(_Torn):
        download(MqttSource(Link(folder)), package, tmp_path / "downloads", progress=kill)
    again = MqttSource(Link(folder))
    told = []
    download(again, package, tmp_path / "downloads", progress=lambda *bytes_: told.append(bytes_))
    assert told[0] == (5 * BLOCK_BYTES, package.size_bytes)
    assert again.asked == 1 + 10 - 5


def test_answers_that_nobody_asked_for_are_passed_over(package, folder):
    link = Link(folder)
    for answer in (
        b"",
        b"{}\n",
        b"\xff" * 100,
        Block(1, "metadata/timestamp.json", 0, 2, is_found=True, data=b"no").encode(),
        Block(1, package.file, 0, 2, is_found=False).encode(),
    ):
        link._answers.put(answer)
    assert MqttSource(link).read("metadata/timestamp.json", max_bytes=2) == b"{}"


class Babble:
    """Answers every question with whatever the test has."""

    def __init__(self, answers):
        self._answers = list(answers)

    def ask(self, payload):
        self.get = decode(Get, payload, where="get")

    def answer(self, *, timeout_s):
        answer = self._answers.pop(0) if self._answers else None
        return answer.replace(b"REQUEST", str(self.get.request).encode()) if answer else answer


_HEADS = st.fixed_dictionaries(
    {
        "schema": st.just(1) | st.integers(),
        "request": st.just("REQUEST") | st.integers(),
        "file": st.just("targets/a") | st.text(max_size=5),
        "index": st.integers(-2, 3),
        "size_bytes": st.integers(-2, 400_000),
        "is_found": st.booleans(),
    }
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=50) | st.tuples(_HEADS, st.binary(max_size=200)), max_size=6))
def test_whatever_is_answered_is_a_file_none_or_an_error(answers):
    payloads = [
        one if isinstance(one, bytes) else json.dumps(one[0]).replace('"REQUEST"', "REQUEST").encode() + b"\n" + one[1]
        for one in answers
    ]
    try:
        data = MqttSource(Babble(payloads)).read("targets/a", max_bytes=1 << 20)
    except UnavailableError:
        return
    assert data is None or len(data) <= 1 << 20


class Slow(Link):
    """A line on which a block takes 25 s, one after the other; time goes by in `answer` alone."""

    now_s, next_s, block_s = 0.0, 25.0, 25.0

    def answer(self, *, timeout_s):
        if self._answers.empty() or self.now_s + timeout_s < self.next_s:
            self.now_s += timeout_s
            return None
        self.now_s = max(self.now_s, self.next_s)
        self.next_s = self.now_s + self.block_s
        return self._answers.get()


def test_on_a_slow_line_what_comes_late_counts_and_less_is_asked_for(tmp_path, package, folder):
    """A window that stayed would ask for all of it again and again, and never come to the end."""
    link = Slow(folder)
    download(MqttSource(link, patience_s=10), package, tmp_path / "downloads")
    assert link.served < 3 * 11
    assert link.now_s < 3 * 11 * 25
