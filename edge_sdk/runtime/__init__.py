"""Runs a package on a board: sources, preprocessing, session, decoding and sinks, each sample accounted for.

from edge_sdk.package import open_package
from edge_sdk.runtime import Pipeline

with Pipeline.open(open_package("parts.edge")) as pipeline:
    print(pipeline(frame_bgr_hwc))
"""

from edge_sdk.runtime.feed import Feed
from edge_sdk.runtime.loop import Run
from edge_sdk.runtime.pipeline import Pipeline
from edge_sdk.runtime.record import RunOptions
from edge_sdk.runtime.sinks import open_sink
from edge_sdk.runtime.sources import open_source

__all__ = ["Feed", "Pipeline", "Run", "RunOptions", "open_sink", "open_source"]
