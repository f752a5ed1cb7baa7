"""Parity: what several engines, or a model and its source, compute of the same inputs, in numbers and in answers."""

from edge_sdk.convert.parity.matrix import compare_engines, require_engines_agree
from edge_sdk.convert.parity.numbers import Difference, Tolerance
from edge_sdk.convert.parity.page import parity_page
from edge_sdk.convert.parity.report import ParityReport
from edge_sdk.convert.parity.request import ParityRequest

__all__ = [
    "Difference",
    "ParityReport",
    "ParityRequest",
    "Tolerance",
    "compare_engines",
    "parity_page",
    "require_engines_agree",
]
