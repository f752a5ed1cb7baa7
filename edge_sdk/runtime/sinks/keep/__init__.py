"""Samples that are worth a label, kept on disk."""

from edge_sdk.runtime.sinks.keep.sink import Keep

__all__ = ["Keep"]
