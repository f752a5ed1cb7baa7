"""What makes a measurement invalid, and what is only told."""

from __future__ import annotations

import pytest

from edge_sdk.runtime.sustain.conditions import Conditions
from edge_sdk.runtime.sustain.record import Course
from edge_sdk.runtime.thrift.board import BoardState
from tests.runtime.sustain.looks import look


def board(*held_back, has_been=(), **values):
    return BoardState(held_back=frozenset(held_back), has_been=frozenset(has_been), told_by=("firmware",), **values)


def conditions(*boards):
    """Return those of a measurement in which the board fared so from second to second."""
    seen = Conditions(look(0, boards[0]))
    for at_s, state in enumerate(boards[1:], 1):
        seen.take(look(at_s, state))
    return seen


def notes(seen):
    return list(seen.notes(max_temperature_c=80.0))


COOL = board()


def test_a_board_that_is_left_alone_disturbs_nothing():
    seen = conditions(COOL, COOL, COOL)
    assert (seen.disturbances(), notes(seen)) == ((), [])


@pytest.mark.parametrize(
    ("boards", "kind", "evidence"),
    [
        ((COOL, board("throttled"), COOL), "throttled", "seen in 1 of 3 looks, first after 1 s"),
        ((board("throttled"),) * 3, "throttled", "seen in 3 of 3 looks, first after 0 s"),
        ((board("throttled"), COOL, COOL), "throttled", "seen in 1 of 3 looks, first after 0 s"),
        ((COOL, COOL, board(has_been=["under-voltage"])), "under-voltage", "seen in 1 of 3 looks, first after 2 s"),
        (
            (board(events={"too hot": 7}), board(events={"too hot": 9})),
            "too hot",
            "seen in 1 of 2 looks, first after 1 s",
        ),
        ((board(clock_share=1.0), board(clock_share=0.6)), "allowed clock", "it was 60% to 100% of the highest"),
        ((board(clock_share=0.6), board(clock_share=1.0)), "allowed clock", "it was 60% to 100% of the highest"),
    ],
)
def test_a_board_that_was_held_back_for_a_while_makes_it_invalid(boards, kind, evidence):
    (disturbance,) = conditions(*boards).disturbances()
    assert (disturbance.kind, disturbance.evidence) == (kind, evidence)
    assert "measure" in disturbance.cure or "cool" in disturbance.cure


def test_a_clock_that_is_lower_under_full_load_makes_it_invalid():
    seen = Conditions(look(0, busy=1.0, mhz=2400))
    for at_s in range(1, 30):
        seen.take(look(at_s, busy=1.0, mhz=2400 if at_s < 20 else 1500))
    (disturbance,) = seen.disturbances()
    assert disturbance.kind == "clock under load"
    assert disturbance.evidence == "under full load cpu0 had 1500 MHz or less for 5 s, and 2400 MHz at other times"
    assert seen.clock_hz == Course(2.4e9, 1.5e9, 2.4e9, 1.5e9)


def test_what_was_before_is_only_told():
    seen = conditions(*[board(has_been=["under-voltage"])] * 3)
    assert seen.disturbances() == ()
    assert notes(seen) == ["before the measurement, not in it: under-voltage"]


def test_a_power_mode_is_only_told():
    seen = conditions(*[board(clock_share=0.6)] * 3)
    assert seen.disturbances() == ()
    assert notes(seen) == ["the clock was held at 60% of the highest all the time: that of this power mode"]


def test_heat_is_only_told_and_its_course_kept():
    seen = conditions(*(board(temperature_c=celsius) for celsius in (50.0, 84.0, 81.0)))
    assert seen.disturbances() == ()
    assert seen.temperature_c == Course(50.0, 50.0, 84.0, 81.0)
    assert notes(seen) == ["the processor had up to 84.0 °C, limit 80 °C"]


@pytest.mark.parametrize(("cpu_s", "outside", "told"), [(0.9, 0.1, 0), (0.5, 0.5, 1), (2.0, 0.0, 0)])
def test_what_others_do_is_told_where_it_is_much(cpu_s, outside, told):
    seen = Conditions(look(0))
    seen.take(look(1, busy=1.0, cpu_s=cpu_s))
    assert (seen.cpu_cores(), seen.outside_cores()) == (cpu_s, outside)
    assert len(notes(seen)) == told


def test_a_machine_that_tells_nothing_is_not_known_to_be_held_back():
    seen = Conditions(look(0))
    assert seen.first.board.told_by == ()
    assert (seen.temperature_c, seen.clock_hz, seen.disturbances()) == (None, None, ())
