from edge_sdk.agent.worker.asking import refusal
from edge_sdk.agent.worker.candidates import try_candidate
from edge_sdk.agent.worker.messages import Refused, Shadow
from edge_sdk.errors import UnavailableError


class _Mouth:
    def __init__(self):
        self.said = []

    def say(self, report):
        self.said.append(report)


def test_a_worker_that_only_begins_is_not_held_against_a_candidate():
    mouth = _Mouth()
    try_candidate(Shadow("tiny-2.edge", 10, 5.0), None, mouth)
    cause = "worker: tiny-2.edge: expected a worker that runs, got one that begins"
    assert mouth.said == [Refused("shadow", cause)]
    assert isinstance(refusal(mouth.said[0]), UnavailableError)
