import subprocess
import sys

import pytest

from edge_sdk.agent.mail import Mail, Sender
from edge_sdk.broker.happening import Acknowledged, Connected
from edge_sdk.errors import InputError
from edge_sdk.fleet.store import Store
from edge_sdk.outbox import Limit, Outbox
from edge_sdk.wire import encode
from edge_sdk.wire.messages import Ack, Batch
from tests.agent.mailing import PLACE, Board, ingesting, kept
from tests.mosquitto import Mosquitto


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "fleet.db") as store:
        yield store


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def board(tmp_path, broker):
    with Board(tmp_path / "outbox.db", broker.port) as board:
        yield board


def rows(count, first=0):
    return [b'{"n":%d}' % number for number in range(first, first + count)]


def texts(count, first=0):
    return [row.decode() for row in rows(count, first)]


def test_rows_reach_the_fleet_in_order_and_leave_the_outbox(board, broker, store):
    board.put(*rows(2000))
    board.put(b'{"kind":"start"}', stream="events")
    with ingesting(store, broker.port):
        board.work_until(lambda: board.waits == 0)
    assert kept(store) == texts(2000)
    assert kept(store, "events") == ['{"kind":"start"}']


def test_without_an_ingest_nothing_is_deleted_and_all_comes_when_there_is_one(board, broker, store):
    board.put(*rows(50))
    for _ in range(40):
        board.turn()
    assert board.waits == 50
    with ingesting(store, broker.port):
        board.work_until(lambda: board.waits == 0)
    assert kept(store) == texts(50)


def test_an_ingest_that_stored_and_could_not_acknowledge_keeps_each_row_once(board, broker, store):
    board.put(*rows(50))
    batch = Batch("results", board.outbox.log, 0, 0, tuple(rows(20)))
    with ingesting(store, broker.port):
        broker.publish(PLACE.up("results"), batch.encode())
        board.work_until(lambda: board.waits == 0)
    assert kept(store) == texts(50)


def test_rows_that_were_dropped_are_a_gap_that_the_fleet_counts(tmp_path, broker, store):
    with Board(tmp_path / "o.db", broker.port, limits={"results": Limit(4000)}) as board:
        board.put(*rows(300))
        with ingesting(store, broker.port):
            board.work_until(lambda: board.waits == 0)
        (account,) = store.accounts()
        assert account.received == len(kept(store)) == 300 - account.missing
        assert account.missing == board.outbox.accounts()["results"].dropped
        assert kept(store)[-1] == '{"n":299}'


@pytest.mark.parametrize("poison", [b"no json", b"[1]", b"\xff", b"[" * 100_000])
def test_a_row_that_is_no_json_object_is_set_aside_and_told(board, broker, store, poison):
    board.put(*rows(10), poison, *rows(10, 10))
    with ingesting(store, broker.port) as ingest:
        board.work_until(lambda: board.waits == 0)
    assert kept(store) == texts(20)
    assert (ingest.counts.refused, ingest.counts.missing) == (0, 1)
    assert board.mail.set_aside == board.outbox.accounts()["results"].set_aside == 1
    assert board.told[0].startswith("row 10 of results was set aside: ")


def test_a_row_that_is_larger_than_the_broker_takes_is_set_aside(tmp_path, store):
    with (
        Mosquitto(tmp_path, "allow_anonymous true", "max_packet_size 5000") as broker,
        Board(tmp_path / "o.db", broker.port) as board,
        ingesting(store, broker.port),
    ):
        board.put(*rows(5), b'{"a":"%s"}' % (b"x" * 6000), *rows(995, 5))
        board.work_until(lambda: board.waits == 0)
        assert "expected at most 4488 bytes, as the broker takes, got 6008" in board.told[0]
    assert kept(store) == texts(1000)


def test_a_row_that_the_broker_drops_in_silence_is_found_and_set_aside(tmp_path, store):
    """Mosquitto's message_size_limit acknowledges what it drops, or hangs up, by its version."""
    with (
        Mosquitto(tmp_path, "allow_anonymous true", "message_size_limit 3000") as broker,
        Board(tmp_path / "o.db", broker.port, patience_s=0.2) as board,
        ingesting(store, broker.port),
    ):
        board.put(*rows(5), b'{"a":"%s"}' % (b"x" * 4000), *rows(95, 5))
        board.work_until(lambda: board.waits == 0)
        assert board.mail.set_aside == 1
        assert "row 5 of results" in board.told[0]
    assert kept(store) == texts(100)


def test_a_broker_that_refuses_a_topic_costs_no_row(tmp_path):
    (tmp_path / "acl").write_text("topic readwrite edge/v1/plant/press-4/up/events\ntopic read edge/#\n")
    with (
        Mosquitto(tmp_path, "allow_anonymous true", f"acl_file {tmp_path / 'acl'}") as broker,
        Board(tmp_path / "o.db", broker.port) as board,
    ):
        board.put(*rows(5))
        board.put(b'{"kind":"start"}', stream="events")
        for _ in range(60):
            board.turn()
        assert board.waits == 6
        assert board.mail.set_aside == 0


def test_a_connection_that_breaks_again_and_again_costs_no_row(tmp_path, store):
    mosquitto = Mosquitto(tmp_path)
    with mosquitto, Board(tmp_path / "o.db", mosquitto.port) as board, ingesting(store, mosquitto.port):
        for turn in range(6):
            board.put(*rows(200, 200 * turn))
            board.turn()
            mosquitto._process.kill()
            mosquitto._process.wait()
            mosquitto.__enter__()
        board.work_until(lambda: board.waits == 0)
        assert board.mail.set_aside == 0
    assert kept(store) == texts(1200)


class Line:
    """A link whose broker takes a batch when the test says so."""

    def __init__(self):
        self.sent = []

    def publish(self, name, payload, *, retain=False):
        self.sent.append(Batch.decode(payload, where=name))
        return len(self.sent)


def test_a_slow_line_carries_two_batches_at_a_time_smaller_ones_and_none_twice(tmp_path):
    line, clock = Line(), [0.0]
    with Outbox.open(tmp_path / "o.db", {"results": Limit(10_000_000)}) as outbox:
        for row in [b'{"a":"%s"}' % (b"x" * 2000)] * 1000:
            outbox.put("results", row)
        outbox.flush()
        mail = Mail(outbox, line, Sender(PLACE), now_s=lambda: clock[0])
        mail.hear(Connected(1 << 20, "5"))
        for number in range(1, 31):
            mail.send()
            assert len(line.sent) == number + 1, "two are on the line"
            clock[0] += 10.0
            mail.hear(Acknowledged(number))
            came = line.sent[number - 1]
            mail.acknowledge(encode(Ack(came.log, {"results": came.first_seq + len(came.rows)})))
    begins = [batch.first_seq for batch in line.sent]
    assert begins == sorted(set(begins)), "nothing was sent twice"
    sizes = [sum(map(len, batch.rows)) for batch in line.sent]
    assert sizes[0] > 100_000
    assert sizes[-1] < 5000


def test_an_acknowledgement_that_is_none_is_an_input_error(board):
    with pytest.raises(InputError, match="edge/v1/plant/press-4/down/ack: "):
        board.mail.acknowledge(b'{"schema":1,"log":7}')


def test_the_mail_imports_nothing_heavy():
    program = "import sys, edge_sdk.agent.mail, edge_sdk.broker.link; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert not {"numpy", "onnxruntime", "cv2", "tuf"} & set(done.stdout.split())
