"""Reading a stream to its end."""

from __future__ import annotations

from edge_sdk.errors import UnavailableError


def read_all(source):
    """Return all samples, and the error that ended the stream."""
    samples = []
    try:
        while True:
            samples.append(source.read())
    except UnavailableError as exc:
        return samples, exc
    finally:
        source.close()
