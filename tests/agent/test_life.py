import shutil
from dataclasses import replace

import pytest

from edge_sdk.agent.state import State
from edge_sdk.agent.update import UpdateState
from edge_sdk.errors import GateError, InputError, TrustError, UnavailableError
from tests.agent.boards import LATER, Beat, Behaviour, Board, Comparison, content, digest, offer_of, wait_for

WAY = ["offered", "fetching", "verified", "staged", "golden", "shadow", "trial", "confirmed"]


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path / "board", good=Behaviour(), better=Behaviour(), bad=Behaviour())


def test_a_good_release_becomes_the_one_in_use(board):
    state = board.live(offer_of("good"))
    assert (state.stage, state.reason) == ("confirmed", "")
    assert board.stages == WAY
    assert board.ran == [board.factory, digest("good")]
    assert (board.current, board.slots.digest("previous")) == (digest("good"), board.factory)
    assert board.slots.kept(digest("good")).release == f"parts-{digest('good')[0]}"


def test_the_next_start_runs_it_and_does_nothing_else(board):
    board.live(offer_of("good"))
    board.stages.clear()
    state = board.live()
    assert (state.stage, board.stages, board.ran[-1]) == ("confirmed", [], digest("good"))


def test_what_it_has_shown_is_known_to_the_next_start(board):
    board.live(offer_of("good"))
    assert board.life.proven_sha256(digest("good")) == digest("good")
    life = board.start()
    board.stop()
    assert [life.proven_sha256(one) for one in (digest("good"), board.factory, "")] == [digest("good"), "", ""]


def test_a_candidate_that_failed_its_golden_run_has_shown_nothing(board):
    board.behaviours["bad"].proves = GateError("golden run: killed by SIGSEGV")
    board.live(offer_of("bad"))
    assert board.life.proven_sha256(digest("bad")) == ""


def test_releases_that_are_not_needed_go(board):
    for revision, name in enumerate(("good", "better", "bad"), 1):
        assert board.live(offer_of(name, revision=revision)).stage == "confirmed"
    kept = {path.name for path in (board.folder / "releases").iterdir()}
    assert kept == {board.factory, digest("better"), digest("bad")}
    assert list((board.folder / "downloads").iterdir()) == []


@pytest.mark.parametrize(
    ("behaviour", "end", "reason"),
    [
        (Behaviour(proves=GateError("golden run: killed by SIGSEGV")), "refused", "golden run: killed by SIGSEGV"),
        (Behaviour(compares=Comparison(agreement=0.2)), "refused", "expected an agreement of 0.9 or more, got 0.200"),
        (Behaviour(compares=InputError("killed by SIGSEGV")), "refused", "killed by SIGSEGV"),
        (Behaviour(switches=InputError("cannot be loaded")), "rolled_back", "cannot be loaded"),
        (Behaviour(beats=(Beat(results=0, nan=9),)), "rolled_back", "expected a result of each sample, got none"),
        (
            Behaviour(beats=(Beat(latency_p50_ms=50),) * 3),
            "rolled_back",
            "expected at most 2 times 10.00 ms",
        ),
    ],
)
def test_a_bad_release_is_not_kept(board, behaviour, end, reason):
    board.behaviours["bad"] = behaviour
    state = board.live(offer_of("bad"))
    assert state.stage == end
    assert state.reason.startswith(reason)
    assert (board.current, board.ran[-1]) == (board.factory, board.factory)
    assert [path.name for path in (board.folder / "releases").iterdir()] == [board.factory]


def test_a_bad_release_is_tried_once_a_revision(board):
    board.behaviours["bad"] = Behaviour(beats=(Beat(results=0, nan=9),))
    board.live(offer_of("bad"))
    board.live(offer_of("bad"), offer_of("bad"))
    assert board.fetched == ["parts-" + digest("bad")[0]]
    board.live(offer_of("bad", revision=2), until=lambda: len(board.fetched) == 2)


def test_another_model_than_the_one_that_was_proven_is_not_run(board):
    board.behaviours["bad"] = Behaviour(model_sha256="f" * 64)
    state = board.live(offer_of("bad"))
    assert (state.stage, state.reason) == ("rolled_back", f"worker: expected model {digest('bad')}, got {'f' * 64}")
    assert board.ran[-1] == board.factory


