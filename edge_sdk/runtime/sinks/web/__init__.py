"""A run seen in a browser: live pictures, figures, and metrics for Prometheus. `web:8080`."""

from edge_sdk.runtime.sinks.web.sink import Web

__all__ = ["Web"]
