"""Whatever happens, in whatever order, with the power cut anywhere: what always holds of an update's life.

The board here is three links; it does what `step` says, well or badly, and is cut off before it, within it or after it.
"""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_sdk.agent import happening as happen
from edge_sdk.agent.health import Health
from edge_sdk.agent.update import ENDS, MAX_ATTEMPTS, MAX_FETCHES, UpdateState, step
from tests.agent.offers import offer

FACTORY = "0" * 64
ENOUGH = 5
GATES = {"trial_results": ENOUGH, "offline_s": 100.0}
WELL = {
    "weigh": happen.Weighed(1000, 2000),
    "fetch": happen.Fetched(),
    "stage": happen.Staged(),
    "tidy": happen.Tidied(),
    "prove": happen.Proved("d" * 64, 1, has_model=True, is_online=True),
    "compare": happen.Compared(50, 1.0, 1.0, 1, is_online=True),
    "wait": happen.Waited(),
}
BADLY = (
    happen.Failed("later"),
    happen.Spoiled("other bytes"),
    happen.Refuted("segfault"),
    happen.Weighed(1000, 10),
    happen.Found(),
    happen.Proved("d" * 64, 1, has_model=False),
    happen.Compared(0, 0.0, 0.0, 1),
    happen.Compared(50, 0.1, 1.0, 1),
    happen.Compared(50, 1.0, 5.0, 1),
)
WORLD = (happen.Restarted(), happen.Reached(), happen.CutOff(50.0), happen.CutOff(100.0))


class Board(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.state, self.effect = UpdateState(), None
        self.links = {"current": FACTORY, "previous": ""}
        self.results, self.confirmed, self.given_up = 0, {FACTORY}, set()

    def tell(self, event):
        before = self.state
        state, self.effect = step(before, event)
        self.state = UpdateState.decode(state.encode())  # it is on the disk before anything is done
        assert self.state == state
        self.keep_books(before, self.state)

    def keep_books(self, before, now):
        if now.stage == before.stage:
            return
        if now.stage in {"offered", "trial"}:
            assert (now.sha256, now.offer.revision) not in self.given_up, "what was given up is tried again"
        if now.stage == "trial":
            assert before.stage in {"golden", "shadow"}
            self.results = 0
        if now.stage == "confirmed":
            assert before.stage == "trial"
            assert self.results >= ENOUGH, "confirmed without enough healthy results"
            self.confirmed.add(now.sha256)
        self.given_up |= {(one.sha256, one.revision) for one in now.rejected}

    def end(self):
        """Do on the links what promoting and retreating do."""
        if self.effect == "promote" and self.links["current"] != self.state.sha256:
            self.links = {"previous": self.links["current"], "current": self.state.sha256}
        if self.effect == "retreat" and self.links["current"] == self.state.leaving:
            others = [one for one in (self.links["previous"], FACTORY) if one not in {"", self.state.leaving}]
            self.links["current"] = (*others, self.links["current"])[0]

    @initialize()
    def starts_up(self):
        self.tell(happen.Restarted())

    @precondition(lambda self: self.effect is None)
    @rule(digest=st.sampled_from("abc"), revision=st.integers(1, 3))
    def is_offered(self, digest, revision):
        self.tell(happen.Offered(offer(digest, revision=revision, **GATES), self.links["current"]))

    @precondition(lambda self: self.effect is not None)
    @rule(steps=st.integers(1, 12))
    def all_goes_well(self, steps):
        for _ in range(steps):
            if self.effect == "try":
                self.watch(1 + self.results, 0)
            elif self.effect in WELL:
                self.tell(WELL[self.effect])
            elif self.effect is not None:
                self.end()
                self.tell(happen.Settled(self.links["current"]))

    @rule(event=st.sampled_from(BADLY))
    def something_goes_wrong(self, event):
        self.tell(event)

    @rule(event=st.sampled_from(WORLD))
    def the_world_goes_on(self, event):
        self.tell(event)

    @rule(digest=st.sampled_from("abc"), revision=st.integers(1, 3))
    def something_else_is_wanted(self, digest, revision):
        self.tell(happen.Offered(offer(digest, revision=revision, **GATES), self.links["current"]))

    @rule()
    def what_is_in_use_is_unwanted(self):
        self.tell(happen.Unwanted("asked for", self.links["current"]))

    @precondition(lambda self: self.effect in {"promote", "retreat"})
    @rule(is_half=st.booleans())
    def the_power_is_cut_within_an_end(self, is_half):
        if self.effect == "promote" and is_half:
            self.links["previous"] = self.links["current"]
        else:
            self.end()
        self.tell(happen.Restarted())

    @precondition(lambda self: self.effect == "try")
    @rule(results=st.integers(0, 4))
    def it_fails_in_its_trial(self, results):
        self.watch(results, 9)

    def watch(self, results, failures):
        self.results = 0 if failures else results
        self.tell(happen.Watched(replace(Health.begin(0.0), results=results, failures=failures)))

    @invariant()
    def links_lead_to_what_was_confirmed_or_came_with_the_board(self):
        assert self.links["current"] in self.confirmed
        assert self.links["previous"] in {*self.confirmed, ""}

    @invariant()
    def attempts_are_bounded(self):
        assert self.state.attempts <= MAX_ATTEMPTS
        assert self.state.fetches <= MAX_FETCHES

    @invariant()
    def an_end_says_why(self):
        assert self.state.reason or self.state.stage not in {"refused", "rolled_back"}

    @invariant()
    def what_is_under_way_has_an_effect(self):
        is_over = self.state.stage == "idle" or (self.state.stage in ENDS and self.state.is_settled)
        assert (self.effect is None) == is_over

    @invariant()
    def a_candidate_is_in_use_in_its_trial_only_and_never_unwatched(self):
        assert (self.effect == "try") == (self.state.stage == "trial")


TestBoard = Board.TestCase
TestBoard.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