def test_a_worker_that_dies_of_the_model_ends_the_trial(board):
    board.behaviours["bad"] = Behaviour(beats=())
    life = board.start()
    life.offer(offer_of("bad"))
    wait_for(lambda: board.ran[-1:] == [digest("bad")])
    life.fail("camera:0: unplugged", is_models=False)
    life.fail("killed by SIGSEGV", is_models=True)
    wait_for(lambda: life.state.stage == "rolled_back" and life.state.is_settled)
    board.stop()
    assert (life.state.reason, board.ran[-1]) == ("killed by SIGSEGV", board.factory)


def test_what_is_nobodys_fault_is_tried_again(board):
    board.behaviours["good"].compares = Comparison(samples=0)
    life = board.start()
    life.offer(offer_of("good"))
    wait_for(lambda: life.state.reason == "expected samples to compare, got none")
    board.behaviours["good"].compares = LATER
    wait_for(lambda: life.state.reason == str(LATER))
    assert life.report().reason == str(LATER)
    board.behaviours["good"].compares = Comparison()
    wait_for(lambda: life.state.stage == "confirmed" and life.state.is_settled)
    board.stop()


def test_an_offer_is_heard_while_another_one_is_fetched(board):
    life = board.start()
    fetch, hangs = board.fetch, []

    def endless(offer, into, progress):
        hangs.append(offer.release)
        while offer.package.sha256 == digest("good"):
            progress(1, 2)
        return fetch(offer, into, progress)

    board.fetch = endless
    life.offer(offer_of("good"))
    wait_for(lambda: life.report().done_bytes == 1)
    assert (life.report().state, life.report().size_bytes) == ("fetching", len(content("good")))
    life.offer(offer_of("good"))
    life.offer(offer_of("better", revision=2))
    wait_for(lambda: life.state.stage == "confirmed" and life.state.is_settled)
    board.stop()
    assert board.current == digest("better")
    assert hangs == [f"parts-{digest(name)[0]}" for name in ("good", "better")]


def test_a_life_that_is_stopped_in_a_download_goes_on_with_it(board):
    fetch = board.fetch

    def endless(_offer, _into, progress):
        while True:
            progress(1, 2)

    board.fetch = endless
    board.live(offer_of("good"), until=lambda: board.life.report().done_bytes == 1)
    board.fetch = fetch
    assert board.live().stage == "confirmed"


def test_a_model_in_use_that_is_unwanted_is_left(board):
    board.live(offer_of("good"))
    life = board.start()
    life.leave("asked for")
    wait_for(lambda: life.state.stage == "rolled_back" and life.state.is_settled)
    board.stop()
    assert (board.current, board.ran[-1], life.state.reason) == (board.factory, board.factory, "asked for")


def test_a_release_that_cuts_the_board_off_goes(board):
    life = board.start()
    life.reach()
    life.offer(offer_of("good", offline_s=0.3))
    wait_for(lambda: life.state.stage == "rolled_back" and life.state.is_settled)
    board.stop()
    assert life.state.reason == "expected to reach the fleet within 0.3 s, as before it, got no answer"
    assert board.ran[-1] == board.factory


def test_a_release_that_reaches_the_fleet_stays(board):
    life = board.start()
    life.reach()
    life.offer(offer_of("good", offline_s=1000.0))
    wait_for(lambda: life.state.stage == "confirmed" and life.state.is_settled)
    assert life.state.awaits_fleet
    life.reach()
    wait_for(lambda: not life.state.awaits_fleet)
    board.stop()


def test_a_release_in_use_that_is_damaged_is_fetched_anew(board):
    board.live(offer_of("good"))
    board.slots.package(digest("good")).write_bytes(b"other bytes")
    state = board.live(until=lambda: len(board.fetched) == 2 and board.life.state.is_settled)
    assert (state.stage, board.current) == ("confirmed", digest("good"))
    assert board.ran[-2:] == [board.factory, digest("good")]


def test_a_model_in_use_that_does_not_load_any_more_is_left(board):
    board.live(offer_of("good"))
    board.behaviours["good"].switches = InputError("onnxruntime: cannot load it any more")
    state = board.live()
    assert (state.stage, state.reason) == ("rolled_back", "onnxruntime: cannot load it any more")
    assert (board.current, board.ran[-1]) == (board.factory, board.factory)


