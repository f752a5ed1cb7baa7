"""Makes the variants of one request: each family from what it takes, and float where no plan holds the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge_sdk.profiles import Family
from edge_sdk.quantize import families
from edge_sdk.quantize.cache import Shelf
from edge_sdk.quantize.calibrate import Statistics, collect, passes
from edge_sdk.quantize.choice import BETTER, BETTER_RANGES, aims_for, is_strict
from edge_sdk.quantize.emit import FORMS
from edge_sdk.quantize.feed import Feed, own_input
from edge_sdk.quantize.graph import Graph
from edge_sdk.quantize.guard import AccuracyBudget
from edge_sdk.quantize.kept import StatisticsKeeper
from edge_sdk.quantize.make import Made, Maker
from edge_sdk.quantize.measure import Evaluation
from edge_sdk.quantize.recovery import copy_channels, equalize
from edge_sdk.quantize.request import Progress, QuantRequest
from edge_sdk.quantize.search import BudgetMissedError
from edge_sdk.quantize.variants import Choice

_EQUALIZING_SAMPLES = 32


@dataclass(frozen=True, slots=True)
class Workshop:
    """All that making the variants of a request takes.

    Attributes:
        request: What is to be done.
        feeds: What the chosen families take.
        own: What the float model itself takes, of no family in particular.
        evaluation: What variants are measured on.
        budget: What may be lost.
        progress: Shows what is being done.
    """

    request: QuantRequest
    feeds: Sequence[Feed]
    own: Feed
    evaluation: Evaluation
    budget: AccuracyBudget
    progress: Progress

    def variants(self, choices: Mapping[str, Choice]) -> tuple[tuple[Made, ...], dict[str, Choice]]:
        """Make the variant of each family, and the float variant of the boards whose budget no plan holds.

        Args:
            choices: The variants of the boards, by name.

        Returns:
            The variants in the order of the boards, and what the boards run.

        Raises:
            BudgetMissedError: No plan that is worth its integers holds the budget, and float is no answer.
            GateError: A file computes something else than what was measured.
        """
        final, made = dict(choices), {}
        for feed in (part for whole in self.feeds for part in _parts(whole)):
            maker = self._maker(feed)
            for family in feed.takes:
                try:
                    made[family] = _fed(maker.make(family), feed)
                except BudgetMissedError as missed:
                    if is_strict(self.request) or maker.aims[family].float_family == family:
                        raise
                    instead, told = self._instead(maker, family, missed)
                    made[instead.family] = instead
                    boards = [board for board, choice in choices.items() if choice.family == family]
                    final.update(dict.fromkeys(boards, Choice(instead.family, f"{told} than {family}: {missed}")))
        used = dict.fromkeys(choice.family for choice in final.values())
        return tuple(made[family] for family in used), final

    def graph_of(self, family: Family) -> Graph:
        """Return the float graph that a family's variant is made of, as it takes its input."""
        return next((feed.source.graph for feed in self.feeds if family in feed.takes), self.own.source.graph)

    def _instead(self, maker: Maker, family: Family, missed: BudgetMissedError) -> tuple[Made, str]:
        """Return what boards run in place of a family whose budget no plan holds, and in which way it is better."""
        boards = [profile for profile in self.request.profiles if family in profile.families]
        if family in FORMS and all("dynamic-int8" in board.families for board in boards):
            dynamic = self._dynamic()
            if dynamic is not None:
                return dynamic, BETTER_RANGES
        return self._in_float(maker.aims[family].float_family, maker, family, missed), BETTER

    def _dynamic(self) -> Made | None:
        """Make the variant whose ranges are those of each inference; None if it does not hold, or is not worth it."""
        feed = replace(self.own, takes={"dynamic-int8": own_input("dynamic-int8")})
        maker = self._maker(feed)
        aim = maker.aims["dynamic-int8"]
        if aim.gain(maker.graph, "dynamic-int8") < aim.min_gain:
            return None
        try:
            made = _fed(maker.make("dynamic-int8"), feed)
        except BudgetMissedError:
            return None
        frontier = made.frontier
        return made if frontier is not None and frontier.gain(frontier.chosen) >= aim.min_gain else None

    def _in_float(self, family: Family, maker: Maker, missed: Family, why: BudgetMissedError) -> Made:
        """Make the float variant, with the frontier of the family whose budget no plan holds."""
        feed = replace(self.own, takes={family: own_input(family)})
        made, aim = _fed(self._maker(feed).make(family), feed), maker.aims[missed]
        exact = aim.exact(len(made.model), made.accuracy)
        return replace(
            made, frontier=aim.frontier(why.points, exact, chosen=exact, why=f"none holds the budget: {why}")
        )

    def _maker(self, feed: Feed) -> Maker:
        graph, statistics = self._calibrated(feed)
        return Maker(
            graph=graph,
            statistics=statistics,
            calibration=feed.material.calibration,
            evaluation=self.evaluation.on(feed.material.evaluation),
            method=self.request.profiles[0].quantization.range_method,
            budget=self.budget,
            aims=aims_for(self.request, feed.source.task, feed.source.graph, self.own.source.graph),
            progress=self.progress,
        )

    def _calibrated(self, feed: Feed) -> tuple[Graph, dict[str, Statistics]]:
        """Return the graph that a feed's families are made of, and what calibration sees of it."""
        graph, samples = feed.source.graph, feed.material.calibration
        tensors = families.tensors_to_calibrate(tuple(feed.takes), graph)
        if not tensors:
            return graph, {}
        if not FORMS.keys().isdisjoint(feed.takes):
            graph = equalize(graph, tensors, [item.tensors for item in samples.spread(_EQUALIZING_SAMPLES)])
        with self.progress("calibrating", passes(graph, tensors) * len(samples)) as advance:
            keeper = StatisticsKeeper(Shelf(self.request.cache, samples.inputs))
            seen = collect(graph, tensors, lambda: (item.tensors for item in samples), advance=advance, keeper=keeper)
        return copy_channels(graph, seen)


def _parts(feed: Feed) -> list[Feed]:
    """Return a feed in two: of families whose channels are scaled for their ranges, and of all others."""
    ranged = {family: takes for family, takes in feed.takes.items() if family in FORMS}
    others = {family: takes for family, takes in feed.takes.items() if family not in FORMS}
    return [replace(feed, takes=takes) for takes in (ranged, others) if takes]


def _fed(made: Made, feed: Feed) -> Made:
    return replace(made, preprocess=feed.preprocess, takes=feed.takes[made.family])
