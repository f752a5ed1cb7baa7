from edge_sdk.agent.lane import MAX_ROWS, Flight, Lane
from edge_sdk.outbox import Mark

_LOG = "0123456789abcdef"


def send(lane, begin, rows, *, sent_s=0.0, log=_LOG):
    lane.flights.append(Flight(begin + 1, Mark(log, begin), rows, sent_s, taken_s=sent_s))


def land(lane, next_seq, now_s=1.0, *, is_news=True, log=_LOG):
    lane.land(Mark(log, next_seq), now_s, is_news=is_news)


def test_eight_batches_are_on_their_way_and_leave_as_they_are_acknowledged():
    lane = Lane(patience_s=5)
    for place in range(8):
        assert lane.may_send(0)
        send(lane, 10 * place, 10)
    assert not lane.may_send(0)
    land(lane, 25)
    assert [flight.begin.next_seq for flight in lane.flights] == [20, 30, 40, 50, 60, 70]
    assert lane.end == Mark(_LOG, 80)
    land(lane, 100, log="f" * 16)
    assert len(lane.flights) == 6


def test_what_is_late_is_sent_anew_with_more_patience_up_to_a_minute():
    lane, waits = Lane(patience_s=5), []
    for _ in range(6):
        send(lane, 0, 10)
        waits.append(next(after for after in range(200) if lane.is_late(after)))
        lane.begin_anew()
        assert lane.end is None
    assert waits == [6, 11, 21, 41, 61, 61]
    land(lane, 10, 7.0)
    send(lane, 10, 10, sent_s=3.0)
    assert not lane.is_late(12.0), "seven was the last acknowledgement"
    assert lane.is_late(12.1)


def test_what_is_still_on_the_line_is_not_late():
    lane = Lane(patience_s=5)
    lane.flights.append(Flight(1, Mark(_LOG, 0), 10, sent_s=0.0))
    assert not lane.is_late(600.0)
    assert lane.is_late(606.0)
    lane.flights[0].taken_s = 100.0
    assert (lane.is_late(105.0), lane.is_late(106.0)) == (False, True)


def test_a_batch_that_is_blamed_is_taken_apart_and_a_row_that_is_blamed_five_times_is_poison():
    lane = Lane(patience_s=5)
    send(lane, 0, 100)
    assert lane.blame() is None
    assert lane.max_rows == 1
    for _ in range(4):
        send(lane, 0, 1)
        assert not lane.may_send(0), "one at a time"
        assert lane.blame() is None
    send(lane, 0, 1)
    assert lane.blame() == Mark(_LOG, 0)


def test_success_forgives():
    lane = Lane(patience_s=5)
    for begin in range(20):
        send(lane, begin, 1)
        assert lane.blame() is None
        land(lane, begin + 1)
    for _ in range(10):
        land(lane, 99)
    assert lane.max_rows == MAX_ROWS
