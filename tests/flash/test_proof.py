"""What is said of a board that is on its way: each thing that can be wrong is told by where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.flash.proof import Aim, Clock, Seen, judge, wait

RIGHT, OTHER = "a" * 64, "b" * 64
AIM = Aim("press-4", RIGHT, "press-4")
PROVEN = Seen(
    is_enrolled=True, has_reported=True, is_online=True, worker="running", release="parts-1", model_sha256=RIGHT,
    proven_sha256=RIGHT, update="idle",
)  # fmt: skip
CASES = {
    "nobody looked": (Seen(), "reach", "nothing was heard of it yet", "has it power"),
    "not found": (
        Seen(is_ssh_open=False),
        "reach",
        "nothing was heard of it yet, and press-4.local is not found here",
        "name, password and country of the Wi-Fi",
    ),
    "customisation ignored": (Seen(is_ssh_open=False), "reach", "nothing was heard", "did not take the customisation"),
    "there, without SSH": (
        Seen(address="192.168.1.20", is_ssh_open=False),
        "reach",
        "nothing was heard of it yet; press-4.local is there (192.168.1.20), and does not take SSH",
        "does it reach the fleet's server",
    ),
    "there, with SSH": (
        Seen(address="192.168.1.20", is_ssh_open=True),
        "reach",
        "nothing was heard of it yet; press-4.local is there (192.168.1.20) and takes SSH",
        "on the board (ssh press-4.local): cat /opt/edge-sdk/boot/status.json; journalctl -u edge-sdk-first-boot -n 50",
    ),
    "an older card": (
        Seen(refused="claim: expected one that was made here, got another", is_strangers=True),
        "claim",
        "somebody of its name showed another claim: claim: expected one that was made here, got another",
        "is it started from an older card",
    ),
    "the claim ended": (
        Seen("enrol", "doing", refused="claim: expected one that still holds, got one that has ended"),
        "claim",
        "its claim was refused: claim: expected one that still holds, got one that has ended",
        "flash it again",
    ),
    "another key was faster": (
        Seen("enrol", "doing", refused="claim: got one that another key has used", is_enrolled=True),
        "claim",
        "its claim was refused: claim: got one that another key has used",
        "edge-sdk fleet keys revoke press-4",
    ),
    "on its way": (Seen("install", "doing"), "first boot", "its first boot is at 'install' (doing)", "first-boot"),
    "waits for the fleet": (
        Seen("enrol", "doing", "https://plant:8443: expected an answer, got timed out"),
        "enrolment",
        "its first boot is at 'enrol' (doing: https://plant:8443: expected an answer, got timed out)",
        "journalctl -u edge-sdk-first-boot",
    ),
    "wrong board": (
        Seen("board", "failed", "board: expected raspberry-pi-5, got raspberry-pi-4: wrong board"),
        "board",
        "its first boot failed at 'board': board: expected raspberry-pi-5, got raspberry-pi-4: wrong board",
        "flash the card with the --profile of the board that it is in",
    ),
    "no room": (
        Seen("check", "failed", "disk: expected 400 bytes free, got 120"),
        "first boot",
        "its first boot failed at 'check': disk: expected 400 bytes free, got 120",
        "journalctl",
    ),
    "a step that this version does not know": (
        Seen("dance", "failed", "no music"),
        "first boot",
        "its first boot failed at 'dance': no music",
        "journalctl",
    ),
    "golden samples failed": (
        replace(PROVEN, step="model", step_state="failed", step_reason="30 dB or better", model_sha256=OTHER),
        "model",
        "its first boot failed at 'model': 30 dB or better",
        "golden outputs on this very board",
    ),
    "no broker": (
        Seen("enrol", "done", is_enrolled=True),
        "broker",
        "is a member of its fleet, and its agent has not come to the broker yet",
        "does the board reach the broker's port",
    ),
    "standalone, just done": (Seen("done", "done"), "broker", "its agent has not reported yet", "edge-sdk-agent"),
    "gone again": (replace(PROVEN, is_online=False), "broker", "was connected, and is gone", "edge-sdk agent status"),
    "no model": (
        replace(PROVEN, model_sha256="", worker="running"),
        "worker",
        "is connected, and has loaded no model yet: its worker is running",
        "edge-sdk agent status",
    ),
    "no camera": (
        replace(PROVEN, model_sha256="", worker="failed: camera:0: expected a camera, got none"),
        "worker",
        "is connected, and its model does not run: failed: camera:0: expected a camera, got none",
        "edge-sdk doctor",
    ),
    "another digest": (
        replace(PROVEN, model_sha256=OTHER, release="parts-9", update="confirmed parts-9"),
        "model",
        f"runs another model: expected {'a' * 12}, got {'b' * 12} (parts-9, update confirmed parts-9)",
        "what its fleet assigns to it counts: edge-sdk fleet status press-4",
    ),
    "not proven": (
        replace(PROVEN, proven_sha256=""),
        "model",
        "runs the right model, and nobody knows that it gave its golden outputs there",
        "edge-sdk agent install --package",
    ),
    "another was proven": (replace(PROVEN, proven_sha256=OTHER), "model", "nobody knows", "agent install"),
}


@pytest.mark.parametrize(("seen", "where", "says", "look"), CASES.values(), ids=CASES)
def test_what_is_wrong_is_told_by_where_it_is_and_how_to_look_further(seen, where, says, look):
    verdict = judge(seen, AIM)
    assert (verdict.state, verdict.where) == ("going on", where)
    assert says in verdict.says
    assert look in "\n".join(verdict.look)


def test_a_board_is_proven_by_what_it_loaded_and_what_gave_its_golden_outputs():
    assert judge(PROVEN, AIM).state == "proven"
    for change in ({"is_online": False}, {"has_reported": False}, {"model_sha256": OTHER}, {"proven_sha256": OTHER}):
        assert judge(replace(PROVEN, **change), AIM).state == "going on"
    assert judge(replace(PROVEN, step="done", step_state="failed", refused="another"), AIM).state == "proven"


def test_a_board_of_unknown_name_is_told_of_without_one():
    verdict = judge(Seen("install", "doing", address="192.168.1.20", is_ssh_open=True), replace(AIM, hostname=""))
    assert verdict.look == ("on the board: journalctl -u edge-sdk-first-boot -n 50",)
    assert judge(Seen(is_ssh_open=False), replace(AIM, hostname="")).says == "nothing was heard of it yet"


class Film:
    """A board that shows one thing after another, each for some seconds."""

    def __init__(self, *scenes):
        self.shots = [seen for seen, seconds in scenes for _ in range(seconds)]
        self.now_s, self.told = 0.0, []

    def look(self):
        return self.shots[min(int(self.now_s), len(self.shots) - 1)]

    def wait(self, timeout_s=600.0):
        def sleep(seconds):
            self.now_s += seconds

        def tell(elapsed_s, verdict):
            if not self.told or self.told[-1][1] != verdict.where:
                self.told.append((elapsed_s, verdict.where))

        return wait(self, AIM, timeout_s=timeout_s, tell=tell, clock=Clock(lambda: self.now_s, sleep))


def test_the_wait_ends_with_the_proof_and_tells_the_way():
    film = Film((Seen(), 60), (Seen("check", "doing"), 2), (Seen("enrol", "doing"), 5), (PROVEN, 1))
    assert film.wait().state == "proven"
    assert film.told == [(0, "reach"), (60, "first boot"), (62, "enrolment"), (67, "proof")]


def test_a_step_that_failed_and_is_done_again_goes_on():
    failed = Seen("enrol", "failed", "fleet: expected an answer")
    film = Film((failed, 40), (Seen("check", "doing"), 3), (failed, 40), (PROVEN, 1))
    assert film.wait().state == "proven"


@pytest.mark.parametrize(
    ("seen", "after_s"),
    [
        (Seen("board", "failed", "wrong board"), 90),
        (Seen("enrol", "doing", refused="ended"), 10),
        (Seen("enrol", "done", is_enrolled=True), 300),
        (replace(PROVEN, model_sha256=OTHER), 90),
        (Seen("model", "doing"), 600),
        (Seen(), 600),
    ],
)
def test_what_does_not_mend_itself_has_stopped(seen, after_s):
    film = Film((seen, 1))
    verdict = film.wait()
    assert (verdict.state, verdict.says) == ("stopped", judge(seen, AIM).says)
    assert after_s <= film.now_s <= after_s + 1


def test_the_wait_is_over_when_its_time_is():
    film = Film((Seen("install", "doing"), 1))
    assert (film.wait(timeout_s=5.0).state, film.now_s) == ("stopped", 5.0)
