from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from tests.frameworks.conftest import TRAINED
from tests.frameworks.keras_digits import shaped, trained

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
ARM = "kws_ds_cnn_s_arm_frozen.pb"


@pytest.mark.parametrize("kind", ["dense", "cnn", "lstm"])
def test_a_saved_model_agrees_with_tensorflow_on_the_whole_test_set(kind, digits, converted, tmp_path):
    pixels, classes = digits
    trained(kind, pixels[:TRAINED], classes[:TRAINED]).export(tmp_path / "saved", verbose=False)
    given = shaped(kind, pixels[TRAINED:])
    np.save(tmp_path / "test.npy", given)
    report, run = converted(tmp_path / "saved", inputs=str(tmp_path / "test.npy"), samples=len(given))
    (logits,) = report.parity.outputs
    assert logits.snr_db >= 80
    assert report.parity.agreement.changed == 0
    (found,) = run({report.inputs[0].name: given}).values()
    assert (found.argmax(1) == classes[TRAINED:]).mean() > 0.8


def test_a_saved_model_that_assigns_to_its_variables_is_refused_with_the_way_out(digits, converted, tmp_path):
    pixels, classes = digits
    trained("dropout", pixels[:64], classes[:64]).export(tmp_path / "saved", verbose=False)
    with pytest.raises(InputError, match="got one that assigns to them") as refused:
        converted(tmp_path / "saved")
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
