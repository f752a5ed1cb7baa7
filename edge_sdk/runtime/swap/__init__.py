"""Another model takes over while a run goes on: it is opened and proven beside the one in use, and then exchanged."""

from edge_sdk.runtime.swap.record import SwapOptions, SwapReport

__all__ = ["SwapOptions", "SwapReport"]
