from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.convert.parity import Tolerance
from edge_sdk.errors import GateError, InputError
from tests.frameworks.conftest import TRAINED
from tests.frameworks.snippets import run_page

pytest.importorskip("skl2onnx")
joblib = pytest.importorskip("joblib")
ensemble = pytest.importorskip("sklearn.ensemble")
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.neural_network import MLPClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402

ESTIMATORS = {
    "dense": lambda: make_pipeline(StandardScaler(), MLPClassifier((32,), max_iter=40, random_state=0)),
    "forest": lambda: ensemble.RandomForestClassifier(20, random_state=0),
    "boosted": lambda: ensemble.HistGradientBoostingClassifier(max_iter=10),
    "svm": lambda: make_pipeline(StandardScaler(), SVC()),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_trained_classifier_keeps_its_answers_on_the_whole_test_set(name, digits, converted, tmp_path):
    pixels, classes = digits
    estimator = ESTIMATORS[name]().fit(pixels[:TRAINED], classes[:TRAINED])
    joblib.dump(estimator, tmp_path / "model.joblib")
    np.save(tmp_path / "test.npy", pixels[TRAINED:])
    report, run = converted(
        tmp_path / "model.joblib", trusts=True, inputs=str(tmp_path / "test.npy"), samples=len(pixels) - TRAINED
    )
    label, scores = report.parity.outputs
    assert label.equal_share == 1
    assert scores.snr_db >= 80
    assert [spec.name for spec in report.outputs] == ["label", "probabilities"]
    assert (run({"X": pixels[TRAINED:]})["label"] == classes[TRAINED:]).mean() > 0.85


def _booster(name):
    library = pytest.importorskip(name.partition(".")[0])
    kind = getattr(library, name.split(".")[1].removesuffix("+"))
    quiet = {"verbose": -1} if library.__name__ == "lightgbm" else {}
    booster = kind(n_estimators=20, n_jobs=1, **quiet)
    return make_pipeline(StandardScaler(), booster) if name.endswith("+") else booster


@pytest.mark.parametrize(
    ("name", "classes_of"),
    [
        ("lightgbm.LGBMClassifier", 10),
        ("lightgbm.LGBMClassifier+", 2),
        ("lightgbm.LGBMRegressor", 10),
        ("xgboost.XGBClassifier", 10),
        ("xgboost.XGBClassifier", 2),
        ("xgboost.XGBRegressor", 10),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_boosted_trees_keep_their_answers_on_the_whole_test_set(name, classes_of, digits, converted, tmp_path):
    pixels, classes = digits
    np.save(tmp_path / "test.npy", pixels[TRAINED:])
    joblib.dump(_booster(name).fit(pixels[:TRAINED], classes[:TRAINED] % classes_of), tmp_path / "model.joblib")
    report, _ = converted(
        tmp_path / "model.joblib", trusts=True, inputs=str(tmp_path / "test.npy"), samples=len(pixels) - TRAINED
    )
    assert {"onnxmltools", name.partition(".")[0]} <= set(report.versions)
    *labels, numbers = report.parity.outputs
    assert [label.equal_share for label in labels] == ([] if "Regressor" in name else [1])
    assert numbers.snr_db >= 80


@pytest.mark.parametrize("suffix", ["json", "ubj"])
@pytest.mark.parametrize("kind", ["XGBClassifier", "XGBRegressor"])
def test_a_file_of_xgboost_is_data_and_needs_no_trust(kind, suffix, digits, converted, tmp_path):
    xgboost = pytest.importorskip("xgboost")
    pixels, classes = digits
    estimator = getattr(xgboost, kind)(n_estimators=5, n_jobs=1).fit(pixels[:TRAINED], classes[:TRAINED])
    estimator.save_model(tmp_path / f"model.{suffix}")
    report, run = converted(tmp_path / f"model.{suffix}")
    assert report.parity.outputs[-1].snr_db >= 80
    assert np.allclose(np.ravel(next(iter(run({"X": pixels[:9]}).values()))), estimator.predict(pixels[:9]), atol=1e-4)


def test_json_of_something_else_is_refused(converted, tmp_path):
    pytest.importorskip("xgboost")
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(InputError, match=r"model.json: expected a model of XGBoost, got something else"):
        converted(tmp_path / "model.json")


def test_a_regressor_gives_a_column(digits, converted, tmp_path):
    pixels, classes = digits
    joblib.dump(Ridge().fit(pixels, classes), tmp_path / "model.pkl")
    report, run = converted(tmp_path / "model.pkl", trusts=True, opset=99)  # newer than skl2onnx knows
    assert run({"X": pixels[:5]})["variable"].shape == (5, 1)
    assert report.parity.batches == (1, 3)


def test_classes_that_are_names_are_labels(digits, converted, tmp_path):
    pixels, classes = digits
    names = np.where(classes % 2, "odd", "even")
    joblib.dump(ensemble.RandomForestClassifier(5, random_state=0).fit(pixels, names), tmp_path / "model.joblib")
    report, _ = converted(tmp_path / "model.joblib", trusts=True)
    assert report.labels == ("even", "odd")
    assert report.parity.outputs[0].kind == "text"


def test_a_pickle_without_trust_is_refused_and_says_why(converted, tmp_path):
    joblib.dump({"not": "loaded"}, tmp_path / "model.joblib")
    with pytest.raises(InputError, match="runs whatever code is in it") as refused:
        converted(tmp_path / "model.joblib")
    assert "--trust" in refused.value.hint
    assert not (tmp_path / "model.onnx").exists()


def test_a_pickle_of_something_else_is_refused(converted, tmp_path):
    joblib.dump({"a": 1}, tmp_path / "model.joblib")
    with pytest.raises(InputError, match="expected a fitted estimator of scikit-learn, got dict"):
        converted(tmp_path / "model.joblib", trusts=True)


def test_beyond_the_tolerance_nothing_is_written(digits, converted, tmp_path):
    pixels, classes = digits
    estimator = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=3, random_state=0))
    with pytest.warns(UserWarning):
        joblib.dump(estimator.fit(pixels, classes), tmp_path / "model.joblib")
    with pytest.raises(GateError, match=r"probabilities: expected a signal-to-noise ratio of at least 190 dB"):
        converted(tmp_path / "model.joblib", trusts=True, tolerance=Tolerance(relative=None, min_snr_db=190))
    assert not (tmp_path / "model.onnx").exists()


def test_what_crashes_ends_the_child_alone(converted, tmp_path):
    (tmp_path / "crashing.py").write_text("import os, signal\ndef build():\n    os.kill(os.getpid(), signal.SIGSEGV)\n")
    with pytest.raises(InputError, match="expected to open it, got a crash of the child process: SIGSEGV"):
        converted("crashing:build")


def test_the_forest_of_the_assets_keeps_its_answers(converted, source_of):
    report, _ = converted(source_of("cwru_rf.joblib"), trusts=True)
    assert report.parity.outputs[0].equal_share == 1


def test_the_page_is_true(tmp_path):
    told = run_page("scikit_learn", tmp_path)
    assert "597 results + 0 errors" in told
