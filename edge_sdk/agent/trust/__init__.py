"""Trust: what a board takes for its fleet's word (docs/decisions/0040-tuf-with-our-own-storage.md)."""

from edge_sdk.agent.trust.client import Trust
from edge_sdk.agent.trust.shelf import Shelf

__all__ = ["Shelf", "Trust"]
