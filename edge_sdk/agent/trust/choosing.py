"""Which release a device is offered: the director's choice, among what the offline keys signed.

- The director's key is online, at the operator's server. Its word counts for `director/…` alone: by the delegation's
  paths, and here by the role that answers.
- A release and its packages must be answered for by `targets`, whose keys are offline. A stolen director key chooses
  among them and signs none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tuf.api.metadata import TargetFile

from edge_sdk.agent.trust.border import Seeker
from edge_sdk.agent.trust.workflow import Workflow
from edge_sdk.errors import InputError, TrustError
from edge_sdk.profiles import Family
from edge_sdk.wire import decode
from edge_sdk.wire.release import Assignment, Offer, PackageTarget, Release

DIRECTOR = "director"
_MAX_DOCUMENT_BYTES = 1 << 16
DocumentT = TypeVar("DocumentT")


def choose(workflow: Workflow, seeker: Seeker) -> Offer | None:
    """Return what a device is offered, after a refresh; None if nothing is assigned to it.

    Raises:
        InputError: The release has no variant for the board, or is of a newer schema.
        TrustError: The assignment names what the offline keys did not sign, or something is not what was signed.
        UnavailableError: The source is not there, or lacks a file that it must have.
    """
    assignment = _assignment(workflow, seeker)
    if assignment is None or not assignment.release:
        return None
    name = f"releases/{assignment.release}.json"
    release = _document(workflow, Release, name, _of_role(workflow, name, "targets"))
    if release.title != assignment.release:
        raise TrustError(f"{name}: expected release {assignment.release}, got {release.title[:200]}")
    family = _family(release, seeker.families)
    package = release.packages[family]
    _check_package(workflow, package)
    return Offer(assignment.revision, release.title, family, package, release.gates)


def _assignment(workflow: Workflow, seeker: Seeker) -> Assignment | None:
    """Return the assignment to the device itself, else to the first of its groups that has one."""
    places = [f"director/devices/{seeker.device}.json", *(f"director/groups/{group}.json" for group in seeker.groups)]
    for name in places:
        if workflow.find(name) is not None:
            return _document(workflow, Assignment, name, _of_role(workflow, name, DIRECTOR))
    return None


def _of_role(workflow: Workflow, name: str, role: str) -> TargetFile:
    found = workflow.find(name)
    if found is None:
        raise TrustError(f"{name}: expected it to be signed by {role}, got nothing of that name")
    if found[0] != role:
        raise TrustError(f"{name}: expected it to be signed by {role}, got {found[0][:200]}")
    return found[1]


def _document(workflow: Workflow, record: type[DocumentT], name: str, target: TargetFile) -> DocumentT:
    return decode(record, workflow.read(name, target, max_bytes=_MAX_DOCUMENT_BYTES), where=name)


def _family(release: Release, families: Sequence[Family]) -> Family:
    family = next((family for family in families if family in release.packages), None)
    if family is None:
        wanted, got = ", ".join(families), ", ".join(release.packages)
        raise InputError(f"{release.title}: expected a variant for this board ({wanted}), got {got or 'none'}")
    return family


def _check_package(workflow: Workflow, package: PackageTarget) -> None:
    """Check that a release's package, and the list of its blocks, are the targets of these names."""
    for name, sha256 in ((package.target, package.sha256), (package.blocks, package.blocks_sha256)):
        signed = _of_role(workflow, name, "targets")
        if signed.hashes.get("sha256") != sha256:
            raise TrustError(f"{name}: expected SHA-256 {sha256[:80]}, got {signed.hashes.get('sha256')}")
    if _of_role(workflow, package.target, "targets").length != package.size_bytes:
        raise TrustError(f"{package.target}: expected {package.size_bytes} bytes, got another size in the targets")
