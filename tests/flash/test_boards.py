"""The laboratory of boards in its smallest form, and what it is made of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_sdk.errors import GateError, UnavailableError
from scripts.boards.lab import IMAGES, Flashing
from scripts.boards.machine import BOOT_OFFSET, Machine

_ROOT = Path(__file__).parents[2]
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.mark.timeout(3000)
def test_a_blank_card_becomes_a_board_that_has_proven_itself():
    if not (IMAGES / "cloud-init.img.made-from").exists():
        pytest.skip("no image of a board: scripts/board-image cloud-init makes one, as root on Debian")
    if lacking := [
        name for name in ("qemu-system-aarch64", "mosquitto", "unshare") if not shutil.which(name, path=_PATH)
    ]:
        pytest.skip(f"{', '.join(lacking)}: not installed")
    told = subprocess.run([_ROOT / "scripts/boardlab", "--quick"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "proven: " in told.stdout


@pytest.fixture
def card(tmp_path):
    """A card whose boot partition is empty."""
    if not (shutil.which("mcopy") and shutil.which("mkfs.vfat", path=_PATH)):
        pytest.skip("mtools or dosfstools: not installed")
    card, boot = tmp_path / "card.img", tmp_path / "boot"
    with boot.open("wb") as file:
        file.truncate(2 << 20)
    subprocess.run(["mkfs.vfat", boot], check=True, capture_output=True, env={"PATH": _PATH})
    card.write_bytes(bytes(BOOT_OFFSET) + boot.read_bytes())
    return card


def test_a_board_starts_with_what_its_card_says_at_that_moment(card, tmp_path):
    machine = Machine(card, card)
    assert "root=/dev/vda2" in machine.command_line()
    line = tmp_path / "cmdline.txt"
    line.write_text("console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootwait systemd.run=/boot/x\n")
    subprocess.run(["mcopy", "-i", f"{card}@@{BOOT_OFFSET}", line, "::cmdline.txt"], check=True)
    assert machine.command_line() == "console=ttyAMA0,115200 root=PARTUUID=1-02 rootwait systemd.run=/boot/x"


def test_a_board_that_says_nothing_is_told_with_its_last_words(tmp_path):
    machine = Machine(tmp_path / "card.img", tmp_path / "card.img")
    machine.log.write_text("Kernel panic: no root")
    with pytest.raises(UnavailableError, match="expected a proof within 0 s, got\nKernel panic: no root"):
        machine.wait("a proof", lambda: False, limit_s=0)


@pytest.mark.parametrize(
    ("code", "says", "holds"), [(6, "claim refused", True), (0, "claim refused", False), (6, "", False)]
)
def test_a_command_must_end_as_it_is_expected_to(tmp_path, code, says, holds):
    log = tmp_path / "press-1.flash"
    log.write_text(f"writing\nerror: press-1: {says}\nhint: more\n")
    with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) as process:
        process.wait()
    flashing = Flashing(process, log, 0.0)
    if holds:
        assert flashing.require(6, "claim") == "error: press-1: claim refused"
    else:
        with pytest.raises(GateError, match="expected exit code 6 and claim, got"):
            flashing.require(6, "claim")
