from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.frameworks.conftest import TRAINED
from tests.frameworks.keras_digits import shaped, trained

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
pytest.importorskip("ai_edge_litert")


def _tflite(kind, pixels, classes, *, integers):
    model = trained(kind, pixels[:TRAINED], classes[:TRAINED])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if integers:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([row[None]] for row in shaped(kind, pixels[:100]))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


@pytest.fixture
def made(digits, tmp_path):
    """Return a function that trains a kind and writes it as a TFLite file beside its test set."""

    def make(kind, *, integers):
        (tmp_path / "model.tflite").write_bytes(_tflite(kind, *digits, integers=integers))
        np.save(tmp_path / "test.npy", shaped(kind, digits[0][TRAINED:]))
        return {"source": tmp_path / "model.tflite", "inputs": str(tmp_path / "test.npy"), "samples": 597}

    return make


@pytest.mark.parametrize("kind", ["dense", "cnn"])
def test_a_file_in_float_agrees_with_litert_on_the_whole_test_set(kind, made, converted):
    report, _ = converted(**made(kind, integers=False))
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0


@pytest.mark.parametrize("kind", ["dense", "cnn"])
def test_a_file_in_integers_keeps_its_integers(kind, made, converted):
    report, _ = converted(**made(kind, integers=True))
    (steps,) = report.parity.steps
    assert steps.within_one >= 0.999
    assert report.inputs[0].dtype == "float32"
    assert report.parity.agreement.changed == 0


def test_a_file_in_integers_becomes_float_without_rounding_on_request(made, converted, tmp_path):
    report, _ = converted(**made("cnn", integers=True), dequantize=True)
    assert not [node for node in onnx.load(tmp_path / "model.onnx").graph.node if "Quantize" in node.op_type]
    assert report.parity.outputs[0].snr_db >= 10


@pytest.mark.parametrize("name", ["resnet8_cifar10_float.tflite", "vww_mobilenet_v1_0.25_96_float.tflite"])
def test_float_files_of_others_come_in(name, source_of, converted):
    report, _ = converted(source_of(name), layout="nchw")
    assert report.inputs[0].shape[1] == 3
    assert report.parity.outputs[0].snr_db >= 80
