"""The version of edge-sdk; the build reads it here."""

__version__ = "0.1.0"
