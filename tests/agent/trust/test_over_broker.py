"""The whole way of an update where only the broker can be reached: verified in a child, pulled in blocks."""

from edge_sdk.agent.fetch import MqttSource
from edge_sdk.agent.trust.child import run_in_child
from edge_sdk.package import open_package
from tests.lines import Line, serving
from tests.mosquitto import Mosquitto
from tests.repositories import Board, Operator


def test_an_update_comes_through_the_broker_alone(tmp_path, package_path):
    operator = Operator(tmp_path / "repository")
    operator.assign(operator.release(package_path), "hall-2", "groups")
    with Mosquitto(tmp_path) as broker, serving("127.0.0.1", broker.port, operator.folder) as server:
        line = Line("127.0.0.1", broker.port)
        board = Board(tmp_path / "board", operator, source=MqttSource(line), run=run_in_child)
        offer = board.offer(groups=("hall-2",))
        path = board.trust.fetch(offer, tmp_path / "downloads")
        line.close()
        assert open_package(path).digest == offer.package.sha256
        assert server.dropped == 0
