from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps
from tests.frameworks.conftest import TRAINED
from tests.frameworks.keras_digits import SHAPES, shaped, trained

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pytest.importorskip("tf2onnx")


@pytest.mark.parametrize("kind", SHAPES)
def test_a_trained_model_agrees_with_keras_on_the_whole_test_set(kind, digits, converted, tmp_path):
    pixels, classes = digits
    model = trained(kind, pixels[:TRAINED], classes[:TRAINED])
    model.save(tmp_path / "model.keras")
    given = shaped(kind, pixels[TRAINED:])
    np.save(tmp_path / "test.npy", given)
    report, run = converted(tmp_path / "model.keras", inputs=str(tmp_path / "test.npy"), samples=len(given))
    (logits,) = report.parity.outputs
    assert logits.snr_db >= 80
    assert report.parity.batches == (1, 3)
    answers = run({"digit": given})["logits"].argmax(1)
    assert (answers == model(given, training=False).numpy().argmax(1)).all()
    assert (answers == classes[TRAINED:]).mean() > 0.8


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_model_of_another_backend_is_compared_with_that_backend(backend, converted, tmp_path, monkeypatch):
    pytest.importorskip(backend)
    keras.Sequential([keras.Input((8, 8, 3), name="x"), keras.layers.Conv2D(4, 3), keras.layers.Flatten()]).save(
        tmp_path / "model.keras"
    )
    monkeypatch.setenv("KERAS_BACKEND", backend)
    report, _ = converted(tmp_path / "model.keras", layout="nchw")
    assert backend in report.versions
    assert report.inputs[0].shape == ("batch", 3, 8, 8)
    assert report.parity.outputs[0].snr_db >= 80


def test_layers_that_prepare_pictures_are_part_of_the_model_and_its_input_stays_pixels(converted, tmp_path):
    layers = [keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Normalization(mean=0.5, variance=0.2)]
    keras.Sequential([keras.Input((6, 8, 3)), *layers, keras.layers.GlobalMaxPooling2D()]).save(tmp_path / "m.keras")
    report, _ = converted(tmp_path / "m.keras")
    assert report.preprocess.image == ImageSteps((8, 6), divisor=1.0, layout="nhwc")
    assert "part of the model: Rescaling, Normalization" in report.notes[0]


def test_what_computes_in_mixed_precision_is_compared_in_float32(converted, tmp_path):
    layer = keras.layers.Dense(4, dtype=keras.DTypePolicy("mixed_bfloat16"))
    keras.Sequential([keras.Input((8,)), layer]).save(tmp_path / "m.keras")
    report, _ = converted(tmp_path / "m.keras")
    assert report.outputs[0].dtype == "float32"
    assert report.parity.outputs[0].snr_db >= 80
    assert "mixed precision" in report.notes[0]


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_layer_is_code_and_needs_trust(suffix, converted, tmp_path):
    double = keras.layers.Lambda(lambda x: x * 2, output_shape=(8,))
    keras.Sequential([keras.Input((8,)), double]).save(tmp_path / f"m.{suffix}")
    with pytest.raises(InputError, match="expected --trust, for it has a Lambda layer, which is Python code"):
        converted(tmp_path / f"m.{suffix}")
    report, _ = converted(tmp_path / f"m.{suffix}", trusts=True)
    assert report.parity.outputs[0].snr_db >= 80


@pytest.mark.parametrize(
    "name", ["mobilenet_v1_0.25_224_keras.h5", "resnet8_cifar10.h5", "vww_mobilenet_v1_0.25_96.h5"]
)
def test_files_of_keras_2_come_in(name, source_of, converted):
    report, _ = converted(source_of(name))
    assert report.parity.outputs[0].snr_db >= 80
    assert report.inputs[0].shape[0] == "batch"
