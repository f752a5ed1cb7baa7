from __future__ import annotations

import re
import shutil

import pytest

from edge_sdk.errors import InputError
from tests.frameworks.conftest import pad_wrongly
from tests.frameworks.keras_digits import QUICK, held_out, on_the_test_set, share_right, trained
from tests.frameworks.snippets import run_page

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
ARM = "kws_ds_cnn_s_arm_frozen.pb"


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes a trained model of a kind as a SavedModel."""

    def save(kind):
        trained(kind).export(tmp_path / "saved", verbose=False)
        return tmp_path / "saved"

    return save


@pytest.mark.parametrize("kind", [*QUICK, "gru", "bidirectional"])
def test_a_saved_model_agrees_with_tensorflow_on_the_whole_test_set(kind, saved, converted, tmp_path):
    report, run = converted(saved(kind), **on_the_test_set(kind, tmp_path))
    (logits,) = report.parity.outputs
    assert logits.snr_db >= 80
    assert report.parity.agreement.changed == 0
    assert report.parity.batches == (1, 3)
    assert share_right(*run({report.inputs[0].name: held_out(kind)}).values()) > 0.8


def test_a_batch_can_be_fixed_and_channels_come_first_on_request(saved, converted):
    report, _ = converted(saved("cnn"), shapes={"digit": (1, 8, 8, 1)}, layout="nchw")
    assert report.inputs[0].shape == (1, 1, 8, 8)
    assert report.parity.batches == (1,)
    assert report.parity.outputs[0].snr_db >= 80


def test_the_operator_that_is_padded_wrongly_is_named(saved, spoilt):
    parity = spoilt(saved("cnn"), lambda graph: pad_wrongly(graph, 1))
    assert "expected a signal-to-noise ratio of at least 80 dB" in parity.failure
    assert re.match(r"\S*/second\S*/\S+, behind \S*/pool\S*, which is still the same", parity.first)


def test_a_saved_model_that_assigns_to_its_variables_is_refused_with_the_way_out(saved, converted):
    with pytest.raises(InputError, match="got one that assigns to them") as refused:
        converted(saved("dropout"))
    assert "convert the Keras model itself" in refused.value.hint


def test_a_function_is_converted_by_its_signature(converted, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import tensorflow as tf\n"
        "@tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name='x')])\n"
        "def halves(x):\n    return {'low': x[:, :2], 'high': x[:, 2:] * tf.constant(3.0)}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report, _ = converted("mine:halves", framework="tensorflow")
    assert {output.name for output in report.outputs} == {"low", "high"}
    assert report.inputs[0].shape == ("batch", 4)


def test_a_concrete_function_is_converted_with_its_variables(converted, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import tensorflow as tf\n"
        "weights = tf.Variable(tf.random.stateless_normal((4, 3), seed=(0, 0)))\n"
        "@tf.function\n"
        "def scores(x):\n    return tf.nn.softmax(x @ weights)\n"
        "def build():\n    return scores.get_concrete_function(tf.TensorSpec((None, 4), tf.float32, name='x'))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    report, _ = converted("mine:build")
    assert report.framework == "tensorflow"
    assert report.inputs[0].shape == ("batch", 4)
    assert report.parity.outputs[0].snr_db >= 80
    with pytest.raises(InputError, match=r"expected a tf\.function with an input_signature, got none"):
        converted("mine:scores")


def test_python_in_a_saved_model_is_refused(converted, tmp_path):
    class Calls(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
        def __call__(self, x):
            return tf.ensure_shape(tf.py_function(lambda value: value + 1, [x], tf.float32), (1, 4))

    module = Calls()
    tf.saved_model.save(module, tmp_path / "saved", signatures=module.__call__)
    with pytest.raises(InputError, match="got EagerPyFunc, which calls Python code"):
        converted(tmp_path / "saved")


def test_a_saved_model_of_keras_2_comes_in(source_of, converted):
    report, _ = converted(source_of("kws_dscnn_mlperf_savedmodel"))
    assert report.parity.outputs[0].snr_db >= 80


def test_decoding_inside_a_frozen_graph_is_named_with_where_to_cut(source_of, converted):
    with pytest.raises(InputError, match="got AudioSpectrogram, DecodeWav, Mfcc") as refused:
        converted(source_of(ARM))
    assert "--inputs-at Mfcc:0" in refused.value.hint


def test_a_frozen_graph_is_cut_where_the_user_says(source_of, converted):
    report, _ = converted(source_of(ARM), inputs_at=("Mfcc:0",), shapes={"Mfcc": (1, 49, 10)})
    assert report.inputs[0].shape == (1, 49, 10)
    assert report.parity.outputs[0].snr_db >= 80


@pytest.mark.timeout(900)
def test_the_page_is_true(tmp_path, source_of):
    shutil.copy(source_of(ARM), tmp_path / "frozen.pb")
    assert "597 results + 0 errors" in run_page("tensorflow", tmp_path)
