"""Recordings, made by the sink that makes them."""

from __future__ import annotations

from edge_sdk.runtime import open_sink
from edge_sdk.runtime.frame import Sample


def samples(data, *, source="camera:0", start_ns=5_000_000_000, period_ns=20_000_000):
    """Return samples of a live source, evenly spaced."""
    return [Sample(one, seq, start_ns + seq * period_ns, "driver", source) for seq, one in enumerate(data)]


def record(folder, data, *, options=""):
    """Record some data as one run, or the samples given; return the address that plays it."""
    made = data if isinstance(data[0], Sample) else samples(data)
    sink = open_sink(f"record:{folder}{options}", None)
    for sample in made:
        sink.write(sample, None)
    sink.close()
    return f"replay:{folder}"
