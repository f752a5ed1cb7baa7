from __future__ import annotations

import warnings

import numpy as np
import pytest
from onnx import helper

from edge_sdk.errors import InputError
from edge_sdk.preprocess import Preprocess
from edge_sdk.quantize.measure import Evaluation, run_all
from edge_sdk.samples import read_samples
from edge_sdk.session import SessionConfig, open_session
from edge_sdk.tasks import TaskSpec
from edge_sdk.tensors import snr_db
from tests.quantize.cards import build


@pytest.mark.parametrize(
    ("expected", "got", "ratio"),
    [
        ([1.0, -2.0], [1.0, -2.0], 200),
        ([0.0, 0.0], [0.0, 0.0], 200),
        ([0.0, 0.0], [0.0, 1e-9], -200),
        ([3.0, 4.0], [3.0, 4.5], 20),  # power 25, error 0.25
        ([1.0], [11.0], -20),
        ([1.0], [np.nan], -200),
        ([1.0], [np.inf], -200),
        ([np.inf], [np.inf], -200),
    ],
)
def test_the_ratio_of_signal_to_noise(expected, got, ratio):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert snr_db(np.array(expected, np.float32), np.array(got, np.float32)) == pytest.approx(ratio)


def test_whole_numbers_are_measured_without_overflow():
    assert snr_db(np.array([200], np.uint8), np.array([100], np.uint8)) == pytest.approx(6.02, abs=0.01)


def evaluation(tmp_path, model):
    session = open_session(model.SerializeToString(), SessionConfig(), where="test")
    samples = read_samples(str(tmp_path / "x.npy"), Preprocess(), session.inputs)
    return session, Evaluation(TaskSpec("tensor"), samples, None, ())


def test_all_samples_are_run_in_order(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    model = build([helper.make_node("Neg", ["x"], ["y"])], {}, inputs=[("x", [1, 2])], outputs=[("y", [1, 2])])
    session, blank = evaluation(tmp_path, model)
    steps = []
    results = run_all(session, blank, steps.append)
    assert [one.tensors["y"].tolist() for one in results] == [[[0, -1]], [[-2, -3]], [[-4, -5]]]
    assert steps == [1, 1, 1]
    agreement = Evaluation(blank.task, blank.samples, None, results).measure(session, steps.append).accuracy
    assert (agreement.agreement, agreement.samples) == (1.0, 3)


def test_outputs_whose_size_depends_on_the_sample_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1, 1], [1, 0]], np.float32))
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Cast", ["n"], ["y"], to=1)]
    session, blank = evaluation(tmp_path, build(nodes, {}, inputs=[("x", [1, 2])], outputs=[("y", [2, None])]))
    with pytest.raises(InputError) as caught:
        run_all(session, blank, lambda _: None)
    assert str(caught.value) == f"{tmp_path}/x.npy[1]: expected y of shape [2, 2], got [2, 1]"
    assert "NMS" in caught.value.hint
