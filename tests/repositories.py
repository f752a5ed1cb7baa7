"""A real repository with real keys in a folder of the test, and a board that trusts it."""

from __future__ import annotations

import time

from securesystemslib.signer import CryptoSigner

from edge_sdk.agent.fetch import FolderSource
from edge_sdk.agent.state import State
from edge_sdk.agent.time_floor import TimeFloor
from edge_sdk.agent.trust import Shelf, Trust
from edge_sdk.agent.trust.job import run
from edge_sdk.fleet.repository import Quorum, Repository
from edge_sdk.fleet.repository.releases import add_release, assign

ROLES = ("root", "targets", "snapshot", "timestamp", "director")


class Operator:
    """Keys of each role, the repository that they sign, and a clock that the test sets."""

    def __init__(self, folder, *, root=3, root_threshold=2, targets=1, targets_threshold=1):
        counts = {"root": root, "targets": targets}
        self.keys = {role: [new_key() for _ in range(counts.get(role, 1))] for role in ROLES}
        self.now_s = time.time()
        self.folder = folder
        self.repository = self.with_keys(*ROLES)
        thresholds = {"root": root_threshold, "targets": targets_threshold}
        quorums = {role: quorum(*keys, threshold=thresholds.get(role, 1)) for role, keys in self.keys.items()}
        self.repository.create(quorums)

    def with_keys(self, *roles):
        """Return the repository as somebody sees it who has the keys of these roles only."""
        signers = [key for role in roles for key in self.keys[role]]
        return Repository(self.folder, signers, clock=lambda: self.now_s)

    def release(self, package, **how):
        return add_release(self.repository, package, **how).release.title

    def assign(self, release, name="press-4", to="devices"):
        return assign(self.repository, to, name, release)


class Board:
    """A board's trust, with its folder, its database and a clock that the test sets."""

    def __init__(self, folder, operator, *, source=None, run=run, root=None):
        self.folder, self.operator, self.run = folder, operator, run
        self.now_s, self.is_synchronized, self.made_s = operator.now_s, False, 0
        self.source = source or FolderSource(operator.folder)
        self.start()
        self.shelf.begin(root or operator.repository.root_bytes())

    def start(self):
        """Start again, with what is on the disk."""
        self.state = State(self.folder / "state.db")
        self.shelf = Shelf(self.folder / "trust", self.state)
        self.time = TimeFloor(
            self.state,
            clock=lambda: self.now_s,
            is_synchronized=lambda: self.is_synchronized,
            made_unix_s=self.made_s,
        )
        self.trust = Trust(self.shelf, self.source, self.time, run=self.run)

    def offer(self, *, device="press-4", groups=(), families=("arm-int8", "fp32")):
        return self.trust.offer(device, groups=groups, families=families)


def new_key():
    return CryptoSigner.generate_ed25519()


def quorum(*signers, threshold=1):
    return Quorum(tuple(signer.public_key for signer in signers), threshold)
