"""Makes one variant: placed, emitted, measured, and held within the budget by the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_sdk.errors import GateError
from edge_sdk.package import Accuracy
from edge_sdk.profiles import Family, QuantPolicy
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.data import Samples
from edge_sdk.quantize.graph import Graph, weighted_layers
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise, keep_budget
from edge_sdk.quantize.measure import Evaluation, open_float, snr_db
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.sensitivity import rank_layers
from edge_sdk.session import Session, SessionConfig, open_session
from edge_sdk.tensors import Array, Tensors

_RANKING_SAMPLES = 24
_GOLDEN_SAMPLES = 4
MIN_SNR_DB: Mapping[Family, float] = {
    "fp32": 60.0,
    "fp16": 30.0,
    "arm-int8": 20.0,
    "x86-int8": 20.0,
    "tensorrt-int8": 20.0,
}
"""Least agreement of a board with the golden outputs: integer kernels of x86 and ARM differ by about 30 dB by
design."""
_INT8_AS_ON_ARM = {"session.qdqisint8allowed": "1"}


@dataclass(frozen=True, slots=True)
class Made:
    """A variant that was made.

    Attributes:
        family: Its family.
        model: The serialized ONNX model.
        accuracy: What was measured; None for the float model itself.
        returned: The layers that the guard returned to float.
        golden: Golden inputs and outputs, `input:NAME` and `output:NAME`, stacked over samples on a new first axis.
    """

    family: Family
    model: bytes
    accuracy: Accuracy | None
    returned: tuple[LayerNoise, ...]
    golden: dict[str, Array]


@dataclass(frozen=True, slots=True)
class Maker:
    """All that making a variant takes.

    Attributes:
        graph: The cleaned float graph.
        statistics: What calibration saw of its tensors.
        calibration: The calibration samples.
        evaluation: What variants are measured on.
        policy: How ranges are chosen.
        budget: What may be lost.
        progress: Shows what is being done.
    """

    graph: Graph
    statistics: Mapping[str, Statistics]
    calibration: Samples
    evaluation: Evaluation
    policy: QuantPolicy
    budget: AccuracyBudget
    progress: Progress

    def make(self, family: Family) -> Made:
        """Make the variant of a family.

        Raises:
            GateError: The budget cannot be held, or the file computes something else than what was measured.
        """
        if family == "fp32":
            model = self._emit(family, ())
            return Made(family, model, None, (), self._golden(family, model))
        budget = self.budget if family != "fp16" else replace(self.budget, min_integer_share=0.0)
        returned, accuracy = keep_budget(budget, lambda names: self._attempt(family, names), lambda: self._rank(family))
        excluded = [layer.name for layer in returned]
        model = self._emit(family, excluded)
        golden = self._golden(family, self._emit(families.measured_as(family), excluded))
        self._check_file(family, model, golden)
        return Made(family, model, accuracy, returned, golden)

    def _emit(self, family: Family, excluded: Sequence[str]) -> bytes:
        return families.emit(family, self.graph, self.statistics, self.policy, excluded)

    def _open(self, family: Family, excluded: Sequence[str]) -> Session:
        stand_in = families.measured_as(family)
        return families.open_measured(stand_in, self._emit(stand_in, excluded))

    def _attempt(self, family: Family, excluded: Sequence[str]) -> Accuracy:
        title = f"measuring {family}" + (f" with {len(excluded)} layers in float" if excluded else "")
        with self.progress(title, len(self.evaluation.samples)) as advance:
            return self.evaluation.measure(self._open(family, excluded), advance)

    def _rank(self, family: Family) -> tuple[LayerNoise, ...]:
        few = [item.tensors for item in self.calibration.spread(_RANKING_SAMPLES)]
        with self.progress(f"ranking the layers of {family}", len(weighted_layers(self.graph))) as advance:
            return rank_layers(
                self.graph,
                few,
                lambda excluded: self._open(family, excluded),
                reference=open_float(self.graph),
                advance=advance,
            )

    def _golden(self, family: Family, measured: bytes) -> dict[str, Array]:
        session = families.open_measured(families.measured_as(family), measured)
        arrays: dict[str, list[Array]] = {}
        for item in self.evaluation.samples.spread(_GOLDEN_SAMPLES):
            for kind, tensors in (("input", item.tensors), ("output", session.run(item.tensors))):
                for name, values in tensors.items():
                    arrays.setdefault(f"{kind}:{name}", []).append(values)
        return {name: np.stack(values) for name, values in arrays.items()}

    def _check_file(self, family: Family, model: bytes, golden: Mapping[str, Array]) -> None:
        """Check that the file itself, on kernels as a board has them, gives the golden outputs."""
        if families.measured_as(family) == family:
            return
        session = open_session(model, SessionConfig(entries=_INT8_AS_ON_ARM), where=family)
        samples = len(next(iter(golden.values())))
        for index in range(samples):
            inputs: Tensors = {name[6:]: values[index] for name, values in golden.items() if name.startswith("input:")}
            for name, values in session.run(inputs).items():
                got = snr_db(golden[f"output:{name}"][index], values)
                if got < MIN_SNR_DB[family]:
                    raise GateError(
                        f"{family}: expected {name} of the file within {MIN_SNR_DB[family]:g} dB of what was measured, "
                        f"got {got:.1f} dB"
                    )
