from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.preprocess import ImageSteps
from tests.frameworks.conftest import pad_wrongly
from tests.frameworks.keras_digits import QUICK, held_out, on_the_test_set, share_right, trained
from tests.frameworks.snippets import run_page

pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")
pytest.importorskip("tf2onnx")


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes a trained model of a kind."""

    def save(kind, suffix="keras"):
        trained(kind).save(tmp_path / f"model.{suffix}")
        return tmp_path / f"model.{suffix}"

    return save


@pytest.mark.parametrize("kind", [*QUICK, "gru", "bidirectional", "dropout"])
def test_a_trained_model_agrees_with_keras_on_the_whole_test_set(kind, saved, converted, tmp_path):
    report, run = converted(saved(kind), **on_the_test_set(kind, tmp_path))
    (logits,) = report.parity.outputs
    assert logits.snr_db >= 80
    assert report.parity.agreement.changed == 0
    assert report.parity.batches == (1, 3)
    answers = run({"digit": held_out(kind)})["logits"]
    assert (answers.argmax(1) == trained(kind).predict(held_out(kind), verbose=0).argmax(1)).all()
    assert share_right(answers) > 0.8


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_h5_file_has_a_fixed_batch_and_channels_first_on_request(saved, converted):
    report, _ = converted(saved("cnn", "h5"), shapes={"digit": (1, 8, 8, 1)}, layout="nchw")
    assert report.inputs[0].shape == (1, 1, 8, 8)
    assert report.parity.batches == (1,)
    assert report.parity.outputs[0].snr_db >= 80


@pytest.mark.parametrize("kind", ["cnn", "gru"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_model_on_another_backend_is_compared_with_that_backend(
    backend, kind, saved, converted, tmp_path, monkeypatch
):
    pytest.importorskip(backend)
    source = saved(kind)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    report, _ = converted(source, **on_the_test_set(kind, tmp_path))
    assert backend in report.versions
    assert report.parity.outputs[0].snr_db >= 80
    assert report.parity.agreement.changed == 0
    assert report.parity.batches == (1, 3)


def test_the_layer_that_is_padded_wrongly_is_named(saved, spoilt):
    parity = spoilt(saved("cnn"), lambda graph: pad_wrongly(graph, 1))
    assert "expected a signal-to-noise ratio of at least 80 dB" in parity.failure
    assert parity.first.startswith("second, behind pool, which is still the same")


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


@pytest.mark.timeout(900)
def test_the_page_is_true(tmp_path):
    assert "597 results + 0 errors" in run_page("keras", tmp_path)
