"""Tasks besides classification and detection the whole way: quantized within a budget, packed, opened and run."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from edge_sdk.quantize import ImageFlags, QuantRequest, quantize
from edge_sdk.runtime import Pipeline
from edge_sdk.session import host_config
from edge_sdk.tasks import Anomaly, Forecast, SegmentationMap
from tests.quantize.cards import COLORS, card, save, write_cards
from tests.quantize.models import build

PI = (load_profile("raspberry-pi-5"),)


def opened(path):
    """Open the variant of the Pi as this machine computes it exactly."""
    package = open_package(path)
    return Pipeline(package.manifest, package.model_for(PI[0])[1], config=host_config())


def windows(count, *, anomalous, seed):
    """Return windows [count, 32] of a slow wave, some with a jump in the middle."""
    random = np.random.default_rng(seed)
    waves = np.sin(np.arange(32) / 5 + random.uniform(0, 6, (count, 1))) + random.normal(0, 0.3, (count, 32))
    waves[:, 16:] += 2.0 * anomalous
    return waves.astype(np.float32)


@pytest.fixture(scope="module")
def autoencoder(tmp_path_factory):
    """Quantize a model that knows slow waves; return the report, the package and the normal windows."""
    folder = tmp_path_factory.mktemp("anomaly")
    normal = windows(400, anomalous=0, seed=1)
    axes = np.linalg.svd(normal, full_matrices=False)[2][:3].astype(np.float32)
    text = (
        "(float[1,32] x, float[32,3] down, float[3,32] up) => (float[1,32] y) { a = MatMul(x, down) y = MatMul(a, up) }"
    )
    model = save(build(text, down=axes.T, up=axes), folder / "waves.onnx")
    odd = np.arange(60) % 2
    np.savez(folder / "data.npz", normal=normal[:200], x=windows(60, anomalous=odd[:, np.newaxis], seed=2), y=odd)
    request = QuantRequest(
        model,
        PI,
        f"{folder}/data.npz:normal",
        evaluation=f"{folder}/data.npz:x",
        labels=f"{folder}/data.npz:y",
        task="anomaly",
        max_drop_points=5,
        scheme="static",
    )
    return quantize(request, folder / "waves.edge"), folder / "waves.edge", normal, axes


def test_the_threshold_of_an_anomaly_is_what_normal_samples_call_for(autoencoder):
    report, path, normal, axes = autoencoder
    spec = open_package(path).manifest.task
    errors = np.sort(np.mean(np.square(normal[:200] @ axes.T @ axes - normal[:200]), axis=1))
    assert (spec.kind, spec.head) == ("anomaly", "reconstruction")
    assert spec.threshold == pytest.approx(errors[198], rel=1e-4)
    assert open_package(path).manifest.schema == 3
    assert report.variants[0].accuracy.metric == "AUROC"
    assert report.variants[0].accuracy.float_value > 95


def test_an_anomaly_is_told_at_run_time(autoencoder):
    _, path, normal, _ = autoencoder
    with opened(path) as pipeline:
        found = [pipeline(window) for window in normal[200:]]
        assert all(isinstance(one, Anomaly) for one in found)
        assert np.mean([one.is_anomalous for one in found]) < 0.05
        assert pipeline(windows(1, anomalous=1, seed=9)[0]).is_anomalous


def test_a_segmentation_is_scored_by_its_labelled_maps(tmp_path):
    write_cards(tmp_path / "cards", range(24))
    rows = ["file,mask"]
    for number in range(24):
        best = card(number)[..., ::-1].argmax(axis=2).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"mask-{number}.png"), best)
        rows.append(f"card-{number:03d}.png,mask-{number}.png")
    (tmp_path / "labels.csv").write_text("\n".join([*rows, ""]))
    model = save(
        build(
            "(float[1,3,40,60] x, float[3,3,3,3] w, float[3] b) => (float[1,3,40,60] y)"
            "{ y = Conv<pads=[1,1,1,1]>(x, w, b) }",
            w=np.pad(np.eye(3, dtype=np.float32)[..., np.newaxis, np.newaxis], ((0, 0), (0, 0), (1, 1), (1, 1))),
            b=np.zeros(3, np.float32),
        ),
        tmp_path / "m.onnx",
    )
    request = QuantRequest(
        model,
        PI,
        str(tmp_path / "cards"),
        preprocess=ImageFlags(),
        labels=str(tmp_path / "labels.csv"),
        class_names=COLORS,
        min_gain=0.0,
        max_drop_points=5,
        trusts_data=True,
    )
    report = quantize(request, tmp_path / "m.edge")
    accuracy = report.variants[0].accuracy
    assert (report.task, accuracy.metric, accuracy.samples) == ("segmentation", "mIoU", 24)
    assert accuracy.float_value > 95
    with opened(tmp_path / "m.edge") as pipeline:
        found = pipeline(card(1))
        assert isinstance(found, SegmentationMap)
        assert found.to_data(COLORS)["areas"][0]["label"] == "green"


def test_a_forecast_is_scored_by_its_values(tmp_path):
    waves = windows(120, anomalous=0, seed=3)
    weight = np.linalg.lstsq(waves[:, :24], waves[:, 24:], rcond=None)[0].astype(np.float32)
    model = save(
        build("(float[1,24] x, float[24,8] w) => (float[1,8] y) { y = MatMul(x, w) }", w=weight), tmp_path / "m.onnx"
    )
    np.savez(tmp_path / "data.npz", c=waves[:60, :24], x=waves[60:, :24], y=waves[60:, 24:])
    data = f"{tmp_path}/data.npz"
    request = QuantRequest(
        model, PI, f"{data}:c", evaluation=f"{data}:x", labels=f"{data}:y", task="forecast", scheme="static"
    )
    accuracy = quantize(request, tmp_path / "m.edge").variants[0].accuracy
    assert accuracy.metric == "R2"
    assert accuracy.float_value > 60
    with opened(tmp_path / "m.edge") as pipeline:
        assert isinstance(pipeline(waves[0, :24]), Forecast)
