"""What an ONNX file says of itself in its metadata: `convert` writes it, `quantize` reads it; each value is JSON."""

PREPROCESS = "edge_sdk.preprocess"
"""The `Preprocess` record."""
LABELS = "edge_sdk.labels"
"""Names of the classes by index, a list."""
ORIGIN = "edge_sdk.origin"
"""Where it comes from: framework, versions, exporter, digest of the source, parity with it."""
