"""The accounting law under any order of what can happen to the samples of two sources."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_sdk.runtime.accounting import Ledger, total
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.inbox import Inboxes

POLICIES = ("newest", "every")
SOURCES = st.sampled_from([0, 1])
FATES = st.sampled_from(["results", "errors", "stale"])
UNSEEN = st.sampled_from(["lost", "unreadable", "frozen", "gated", "slowed"])


class Traffic(RuleBasedStateMachine):
    """Two inboxes, a model that takes from them, and our own count of what must be in the ledgers."""

    def __init__(self):
        super().__init__()
        self.ledgers = [Ledger(), Ledger()]
        self.inboxes = Inboxes(list(zip(self.ledgers, POLICIES, strict=True)))
        self.boxes = list(self.inboxes)
        self.put, self.unseen, self.waiting, self.in_flight = [0, 0], [0, 0], [[], []], []
        self.is_open = True

    @rule(source=SOURCES)
    def read(self, source):
        if self.is_open and source == 1 and len(self.waiting[1]) == 4:
            return  # `every` would make the reading thread wait, and here is only one
        sample = Sample(np.zeros(1), self.put[source], 0, "file", str(source))
        self.boxes[source].put(sample)
        self.put[source] += 1
        if self.is_open:
            self.waiting[source] = [sample] if source == 0 else [*self.waiting[source], sample]

    @rule(source=SOURCES, cause=UNSEEN, count=st.integers(1, 5))
    def miss(self, source, cause, count):
        self.ledgers[source].skip(cause, count)
        self.unseen[source] += count

    @precondition(lambda self: any(self.waiting))
    @rule()
    def take(self):
        delivery = self.inboxes.take(timeout_s=0)
        assert delivery.sample is self.waiting[int(delivery.sample.source)].pop(0)
        self.in_flight.append(delivery)

    @precondition(lambda self: self.in_flight)
    @rule(fate=FATES)
    def settle(self, fate):
        self.in_flight.pop(0).ledger.settle(fate)

    @rule()
    def stop(self):
        self.inboxes.close()
        self.is_open, self.waiting = False, [[], []]

    @invariant()
    def every_sample_is_somewhere(self):
        for source, ledger in enumerate(self.ledgers):
            accounts = ledger.accounts
            assert accounts.captured == self.put[source] + self.unseen[source]
            assert accounts.waiting == len(self.waiting[source])
            assert accounts.in_flight == sum(delivery.ledger is ledger for delivery in self.in_flight)
        whole = total(ledger.accounts for ledger in self.ledgers)
        assert whole.captured == whole.waiting + whole.delivered + sum(whole.dropped.values())
        assert whole.delivered == whole.in_flight + whole.results + whole.errors + whole.stale


TestTraffic = Traffic.TestCase


def test_an_inbox_that_has_ended_is_exhausted_when_nothing_waits():
    ledger = Ledger()
    inboxes = Inboxes([(ledger, "every")])
    (inbox,) = inboxes
    inbox.put(Sample(np.zeros(1), 0, 0, "file", "x"))
    inbox.end()
    assert not inboxes.is_exhausted
    assert inboxes.take(timeout_s=0).sample.seq == 0
    assert inboxes.is_exhausted
    assert inboxes.take(timeout_s=10) is None


def test_what_is_replaced_while_there_is_no_model_has_a_cause_of_its_own():
    ledger = Ledger()
    inboxes = Inboxes([(ledger, "newest")])
    (inbox,) = inboxes
    for has_model, count in ((True, 2), (False, 3), (True, 1)):
        inboxes.tell_model(is_there=has_model)
        for _ in range(count):
            inbox.put(Sample(np.zeros(1), 0, 0, "file", "x"))
    assert ledger.accounts.dropped == {"replaced": 2, "swapping": 3}
    assert ledger.accounts.waiting == 1
