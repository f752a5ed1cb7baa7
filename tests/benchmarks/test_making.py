from __future__ import annotations

from scripts.benchmarks import making
from scripts.benchmarks.case import prepare_case
from scripts.benchmarks.contenders import PEERS, edge_sdk_for
from scripts.benchmarks.environments import pinned_versions
from scripts.benchmarks.models import model_table, open_model


def test_edge_sdk_that_takes_too_long_is_a_row_like_any_other(tmp_path):
    case = prepare_case(
        open_model("parts_detector", model_table("detectors.toml")["parts_detector"], tmp_path), tmp_path
    )
    made = making.make(edge_sdk_for("raspberry-pi-5")[0], case, tmp_path / "ours", limit_s=0.2)
    assert (made.file, made.note) == ("", "timed out after 0 s")
    assert made.seconds is not None


def test_each_peer_has_a_key_of_its_own_and_pins_what_the_page_names():
    assert len({one.key for one in PEERS}) == len(PEERS)
    assert [one.name for one in PEERS if one.package not in pinned_versions(one.environment)] == []
