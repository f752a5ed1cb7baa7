from __future__ import annotations

import json
import re
import tempfile
from functools import cache

import onnx
import pytest

from edge_sdk import metadata
from edge_sdk.preprocess import ImageSteps
from tests.frameworks.conftest import pad_wrongly
from tests.frameworks.keras_digits import QUICK, RECURRENT, SHAPES, held_out, on_the_test_set, trained, unrolled
from tests.frameworks.snippets import run_page
from tests.frameworks.tflite_metadata_file import with_metadata

tf = pytest.importorskip("tensorflow")
pytest.importorskip("tf2onnx")
pytest.importorskip("ai_edge_litert")


@cache
def _tflite(kind, *, integers):
    """Return a trained model of a kind as a TFLite file; recurrent ones have a batch of 1, and in integers no loops."""
    model = unrolled(trained(kind)) if integers and kind in RECURRENT else trained(kind)
    batch = 1 if kind in RECURRENT else None
    with tempfile.TemporaryDirectory() as folder:
        signature = [tf.TensorSpec((batch, *SHAPES[kind]), tf.float32, name="digit")]
        model.export(folder, verbose=False, input_signature=signature)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if integers:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([row[None]] for row in held_out(kind)[:100])
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes a trained model of a kind as a TFLite file."""

    def save(kind, *, integers):
        (tmp_path / "model.tflite").write_bytes(_tflite(kind, integers=integers))
        return tmp_path / "model.tflite"

    return save


@pytest.mark.parametrize("kind", [*QUICK, "gru", "bidirectional"])
def test_a_file_in_float_agrees_with_litert_on_the_whole_test_set(kind, saved, converted, tmp_path):
    report, _ = converted(saved(kind, integers=False), **on_the_test_set(kind, tmp_path))
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0
    assert report.parity.batches == ((1,) if kind in RECURRENT else (1, 3))


@pytest.mark.parametrize("kind", ["dense", "cnn", "lstm", "gru"])
def test_a_file_in_integers_keeps_its_integers(kind, saved, converted, tmp_path):
    report, _ = converted(saved(kind, integers=True), **on_the_test_set(kind, tmp_path))
    (steps,) = report.parity.steps
    assert steps.within_one >= 0.999
    assert report.inputs[0].dtype == "float32"
    assert report.parity.agreement.changed == 0


@pytest.mark.parametrize("kind", ["cnn", "gru"])
def test_a_file_in_integers_becomes_float_without_rounding_on_request(kind, saved, converted, tmp_path):
    report, _ = converted(saved(kind, integers=True), dequantize=True, **on_the_test_set(kind, tmp_path))
    assert not [node for node in onnx.load(tmp_path / "model.onnx").graph.node if "Quantize" in node.op_type]
    assert "within the range of the source's integers" in report.parity.inputs
    assert report.parity.outputs[0].snr_db >= 10


def test_what_metadata_state_goes_into_the_onnx_model(converted, tmp_path):
    names = tuple(f"digit {number}" for number in range(10))
    content = with_metadata(_tflite("cnn", integers=False), mean=1.0, std=254.0, labels=names)
    (tmp_path / "model.tflite").write_bytes(content)
    report, _ = converted(tmp_path / "model.tflite", layout="nchw")
    steps = ImageSteps((8, 8), color="gray", divisor=1.0, mean=(1.0,), std=(254.0,), layout="nchw")
    assert report.preprocess.image == steps
    assert report.labels == names
    assert "8 random pictures" in report.parity.inputs
    assert report.parity.outputs[0].snr_db >= 80
    stated = {entry.key: json.loads(entry.value) for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert stated[metadata.LABELS] == list(names)
    assert stated[metadata.PREPROCESS]["image"]["std"] == [254.0]


@pytest.mark.parametrize("integers", [False, True])
def test_the_operator_that_is_padded_wrongly_is_named(integers, saved, spoilt):
    parity = spoilt(saved("cnn", integers=integers), lambda graph: pad_wrongly(graph, 1))
    assert parity.failure
    assert re.match(r"\S*/second\S*, behind \S*/pool\S*, which is still the same", parity.first)


@pytest.mark.parametrize("name", ["resnet8_cifar10_float.tflite", "vww_mobilenet_v1_0.25_96_float.tflite"])
def test_float_files_of_others_come_in(name, source_of, converted):
    report, _ = converted(source_of(name), layout="nchw")
    assert report.inputs[0].shape[1] == 3
    assert report.parity.outputs[0].snr_db >= 80


@pytest.mark.timeout(900)
def test_the_page_is_true(tmp_path):
    assert "597 results + 0 errors" in run_page("tflite", tmp_path)
