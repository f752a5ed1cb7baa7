"""Gives accuracy back to integers, without training: what calibration samples show is used, the network is not changed.

| pass | what it does |
|---|---|
| `equalize` | scales channels against each other, so that one range for all of them wastes less |
| `copy_channels` | lets channels that carry nothing carry others once more, half a step apart |
| `choose_ranges` | takes for each tensor the range that disturbs least what the next layers make of it |
| `reconstruct` | rounds weights against each other's error, and puts the mean of each layer's results right |
"""

from edge_sdk.quantize.recovery.copies import copy_channels
from edge_sdk.quantize.recovery.equalize import equalize
from edge_sdk.quantize.recovery.reconstruct import CORRECTIONS, Correction, affordable, reconstruct
from edge_sdk.quantize.recovery.walk import Integers
from edge_sdk.quantize.recovery.windows import choose_ranges

__all__ = [
    "CORRECTIONS",
    "Correction",
    "Integers",
    "affordable",
    "choose_ranges",
    "copy_channels",
    "equalize",
    "reconstruct",
]
