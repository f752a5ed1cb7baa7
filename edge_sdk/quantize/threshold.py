"""The threshold of a model that tells anomalies: measured on the calibration samples, which are normal."""

from __future__ import annotations

from dataclasses import replace

from edge_sdk.quantize.material import Material
from edge_sdk.quantize.measure import Evaluation, open_float, run_all
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.source import Source
from edge_sdk.tasks.anomaly import Anomaly, calibrated


def with_threshold(source: Source, material: Material, progress: Progress) -> Source:
    """Return the model with the threshold that its calibration samples call for; other tasks as they are.

    Raises:
        InputError: A sample does not fit the model, or its score is not a number.
    """
    if source.task.kind != "anomaly":
        return source
    with progress("measuring what is normal", len(material.calibration)) as advance:
        results = run_all(open_float(source.graph), Evaluation(source.task, material.calibration, None, ()), advance)
    scores = [result for result in results if isinstance(result, Anomaly)]
    return replace(source, task=replace(source.task, threshold=calibrated(scores)))