def test_a_board_without_a_model_takes_its_first_and_stops_a_bad_one(board):
    (board.folder / "current").unlink()
    shutil.rmtree(board.folder / "releases")
    board.behaviours["bad"] = Behaviour(beats=(Beat(results=0, nan=9),))
    assert board.live(offer_of("bad")).stage == "rolled_back"
    assert (board.ran[-1], board.current) == ("", "")
    board.stages.clear()
    assert board.live(offer_of("good", revision=2)).stage == "confirmed"
    assert "shadow" not in board.stages


def test_a_trial_goes_on_after_a_restart_and_is_counted(board):
    board.behaviours["good"].beats = (Beat(),) * 2
    board.live(offer_of("good"), until=lambda: board.ran[-1:] == [digest("good")])
    board.behaviours["good"].beats = (Beat(),) * 10
    state = board.live(until=lambda: board.life.state.stage == "confirmed" and board.life.state.is_settled)
    assert (state.stage, board.ran[1:]) == ("confirmed", [digest("good")] * 2)


def test_a_state_that_cannot_be_read_leaves_what_was_in_use(board):
    board.behaviours["good"].beats = ()
    board.live(offer_of("good"), until=lambda: board.ran[-1:] == [digest("good")])
    with State(board.folder / "state.db") as state:
        state.write({"update": b"\x00"})
    board.live(until=lambda: board.ran[-1] == board.factory)
    assert board.life.state == UpdateState()


class _FullDisk:
    """A state that cannot be written for a while."""

    def __init__(self, state):
        self.state, self.is_full = state, False

    def read(self, name):
        return self.state.read(name)

    def write(self, documents):
        if self.is_full:
            raise UnavailableError("state.db: expected a database that can be written, got a full disk")
        self.state.write(documents)

    def close(self):
        self.state.close()


def test_nothing_new_is_begun_on_a_full_disk_and_going_back_is(board):
    board.behaviours["bad"].beats = ()
    life = board.start()
    life._store = disk = _FullDisk(life._store)
    disk.is_full = True
    life.offer(offer_of("bad"))
    wait_for(lambda: life.state.stage == "offered")
    assert board.fetched == []
    disk.is_full = False
    wait_for(lambda: board.ran[-1] == digest("bad"))
    disk.is_full = True
    life.fail("killed by SIGSEGV", is_models=True)
    wait_for(lambda: board.ran[-1] == board.factory)
    disk.is_full = False
    wait_for(lambda: life.state.is_settled)
    life.leave("asked for")
    wait_for(lambda: UpdateState.decode(disk.read("update")) == life.state)
    board.stop()


def test_an_unexpected_error_in_a_trial_ends_it(board):
    board.behaviours["bad"].switches = KeyError("a bug")
    state = board.live(offer_of("bad"))
    assert (state.stage, state.reason) == ("rolled_back", "KeyError: 'a bug'")


def test_a_download_that_is_something_else_is_fetched_anew_a_few_times(board):
    def other(offer, into, _progress):
        board.fetched.append(offer.release)
        into.mkdir(parents=True, exist_ok=True)
        (into / f"{offer.package.sha256}.edge").write_bytes(b"other")
        return into

    board.fetch = other
    state = board.live(offer_of("good"))
    assert (state.stage, len(board.fetched)) == ("refused", 3)
    assert state.reason.endswith("fetched 3 times")


def test_a_source_that_cannot_be_trusted_is_asked_again(board):
    def wrong(offer, _into, _progress):
        board.fetched.append(offer.release)
        raise TrustError("source: expected blocks as they were signed, got 8 others")

    fetch, board.fetch = board.fetch, wrong
    life = board.start()
    life.offer(offer_of("good"))
    wait_for(lambda: len(board.fetched) == 3)
    board.fetch = fetch
    wait_for(lambda: life.state.stage == "confirmed" and life.state.is_settled)
    board.stop()


def test_beats_that_nobody_hears_have_a_bound(board):
    life = board.start()
    board.stop()
    for _ in range(2000):
        life.beat(Beat())
    assert life._inbox.qsize() <= 1001


def test_what_the_model_before_did_is_what_the_candidate_is_compared_to(board):
    life = board.start()
    for _ in range(5):
        life.beat(replace(Beat(), latency_p50_ms=8.0))
    life.offer(offer_of("good"))
    wait_for(lambda: life.state.stage == "confirmed" and life.state.is_settled)
    board.stop()
    assert 8.0 <= life.state.baseline.latency_ms <= 10.0
