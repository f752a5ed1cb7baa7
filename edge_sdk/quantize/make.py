"""Makes one variant: placed, emitted, measured, and held within the budget by the search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from edge_sdk.errors import GateError
from edge_sdk.package import Accuracy
from edge_sdk.package.golden import Golden, worst_snr_db
from edge_sdk.preprocess import Preprocess
from edge_sdk.profiles import Family, RangeMethod
from edge_sdk.quantize import families
from edge_sdk.quantize.aim import Aim
from edge_sdk.quantize.calibrate import Statistics
from edge_sdk.quantize.departure import Departure
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.frontier import Frontier, Point
from edge_sdk.quantize.golden import make_golden
from edge_sdk.quantize.graph import Graph, nearby_layers
from edge_sdk.quantize.guard import AccuracyBudget, LayerNoise
from edge_sdk.quantize.joints import Joint
from edge_sdk.quantize.layer_report import LayerReport, Written, tell_layers
from edge_sdk.quantize.measure import Evaluation, open_float
from edge_sdk.quantize.ranges import Quant
from edge_sdk.quantize.request import Progress
from edge_sdk.quantize.search import Found, Terms, order_layers, search
from edge_sdk.quantize.sensitivity import PlanNoise, layer_noises, tensor_noises
from edge_sdk.quantize.spot_check import LayerCheck, spot_check
from edge_sdk.quantize.tuning import Layers, Tuning, tune
from edge_sdk.samples import Samples
from edge_sdk.session import Session, arm_config, host_config, open_session
from edge_sdk.tensors import Tensors

_NOISE_SAMPLES = 8
"""One model is opened a layer: few samples order the layers as well as many, and running them is what takes time."""
_GOLDEN_SAMPLES = 2
_LAYER_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Made:
    """A variant that was made.

    Attributes:
        family: Its family.
        model: The serialized ONNX model.
        accuracy: What was measured; None for the float model itself.
        returned: The layers that stay in float for their accuracy.
        golden: What a board proves itself with.
        ranges: How ranges were chosen; empty where there are none.
        reasons: Why operators are not in the family's fastest numbers, by name.
        preprocess: What happens before it, where that differs from what the float model wants.
        takes: What it takes and why, in words.
        checks: Layers on which this machine's integer arithmetic was found to be exact.
        frontier: What else there was; None for the float model itself.
        joints: What stays in float since one scale would lose a part of it.
        departures: The samples on which it answers otherwise than the float model.
        layers: What quantizing does to each layer.
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
    frontier: Frontier | None = None
    joints: tuple[Joint, ...] = ()
    departures: tuple[Departure, ...] = ()
    layers: tuple[LayerReport, ...] = ()


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
        aims: What each family is chosen for.
        progress: Shows what is being done.
        tuning: How the family that is being made is written, where it is one of integers with calibrated ranges.
        departures: Where each variant that was measured departs from the float model, by its layers in float.
    """

    graph: Graph
    statistics: Mapping[str, Statistics]
    calibration: Samples
    evaluation: Evaluation
    method: RangeMethod
    budget: AccuracyBudget
    aims: Mapping[Family, Aim]
    progress: Progress
    tuning: Tuning | None = None
    departures: dict[tuple[Family, tuple[str, ...]], tuple[Departure, ...]] = field(default_factory=dict)

    def make(self, family: Family) -> Made:
        """Make the variant of a family.

        Raises:
            BudgetMissedError: No plan that is worth its integers holds the budget.
            GateError: The file computes something else than what was measured, or this machine's integer arithmetic is
                not exact.
        """
        if family == "fp32":
            golden = make_golden(self._golden_samples(), open_float(self.graph), None)
            return Made(family, self._emit(family, ()), None, (), golden)
        if family in FORMS and self.tuning is None:
            tuning = tune(family, self.graph, self.statistics, self.calibration, self.method, progress=self.progress)
            return replace(self, tuning=tuning).make(family)
        found = self._search(family)
        excluded, stand_in = found.point.layers, families.measured_as(family)
        layers = self._layers(excluded)
        measured = self._emit(stand_in, excluded, layers)
        opened = families.open_measured(stand_in, measured)
        golden = make_golden(self._golden_samples(), opened, open_float(self.graph))
        model = measured if stand_in == family else self._emit(family, excluded, layers)
        self._check_file(family, model, golden)
        ranges = self.tuning.told if self.tuning is not None else ""
        reasons = families.why_float(family, self.graph, self.statistics, excluded)
        checks = self._spot_check(family, measured)
        size_bytes = len(self._emit("fp32", ())) if self.aims[family].float_family == "fp32" else None
        exact = self.aims[family].exact(size_bytes)
        frontier = self.aims[family].frontier(found.measured, exact, chosen=found.point, why=found.why)
        made = Made(family, model, found.point.accuracy, found.returned, golden, ranges)
        joints = families.joints(family, self.graph, self.statistics)
        made = replace(made, reasons=reasons, checks=checks, frontier=frontier, joints=joints)
        return replace(made, departures=self.departures[family, excluded], layers=self._tell_layers(family, measured))

    def _emit(self, family: Family, excluded: Sequence[str], layers: Layers | None = None) -> bytes:
        ranges = self.tuning.ranges if self.tuning is not None else "mse"
        return families.emit(family, self.graph, self.statistics, ranges, excluded, layers=layers)

    def _open(self, family: Family, excluded: Sequence[str], layers: Layers | None = None) -> Session:
        stand_in = families.measured_as(family)
        return families.open_measured(stand_in, self._emit(stand_in, excluded, layers))

    def _layers(self, excluded: Sequence[str]) -> Layers:
        return self.tuning.layers(excluded) if self.tuning is not None else {}

    def _search(self, family: Family) -> Found:
        aim, costs = self.aims[family], self.aims[family].costs
        budget = self.budget if family in families.IN_INTEGERS else replace(self.budget, min_integer_share=0.0)
        return search(
            Terms(budget, aim.pick, costs.exact, aim.min_gain if family in FORMS else 0.0, aim.goal_agreement),
            lambda names: self._point(family, names),
            lambda: self._order(family),
            time_of=lambda names: costs.of(self.graph, family, names),
        )

    def _point(self, family: Family, excluded: Sequence[str]) -> Point:
        title = f"measuring {family}" + (f" with {len(excluded)} layer(s) in float" if excluded else "")
        stand_in = families.measured_as(family)
        model = self._emit(stand_in, excluded, self._layers(excluded))
        with self.progress(title, len(self.evaluation.samples)) as advance:
            measured = self.evaluation.measure(families.open_measured(stand_in, model), advance)
        self.departures[family, tuple(excluded)], accuracy = measured.departures, measured.accuracy
        macs = {node.name: self.graph.macs(node) for node in self.graph.nodes}
        share = 1.0 - sum(macs[name] for name in excluded) / max(sum(macs.values()), 1)
        time = self.aims[family].costs.of(self.graph, family, excluded)
        return Point(family, time, len(model), share, accuracy, self.budget.holds(accuracy), tuple(excluded))

    def _order(self, family: Family) -> tuple[LayerNoise, ...]:
        """Return the layers in the order in which they return to float."""
        layers = families.returnable_layers(family, self.graph)
        few, reference = [item.tensors for item in self.calibration.spread(_NOISE_SAMPLES)], open_float(self.graph)
        with self.progress(f"ranking the layers of {family}", len(layers)) as advance:
            noises = layer_noises(
                self.graph,
                few,
                lambda excluded: self._open(family, excluded),
                layers=layers,
                reference=reference,
                advance=advance,
            )
        rounded = tensor_noises(self.graph, few, self._quants(family), reference=reference) if family in FORMS else {}
        costs = self.aims[family].costs
        return order_layers(
            noises,
            lambda names: costs.of(self.graph, family, names),
            PlanNoise(family, self.graph, noises, rounded).of,
            nearby_layers(self.graph),
            exact_time=costs.exact,
        )

    def _quants(self, family: Family) -> Mapping[str, Quant]:
        """Return how tensors are rounded where all layers are in integers, but for those that take a range over."""
        ranges = self.tuning.ranges if self.tuning is not None else "mse"
        written = families.integers(family, self.graph, self.statistics, ranges)
        same = written.placement.same_range
        return {
            name: quant
            for name, quant in written.calibration.quants.items()
            if name in self.statistics.keys() - same.keys()
        }

    def _golden_samples(self) -> list[Tensors]:
        return [item.tensors for item in self.evaluation.samples.spread(_GOLDEN_SAMPLES)]

    def _tell_layers(self, family: Family, measured: bytes) -> tuple[LayerReport, ...]:
        import onnx

        stand_in = families.measured_as(family)
        written = Written(
            graph=self.graph,
            variant=Graph(onnx.load_model_from_string(measured)),
            statistics=self.statistics,
            ranges=self.tuning.ranges if self.tuning is not None else {},
            pairs_before=family in families.TENSORRT,
            open_variant=lambda model: families.open_measured(stand_in, model),
        )
        samples = [item.tensors for item in self.calibration.spread(_LAYER_SAMPLES)]
        return tell_layers(written, families.returnable_layers(family, self.graph), samples)

    def _spot_check(self, family: Family, measured: bytes) -> tuple[LayerCheck, ...]:
        """Check that what was measured came from exact integer sums."""
        if family not in families.IN_INTEGERS or (family in FORMS and FORMS[family].symmetric):
            return ()  # not in integers, or measured in float, as written
        return spot_check(measured, self._golden_samples()[0], host_config(), where=family)

    def _check_file(self, family: Family, model: bytes, golden: Golden) -> None:
        """Check that the file itself, on kernels as a board has them, gives the golden outputs."""
        if families.measured_as(family) == family:
            return
        session = open_session(model, arm_config(), where=family)
        got = worst_snr_db(golden, session)
        if got < golden.min_snr_db:
            raise GateError(
                f"{family}: expected the file at {golden.min_snr_db:g} dB of what was measured, got {got:.1f} dB"
            )
