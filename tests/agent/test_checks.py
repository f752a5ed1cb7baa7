from __future__ import annotations

import threading

import pytest

from edge_sdk.agent.checks import Checks, Looking
from edge_sdk.errors import TrustError, UnavailableError

HOUR_S = 3600.0


class Repository:
    """Gives what it is told to, one after the other, and counts."""

    def __init__(self, *answers):
        self.answers, self.looks, self.given, self.told = list(answers), threading.Semaphore(0), [], []

    def look(self):
        self.looks.release()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def checks_of(repository):
    looking = Looking(repository.look, repository.given.append, repository.told.append, HOUR_S)
    return Checks(looking, threading.Event())


def test_it_looks_soon_after_its_start_on_a_hint_and_not_on_an_old_one():
    repository = Repository("first", "second")
    over = threading.Event()
    checks = Checks(Looking(repository.look, repository.given.append, repository.told.append, HOUR_S), over)
    looking = threading.Thread(target=checks.run, daemon=True)
    looking.start()
    assert repository.looks.acquire(timeout=30)
    checks.hint(4)
    assert repository.looks.acquire(timeout=30)
    checks.hint(4)
    checks.hint(3)
    assert not repository.looks.acquire(timeout=0.5)
    over.set()
    checks.end()
    looking.join(10)
    assert not looking.is_alive()
    assert repository.given == ["first", "second"]


def test_the_next_look_comes_after_the_usual_time_a_third_more_or_less():
    waits_s = [checks_of(Repository("offer"))._look() for _ in range(200)]
    assert HOUR_S * 2 / 3 <= min(waits_s) < HOUR_S < max(waits_s) <= HOUR_S * 4 / 3


def test_a_source_that_is_not_there_is_asked_again_sooner_each_time_a_little_later():
    checks = checks_of(Repository(*[UnavailableError("server: gone")] * 20))
    waits_s = [checks._look() for _ in range(20)]
    assert 7.5 <= waits_s[0] <= 15
    assert waits_s[3] > waits_s[0]
    assert max(waits_s) <= HOUR_S * 4 / 3


@pytest.mark.parametrize("reason", ["targets was signed by 0/1 keys"])
def test_what_does_not_verify_is_told_once_and_again_after_something_that_does(reason):
    wrong = TrustError(reason)
    repository = Repository(wrong, wrong, None, wrong)
    checks = checks_of(repository)
    for _ in range(4):
        checks._look()
    assert repository.told == [reason, reason]
    assert repository.given == []
