from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import edge_sdk.flash
from edge_sdk.flash.board_program import program, start_script
from tests.flash.fresh_board import Board

SOURCES = sorted((Path(edge_sdk.flash.__file__).parent / "board_side").glob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_what_runs_on_the_board_is_python_3_10_and_its_standard_library_alone(path):
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 10))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            ours = name.startswith("edge_sdk.flash.board_side")
            assert ours or name.split(".")[0] in sys.stdlib_module_names, name


def test_the_program_is_the_same_each_time_and_runs_without_edge_sdk(tmp_path):
    assert program() == program()
    (tmp_path / "first_boot.pyz").write_bytes(program())
    command = [sys.executable, "-I", "-S", tmp_path / "first_boot.pyz", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--recover" in done.stdout
    assert "edge_sdk/flash/board_side/main.py" in zipfile.ZipFile(io.BytesIO(program())).namelist()


def start(board: Board) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", board.kit / "start.sh"]
    return subprocess.run(command, env=board.environment, capture_output=True, text=True, check=False, cwd="/")


def test_the_start_script_makes_a_service_once_and_waits_for_nothing(board):
    board.give()
    assert start(board).returncode == 0
    unit = board.root / "etc/systemd/system/edge-sdk-first-boot.service"
    assert f"first_boot.pyz --kit {board.kit}\n" in unit.read_text()
    assert (unit.parent / "multi-user.target.wants" / unit.name).resolve() == unit
    assert (board.opt / "boot/first_boot.pyz").read_bytes() == program()
    assert start(board).returncode == 0
    started = ["sync", "systemctl start --no-block edge-sdk-first-boot.service"]
    asked = [line.strip() for line in board.log.splitlines()]
    assert asked == ["sync"] * 4 + ["systemctl daemon-reload", started[1], started[1]]


def test_in_a_boot_that_ends_with_another_one_nothing_is_begun(board):
    board.give()
    (board.root / "proc").mkdir()
    (board.root / "proc/cmdline").write_text("console=tty1 systemd.run=/boot/firstrun.sh systemd.unit=x.target\n")
    assert start(board).returncode == 0
    assert "systemctl start" not in board.log
    assert (board.root / "etc/systemd/system/multi-user.target.wants/edge-sdk-first-boot.service").is_symlink()


def test_of_two_kits_the_newer_one_counts_and_gets_what_is_asked_of_the_older(board):
    board.give(made_unix_s=1_790_000_001)
    newer = board.root / "opt/edge-sdk/kit"
    newer.parent.mkdir(parents=True)
    board.kit.rename(newer)
    subprocess.run(["/bin/sh", newer / "start.sh"], env=board.environment, check=True)
    board.give(made_unix_s=1_790_000_000)
    (board.kit / "recover").touch()
    assert start(board).returncode == 0
    unit = (board.root / "etc/systemd/system/edge-sdk-first-boot.service").read_text()
    assert f"RequiresMountsFor={newer}\n" in unit
    assert (newer / "recover").exists()
    assert not (board.kit / "recover").exists()
    board.give(made_unix_s=1_790_000_002)
    assert start(board).returncode == 0
    unit = (board.root / "etc/systemd/system/edge-sdk-first-boot.service").read_text()
    assert f"RequiresMountsFor={board.kit}\n" in unit


def test_a_board_without_python_says_so_on_the_card(board):
    board.give()
    board.environment["PATH"] = str(board.bin)  # nothing but stand-ins
    for name in ("dirname", "sed", "head"):
        (board.bin / name).symlink_to(f"/usr/bin/{name}")
    done = start(board)
    assert (done.returncode, done.stderr) == (5, "error: first boot: python3: expected one on this system, got none\n")
    assert '"reason": "python3: expected one on this system, got none"' in (board.kit / "status.json").read_text()


def test_the_start_script_is_what_lies_beside_the_modules():
    assert start_script().startswith(b"#!/bin/sh\n")
