"""Every entry of the tables leads to a model that edge-sdk takes, and to samples that peers read."""

from __future__ import annotations

import pytest

from scripts.benchmarks.case import prepare_case
from scripts.benchmarks.models import is_here, model_table, open_model
from scripts.benchmarks.peers.exchange import count_feeds, read_feeds, read_truths

TABLE = model_table("models.toml", "detectors.toml")


@pytest.mark.parametrize("name", [name for name, entry in TABLE.items() if is_here(entry)])
def test_a_model_of_the_tables_is_prepared_for_peers(name, tmp_path):
    case = prepare_case(open_model(name, TABLE[name], tmp_path), tmp_path)
    first = next(read_feeds(case.evaluation))
    assert case.task.kind in {"classification", "detection"}
    assert [values.shape[0] for values in first.values()] == [1]
    assert count_feeds(case.calibration) >= 32
    assert count_feeds(case.evaluation) == len(case.truths) == len(read_truths(case.evaluation))
