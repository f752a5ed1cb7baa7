"""scikit-learn: estimators and pipelines by skl2onnx, boosted trees inside them by onnxmltools.

- A pickle is code: it is loaded in the child process only, and only if the user trusts it. A file of XGBoost's own
  (`.json`, `.ubj`) is data, and needs no trust.
- Features are float32 in the ONNX model, as boards have them, and parity gives both the same float32 numbers. Trees
  compare in float64 in scikit-learn: skl2onnx rounds thresholds so that float32 features fall on the same side.
- A classifier gives `label` and `probabilities` (no list of maps); SVMs without probabilities give their scores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from edge_sdk.convert.record import BATCH, Exported, Order, Shape, SourceFacts
from edge_sdk.errors import InputError
from edge_sdk.extras import require
from edge_sdk.tensors import Array, Tensors

_EXTRA = "convert-sklearn"
_INPUT = "X"
_FEW_LETTERS = 200
_OF_XGBOOST = frozenset({".json", ".ubj"})
_LIGHTGBM = "onnxmltools.convert.lightgbm.operator_converters.LightGbm.convert_lightgbm"
_XGBOOST = "onnxmltools.convert.xgboost.operator_converters.XGBoost.convert_xgboost"
_BOOSTERS = {
    "lightgbm": (
        ("LGBMClassifier", "LightGbmLGBMClassifier", _LIGHTGBM),
        ("LGBMRegressor", "LightGbmLGBMRegressor", _LIGHTGBM),
    ),
    "xgboost": (("XGBClassifier", "XGBoostXGBClassifier", _XGBOOST), ("XGBRegressor", "XGBoostXGBRegressor", _XGBOOST)),
}
"""Estimators that take the place of one of scikit-learn's: class, alias, converter."""


def open_source(order: Order, given: object = None) -> SklearnSource:
    """Open a fitted estimator.

    Raises:
        InputError: The package is missing, the pickle is not trusted, or it is no fitted estimator.
    """
    for module in ("sklearn", "skl2onnx"):  # a booster's estimators are scikit-learn's too
        require(module, extra=_EXTRA, where=order.source)
    estimator = given if given is not None else _loaded(order)
    if not hasattr(estimator, "n_features_in_"):
        raise InputError(
            f"{order.source}: expected a fitted estimator of scikit-learn, got {type(estimator).__name__}",
            hint="call fit() first, and save the estimator or the whole pipeline",
        )
    return SklearnSource(order, estimator)


