"""Does a job of verification in this process: all of python-tuf and cryptography is behind this file."""

from __future__ import annotations

from edge_sdk.agent.trust.border import Job
from edge_sdk.agent.trust.choosing import choose
from edge_sdk.agent.trust.keeping import Fetch, Keeper
from edge_sdk.agent.trust.workflow import Workflow
from edge_sdk.wire.release import Offer


def run(job: Job, keeper: Keeper, fetch: Fetch) -> Offer | None:
    """Refresh, and return the offer for who asks for one.

    Raises:
        InputError: The release has no variant for the board, or is of a newer schema.
        TrustError: Something does not verify, has expired, or goes back.
        UnavailableError: The source is not there, or lacks a file that it must have.
    """
    workflow = Workflow(keeper, fetch, job.floors, job.clock)
    workflow.refresh()
    return None if job.seeker is None else choose(workflow, job.seeker)
