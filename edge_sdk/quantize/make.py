"""Makes one variant: placed, emitted, measured, and held within the budget by the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge_sdk.errors import GateError
from edge_sdk.package import Accuracy
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize import families
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.data import Samples
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.golden import Golden, make_golden, worst_snr_db
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise, keep_budget
from edge_sdk.quantize.measure import Evaluation, open_float
from edge_sdk.quantize.ranges import RANGE_METHODS
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.sensitivity import rank_layers, relative_error
from edge_sdk.quantize.spot_check import LayerCheck, spot_check
from edge_sdk.session import Session, SessionConfig, host_config, open_session
from edge_sdk.tensors import Tensors

_RANKING_SAMPLES = 24
_GOLDEN_SAMPLES = 2
_INT8_AS_ON_ARM = {"session.qdqisint8allowed": "1"}


@dataclass(frozen=True, slots=True)
class Made:
    """A variant that was made.

    Attributes:
        family: Its family.
        model: The serialized ONNX model.
        accuracy: What was measured; None for the float model itself.
        returned: The layers that the guard returned to float.
        golden: What a board proves itself with.
        ranges: How ranges were chosen; empty where there are none.
        reasons: Why operators are not in the family's fastest numbers, by name.
        preprocess: What happens before it, where that differs from what the float model wants.
        takes: What it takes and why, in words.
        checks: Layers on which this machine's integer arithmetic was found to be exact.
    """

    family: Family
    model: bytes
    accuracy: Accuracy | None
    returned: tuple[LayerNoise, ...]
    golden: Golden
    ranges: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    preprocess: Preprocess | None = None
    takes: str = ""
    checks: tuple[LayerCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class Maker:
    """All that making a variant takes.

    Attributes:
        graph: The cleaned float graph.
        statistics: What calibration saw of its tensors.
        calibration: The calibration samples.
        evaluation: What variants are measured on.
        method: How ranges are chosen.
        budget: What may be lost.
        progress: Shows what is being done.
    """

    graph: Graph
    statistics: Mapping[str, Statistics]
    calibration: Samples
    evaluation: Evaluation
    method: RangeMethod
    budget: AccuracyBudget
    progress: Progress

    def make(self, family: Family) -> Made:
        """Make the variant of a family.

        Raises:
            GateError: The budget cannot be held, the file computes something else than what was measured, or this
                machine's integer arithmetic is not exact.
        """
        if family == "fp32":
            golden = make_golden(self._golden_samples(), open_float(self.graph), None)
            return Made(family, self._emit(family, ()), None, (), golden)
        if self.method == "auto" and family in FORMS:
            return replace(self, method=self._least_noise(family)).make(family)
        budget = self.budget if family in families.IN_INTEGERS else replace(self.budget, min_integer_share=0.0)
        returned, accuracy = keep_budget(budget, lambda names: self._attempt(family, names), lambda: self._rank(family))
        excluded = [layer.name for layer in returned]
        golden = make_golden(self._golden_samples(), self._open(family, excluded), open_float(self.graph))
        model = self._emit(family, excluded)
        self._check_file(family, model, golden)
        ranges = self.method if family in FORMS else ""
        reasons = families.why_float(family, self.graph, self.statistics, excluded)
        checks = self._spot_check(family, excluded)
        return Made(family, model, accuracy, returned, golden, ranges, reasons, checks=checks)

    def _emit(self, family: Family, excluded: Sequence[str]) -> bytes:
        return families.emit(family, self.graph, self.statistics, self.method, excluded)

    def _open(self, family: Family, excluded: Sequence[str]) -> Session:
        stand_in = families.measured_as(family)
        return families.open_measured(stand_in, self._emit(stand_in, excluded))

    def _attempt(self, family: Family, excluded: Sequence[str]) -> Accuracy:
        title = f"measuring {family}" + (f" with {len(excluded)} layer(s) in float" if excluded else "")
        with self.progress(title, len(self.evaluation.samples)) as advance:
            return self.evaluation.measure(self._open(family, excluded), advance)

    def _least_noise(self, family: Family) -> RangeMethod:
        """Return the way to choose ranges that adds least noise to the outputs, with all layers in integers."""
        few = self._few_samples()
        reference = open_float(self.graph)
        expected = [reference.run(sample) for sample in few]
        noise: dict[RangeMethod, float] = {}
        with self.progress(f"choosing the ranges of {family}", len(RANGE_METHODS)) as advance:
            for method in RANGE_METHODS:
                session = replace(self, method=method)._open(family, ())
                noise[method] = relative_error(expected, (session.run(sample) for sample in few))
                advance(1)
        return min(noise, key=lambda method: noise[method])

    def _few_samples(self) -> list[Tensors]:
        return [item.tensors for item in self.calibration.spread(_RANKING_SAMPLES)]

    def _rank(self, family: Family) -> tuple[LayerNoise, ...]:
        few, layers = self._few_samples(), families.returnable_layers(family, self.graph)
        with self.progress(f"ranking the layers of {family}", len(layers)) as advance:
            return rank_layers(
                self.graph,
                few,
                lambda excluded: self._open(family, excluded),
                layers=layers,
                reference=open_float(self.graph),
                advance=advance,
            )

    def _golden_samples(self) -> list[Tensors]:
        return [item.tensors for item in self.evaluation.samples.spread(_GOLDEN_SAMPLES)]

    def _spot_check(self, family: Family, excluded: Sequence[str]) -> tuple[LayerCheck, ...]:
        """Check that what was measured came from exact integer sums."""
        if family not in FORMS or FORMS[family].symmetric:  # measured in float, as written
            return ()
        stand_in = families.measured_as(family)
        sample = self._golden_samples()[0]
        return spot_check(self._emit(stand_in, excluded), sample, host_config(), where=family)

    def _check_file(self, family: Family, model: bytes, golden: Golden) -> None:
        """Check that the file itself, on kernels as a board has them, gives the golden outputs."""
        if families.measured_as(family) == family:
            return
        session = open_session(model, SessionConfig(entries=_INT8_AS_ON_ARM), where=family)
        got = worst_snr_db(golden, session)
        if got < golden.min_snr_db:
            raise GateError(
                f"{family}: expected the file at {golden.min_snr_db:g} dB of what was measured, got {got:.1f} dB"
            )
