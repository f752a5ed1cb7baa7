"""`edge-sdk fleet serve` as people start it: the broker as its child, and a board that becomes a member over HTTPS."""

from __future__ import annotations

import time

from edge_sdk.agent import enrol
from edge_sdk.agent.fetch import HttpSource, Tls
from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.trust import Shelf, Trust
from edge_sdk.agent.trust.job import run as verify_here
from edge_sdk.broker import Access
from edge_sdk.broker.address import Broker
from edge_sdk.broker.happening import Connected, Received
from edge_sdk.broker.link import Link
from edge_sdk.broker.record import LinkOptions
from edge_sdk.fleet.folder import Fleet, Settings
from edge_sdk.fleet.overview import overview
from edge_sdk.fleet.repository.keys import read_keys
from edge_sdk.fleet.repository.releases import add_release, assign
from edge_sdk.wire import decode, encode
from edge_sdk.wire.messages import Ack, Ask, Batch, Desired
from tests.fleet.hardened import free_port
from tests.fleet.serving import served


def heard(link, topic, record):
    """Wait for a message on a topic; return it."""
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        match link.next(timeout_s=0.2):
            case Received(topic=name, payload=payload, accept=accept):
                accept()
                if name == topic:
                    return decode(record, payload, where=topic)
    raise AssertionError(f"nothing on {topic}")


def test_a_small_fleet_is_served_by_one_command(tmp_path, package_path):
    folder, device, claim = tmp_path / "plant", tmp_path / "device", tmp_path / "claim.json"
    settings = Settings("plant", ("localhost",), free_port(), free_port(), bind="127.0.0.1")
    fleet = Fleet.create(folder, settings, now_s=int(time.time()))
    add_release(fleet.repository(read_keys(fleet.offline_keys)), package_path)
    assign(fleet.repository(), "groups", "hall-2", "tiny-7")
    claim.write_bytes(encode(fleet.enrolment().claim(fleet.home("press-4", ("hall-2",)), now_s=int(time.time()))))
    with served(folder) as record:
        home = enrol.enrol(claim, device).home
        assert (home.server, home.broker, record["runs_broker"]) == (record["server"], record["broker"], True)
        identity = device / "identity"
        ca, certificate, key = (identity / name for name in ("ca.pem", "certificate.pem", "key.pem"))
        access = Access(ca=str(ca), certificate=str(certificate), key=str(key))
        with Link(Broker.parse(home.broker), LinkOptions("press-4", (home.place.all_down,), access)) as link:
            assert isinstance(next(iter(lambda: link.next(timeout_s=5), None)), Connected)
            rows = Batch("results", "0" * 16, 0, 0, (b'{"seq":1}',))
            assert link.publish(home.place.up("results"), rows.encode())
            assert heard(link, home.place.down("ack"), Ack) == Ack("0" * 16, {"results": 1})
            assert link.publish(home.place.up("ask"), encode(Ask(boot=1)))
            assert heard(link, home.place.down("desired"), Desired).release == "tiny-7"
        state = State(device / "state.db")
        shelf = Shelf(device / "trust", state)
        shelf.begin(home.root.encode())
        source = HttpSource(f"{home.server}/repository", tls=Tls(ca, certificate, key))
        trust = Trust(shelf, source, TimeFloor(state), run=verify_here)
        offer = trust.offer(home.device, groups=home.groups, families=("fp32",))
        assert offer.release == "tiny-7"
        assert trust.fetch(offer, device / "downloads").stat().st_size == offer.package.size_bytes
    [known] = overview(fleet).devices
    assert (known.received, known.last_result.row, known.desired) == ({"results": 1}, {"seq": 1}, "tiny-7")
