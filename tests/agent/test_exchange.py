from __future__ import annotations

import pytest

from edge_sdk.agent.exchange import BlockExchange, hand_out
from edge_sdk.errors import UnavailableError
from edge_sdk.wire import encode
from edge_sdk.wire.blocks import Block, Get


def answer_to(request, data=b"data"):
    return Block(request, "metadata/timestamp.json", 0, len(data), is_found=True, data=data).encode()


def question(request):
    return encode(Get(request, "metadata/timestamp.json", 0, 1))


def test_an_answer_goes_to_whoever_asked():
    asked = []
    one, other = (BlockExchange(lambda payload: asked.append(payload) or 1) for _ in range(2))
    one.ask(question(1))
    other.ask(question(2))
    for payload in (answer_to(2), answer_to(1), answer_to(3), b"no block"):
        hand_out(payload, (one, other))
    assert asked == [question(1), question(2)]
    assert (one.answer(timeout_s=0.1), one.answer(timeout_s=0.01)) == (answer_to(1), None)
    assert (other.answer(timeout_s=0.1), other.answer(timeout_s=0.01)) == (answer_to(2), None)


def test_without_a_connection_a_question_is_an_error():
    with pytest.raises(UnavailableError, match="broker: expected a connection, got none"):
        BlockExchange(lambda _: None).ask(question(1))


def test_answers_that_nobody_takes_have_a_bound():
    exchange = BlockExchange(lambda _: 1)
    exchange.ask(question(1))
    for _ in range(100):
        hand_out(answer_to(1), (exchange,))
    taken = 0
    while exchange.answer(timeout_s=0.0001) is not None:
        taken += 1
    assert taken == 32
