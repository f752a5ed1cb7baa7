"""The operator's TUF repository: keys, roles, releases, assignments (docs/decisions, 0040 and 0041)."""

from edge_sdk.fleet.repository.repository import Quorum, Repository, sign_pending

__all__ = ["Quorum", "Repository", "sign_pending"]
