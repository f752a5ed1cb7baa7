"""What a board lives in: a repository with packages, and a fresh folder with a factory release in use.

Made by a process of its own (`python -m scripts.crashes.world FOLDER`), so that the laboratory itself stays small: it
forks a board for each fault.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_sdk import files, records
from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.wire.blocks import BLOCK_BYTES
from edge_sdk.wire.release import Gates, Offer, PackageTarget, stored_as

_PADDING_BYTES = 3 * BLOCK_BYTES
_NAMES = ("good", "better", "bad")
_GATES = Gates(shadow_samples=20, trial_results=30, offline_s=0.0)


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is.

    Attributes:
        folder: The laboratory's own.
    """

    folder: Path

    @property
    def repository(self) -> Path:
        """What boards fetch from."""
        return self.folder / "repository"

    @property
    def fresh(self) -> Path:
        """A board that has only what it came with."""
        return self.folder / "fresh"

    @property
    def factory(self) -> str:
        """Digest of what it came with."""
        return Slots(self.fresh).digest("current")

    def offer(self, name: str) -> Offer:
        """Return the offer of a package."""
        data = json.loads((self.folder / "offers.json").read_bytes())
        return records.read(Offer, data[name], where="offers.json")

    def board(self, name: str) -> Path:
        """Make a fresh board, in the place of one of this name."""
        folder = self.folder / "boards" / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.fresh, folder, symlinks=True)
        return folder


def make_world(folder: Path) -> World:
    """Make a world in a folder."""
    subprocess.run([sys.executable, "-m", "scripts.crashes.world", folder], check=True)
    return World(folder)


def _main() -> None:
    from scripts.crashes import candidates

    world = World(Path(sys.argv[1]))
    chance = random.Random(6)
    scales = {"factory": 10.0, "good": 10.5, "better": 11.0, "bad": 9.5}
    offers = {}
    for version, (name, scale) in enumerate(scales.items(), 1):
        package = world.folder / f"{name}.edge"
        candidates.write(package, candidates.good(scale), version=version, padding=chance.randbytes(_PADDING_BYTES))
        if name in _NAMES:
            offers[name] = records.to_data(publish(world, name, version, package))
    files.write_bytes(world.folder / "offers.json", json.dumps(offers).encode())
    slots = Slots(world.fresh)
    slots.install(slots.take(world.folder / "factory.edge"), Kept("factory-1"))


def publish(world: World, name: str, revision: int, package: Path) -> Offer:
    """Put a package into the repository, with the digests of its blocks; return its offer."""
    data = package.read_bytes()
    blocks = b"".join(hashlib.sha256(data[at : at + BLOCK_BYTES]).digest() for at in range(0, len(data), BLOCK_BYTES))
    sha256, blocks_sha256 = files.sha256_hex(data), files.sha256_hex(blocks)
    target = PackageTarget(f"packages/{name}.edge", sha256, len(data), f"packages/{name}.blocks", blocks_sha256)
    (world.repository / "metadata").mkdir(parents=True, exist_ok=True)
    for file, content in ((target.target, data), (target.blocks, blocks)):
        files.write_bytes(world.repository / stored_as(file, files.sha256_hex(content)), content)
    return Offer(revision, f"{name}-{revision}", "fp32", target, _GATES)


if __name__ == "__main__":
    _main()