class SklearnSource:
    """A fitted estimator or pipeline.

    Args:
        order: What is asked.
        estimator: The estimator.
    """

    def __init__(self, order: Order, estimator: Any) -> None:
        self._order = order
        self._estimator = estimator
        self._input = next(iter(order.shapes), _INPUT)
        self._scores: Any = next(
            (
                getattr(estimator, name)
                for name in ("predict_proba", "decision_function")
                if hasattr(estimator, "classes_") and hasattr(estimator, name)
            ),
            None,
        )
        self._outputs: tuple[str, ...] = ()

    def facts(self) -> SourceFacts:
        """Return the versions, and the classes where they are names."""
        names = getattr(self._estimator, "classes_", np.empty(0))
        labels = tuple(str(name) for name in names) if np.asarray(names).dtype.kind in "OUS" else ()
        steps = [self._estimator, *(step for _, step in getattr(self._estimator, "steps", ()))]
        boosters = _BOOSTERS.keys() & {type(step).__module__.partition(".")[0] for step in steps}
        versions = {name: version(name) for name in ("scikit-learn", "skl2onnx", "numpy")}
        if boosters:
            versions |= {name: str(import_module(name).__version__) for name in ("onnxmltools", *sorted(boosters))}
        return SourceFacts(versions, labels=labels)

    def export(self) -> Exported:
        """Return the ONNX model.

        Raises:
            InputError: skl2onnx has no converter for a part of it.
        """
        from skl2onnx import __max_supported_opset__, to_onnx
        from skl2onnx.common.data_types import FloatTensorType
        from skl2onnx.common.exceptions import MissingShapeCalculator

        _register_boosters()
        options = {id(self._estimator): {"zipmap": False}} if self._scores is not None else None
        free = [size if isinstance(size, int) else None for size in self._shape()]
        try:
            model = to_onnx(
                self._estimator,
                initial_types=[(self._input, FloatTensorType(free))],
                options=options,
                target_opset={"": min(self._order.opset, __max_supported_opset__), "ai.onnx.ml": 3},
            )
        except (MissingShapeCalculator, NotImplementedError, RuntimeError, ValueError) as exc:
            said = str(exc).strip().splitlines()[0][:_FEW_LETTERS]
            raise InputError(f"{self._order.source}: expected what skl2onnx can export, got {said}") from exc
        self._outputs = tuple(output.name for output in model.graph.output)
        return Exported(model.SerializeToString(), f"skl2onnx {version('skl2onnx')}")

    def run(self, tensors: Tensors) -> Tensors:
        """Compute what the estimator itself predicts."""
        features = tensors[self._input]
        if hasattr(self._estimator, "predict"):
            values = [np.asarray(self._estimator.predict(features))]
        else:
            values = [np.asarray(self._estimator.transform(features), np.float32)]
        if self._scores is not None:
            values.append(np.asarray(self._scores(features), np.float32))
        return {name: self._like_onnx(value) for name, value in zip(self._outputs, values, strict=False)}

    def layers(self, tensors: Tensors) -> Iterable[tuple[str, Array]]:
        """Yield what the steps of a pipeline give, and then the scores."""
        features = tensors[self._input]
        for name, step in getattr(self._estimator, "steps", [])[:-1]:
            if step not in (None, "passthrough"):
                features = step.transform(features)
                yield name, np.asarray(features, np.float32)
        if self._scores is not None:
            yield type(self._estimator).__name__, np.asarray(self._scores(tensors[self._input]), np.float32)

    def _shape(self) -> Shape:
        told = next(iter(self._order.shapes.values()), None)
        features = int(self._estimator.n_features_in_)
        if told is not None and (len(told) != 2 or told[1] != features):
            raise InputError(f"--input-shape: expected {self._input}=?x{features}, got {'x'.join(map(str, told))}")
        return told or (BATCH, features)

    @staticmethod
    def _like_onnx(value: Array) -> Array:
        """Return a prediction in the type and shape of skl2onnx: numbers of regressors are columns of float32."""
        if value.dtype.kind == "f":
            return value.astype(np.float32).reshape(len(value), -1)
        return value.astype(np.int64) if value.dtype.kind in "iub" else value.astype(str).astype(object)


def _loaded(order: Order) -> Any:
    return _of_xgboost(order) if order.path.suffix.lower() in _OF_XGBOOST else _unpickled(order)


def _of_xgboost(order: Order) -> Any:
    """Return the estimator of a model in XGBoost's own format, by what it was trained for."""
    require("xgboost", extra=_EXTRA, where=order.source)
    import xgboost

    booster = xgboost.Booster()
    try:
        booster.load_model(order.path)
    except xgboost.core.XGBoostError as exc:
        raise InputError(f"{order.source}: expected a model of XGBoost, got something else") from exc
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    is_classifier = objective.partition(":")[0] in {"binary", "multi"}
    estimator = xgboost.XGBClassifier() if is_classifier else xgboost.XGBRegressor()
    estimator.load_model(order.path)
    return estimator


def _unpickled(order: Order) -> Any:
    if not order.trusts:
        raise InputError(
            f"{order.source}: expected --trust, for loading a pickle runs whatever code is in it, got none",
            hint="say --trust if you or someone you trust made this file",
        )
    import joblib

    return joblib.load(order.path)


def _register_boosters() -> None:
    """Let skl2onnx convert the estimators of LightGBM and XGBoost, in a pipeline too, where they are installed."""
    for library, converters in _BOOSTERS.items():
        if find_spec(library) is not None and find_spec("onnxmltools") is not None:
            for name, alias, place in converters:
                _register(getattr(import_module(library), name), alias, place)


def _register(estimator: type, alias: str, place: str) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    module, _, function = place.rpartition(".")
    is_classifier = "Classifier" in alias
    update_registered_converter(
        estimator,
        alias,
        calculate_linear_classifier_output_shapes if is_classifier else calculate_linear_regressor_output_shapes,
        getattr(import_module(module), function),
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]} if is_classifier else None,
    )
