"""The operator's TUF repository: keys, roles, releases, assignments (docs/decisions/0041-a-director-that-only-chooses.md)."""

from edge_sdk.fleet.repository.repository import Quorum, Repository, sign_pending

__all__ = ["Quorum", "Repository", "sign_pending"]
