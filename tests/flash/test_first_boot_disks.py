"""Real disks under the first boot: one that becomes full, and a boot partition that cannot be written."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest

from tests.flash.fresh_board import WIFI, Board, claim


@contextlib.contextmanager
def mounted(folder: Path, *options: str):
    """Mount something; skip where this machine does not let us."""
    folder.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run(["mount", *options, folder], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"mount: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Take all room but for some blocks."""
    with contextlib.suppress(OSError), (folder / "ballast").open("wb") as file:
        while True:
            file.write(bytes(1 << 16))
            file.flush()


def test_a_disk_that_is_full_in_the_middle_leaves_what_works(tmp_path, quick_pip):
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=6m", "tmpfs"):
        board = Board(tmp_path / "disk", quick_pip)
        board.give("1.0")
        assert board.run().returncode == 0
        board.give("2.0", needs_bytes=0)  # so that the check before lets it through
        fill(board.folder)
        assert board.run().returncode == 1
        assert board.current_works()
        assert board.runs == "1.0"
        assert [path.name for path in (board.opt / "venvs").iterdir()] == [(board.opt / "current").readlink().name]
        (board.folder / "ballast").unlink()
        assert board.run().returncode == 0
        assert board.runs == "2.0"


def test_a_kit_that_cannot_be_written_is_told_and_its_secrets_are_used_once(board):
    board.give(secrets={"claim.json": claim(), "wifi.json": WIFI})
    (board.kit / "recover").touch()
    with mounted(board.kit, "--bind", "-o", "ro", str(board.kit)):
        assert board.run().returncode == 0
        told = [f"{name}: expected it to be wiped off the kit" for name in ("claim.json", "wifi.json")]
        assert all(line in str(board.status["reason"]) for line in told)
        assert board.status["step"] == "done"
        before = board.log
        assert before.count("agent recover") == 1
        assert board.run().returncode == 0
        assert board.log == before
    assert (board.kit / "claim.json").exists()
    assert not (board.kit / "status.json").exists()
