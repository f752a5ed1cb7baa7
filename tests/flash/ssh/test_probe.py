from __future__ import annotations

import ast
import base64
import json
import platform
from pathlib import Path

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.ssh import on_board
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.connection import Connection
from edge_sdk.flash.ssh.errand import run_errand
from edge_sdk.flash.ssh.probe import Installed, OnnxRuntime, probe, read_probe
from tests.flash.ssh.parcels import small_parcel

CPU = b"processor : 0\nFeatures : fp asimd evtstrm crc32 cpuid asimdhp asimddp\n"
TOLD = {
    "now_unix_s": 1_800_000_030.0,
    "system": {"ID": "ubuntu", "PRETTY_NAME": "Ubuntu 22.04.5 LTS"},
    "machine": "aarch64",
    "bits": 64,
    "python": "3.10.12",
    "has_venv": True,
    "glibc": "2.35",
    "has_systemd": True,
    "user": "ada",
    "rights": "sudo",
    "sudo_said": "",
    "free_opt_bytes": 9_000_000_000,
    "free_var_bytes": 9_000_000_000,
    "marks": {
        "proc/device-tree/model": base64.b64encode(b"NVIDIA Jetson Orin Nano Developer Kit\0").decode(),
        "proc/device-tree/compatible": base64.b64encode(b"nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0").decode(),
        "proc/cpuinfo": base64.b64encode(CPU).decode(),
        "lib/ld-linux-aarch64.so.1": "",
    },
    "nvidia": {
        "release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic",
        "l4t": "36.4.3-2025",
        "jetpack": "6.2",
    },
    "onnxruntime": {
        "system": [["onnxruntime-gpu", "1.23.0", "/usr/local/lib/python3.10/dist-packages"]],
        "all": [
            ["onnxruntime-gpu", "1.23.0", "/usr/local/lib/python3.10/dist-packages"],
            ["onnxruntime", "1.19.2", "/home/ada/.local/lib/python3.10/site-packages"],
        ],
        "imported": ["1.23.0", ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]],
        "error": "",
    },
    "installed": {"folder": "/opt/edge-sdk/kit", "kit": "", "status": "", "agent": ""},
}


def told(**changed):
    return {**TOLD, **changed}


def test_a_jetson_is_told_by_its_marks_and_its_builds():
    found = read_probe(TOLD, 1_800_000_000.0)
    assert (found.profile, found.is_specific) == ("jetson-orin-nano", True)
    assert found.jetpack == "JetPack 6.2, L4T 36.4.3"
    assert found.onnxruntime == (OnnxRuntime("onnxruntime-gpu", "1.23.0", "/usr/local/lib/python3.10/dist-packages"),)
    assert found.providers[0] == "TensorrtExecutionProvider"
    assert [build.version for build in found.of_user] == ["1.19.2"]
    assert (found.clock_ahead_s, found.python_minor, found.needs_sudo) == (30.0, "3.10", True)


def test_the_module_ids_of_an_old_jetpack_are_the_names_in_a_folder():
    marks = {
        "proc/device-tree/chosen/plugin-manager/ids": ["3448-0000-400", "../../../../evil", "3542-0000-100"],
        "proc/cpuinfo": base64.b64encode(CPU.replace(b" asimdhp asimddp", b"")).decode(),
    }
    assert read_probe(told(marks=marks), 0.0).profile == "jetson-nano"


def test_a_32_bit_system_has_no_profile_and_is_told_why():
    marks = {"proc/cpuinfo": TOLD["marks"]["proc/cpuinfo"], "lib/ld-linux-armhf.so.3": ""}
    found = read_probe(told(marks=marks, bits=32), 0.0)
    assert (found.profile, found.is_specific) == ("", False)
    assert found.why_no_profile.startswith("/proc/cpuinfo: expected a 64-bit aarch64 or x86_64 system")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "proc/../../evil", "a b", ""])
def test_a_mark_that_leaves_its_folder_is_refused(name):
    with pytest.raises(ValueError, match="a mark at"):
        read_probe(told(marks={name: ""}), 0.0)


def test_what_is_installed_is_told():
    kit = small_parcel(device="press-3").kit
    installed = {
        "folder": "/boot/firmware/edge-sdk",
        "kit": kit.to_json().decode(),
        "status": json.dumps({"step": "enrol", "state": "doing", "reason": "no way to the server"}),
        "agent": json.dumps({"device": "press-4"}),
    }
    found = read_probe(told(installed=installed), 0.0).installed
    assert (found.device, found.step, found.state) == ("press-4", "enrol", "doing")
    assert (found.kit_device, found.kit_digest) == ("press-3", kit.digest)
    assert found.kit_folder == "/boot/firmware/edge-sdk"
    with pytest.raises(ValueError, match="a folder"):  # it is to stand on a command line
        read_probe(told(installed={**installed, "folder": "/boot; reboot"}), 0.0)
    assert read_probe(told(installed={**installed, "agent": "{damaged"}), 0.0).installed.device == "press-3"
    assert read_probe(told(installed={**installed, "agent": "[]", "kit": "{}"}), 0.0).installed.device == ""
    assert read_probe(TOLD, 0.0).installed == Installed()


def test_this_machine_is_told_over_ssh_without_a_change_on_it(board):
    folders = "ls -la --full-time /opt /etc /var/lib /root"
    before = board.do(folders)
    with Connection(Address.parse(board.url)) as connection:
        found = probe(connection)
    assert (found.machine, found.bits, found.rights) == (platform.machine(), 64, "root")
    assert (
        found.python_minor
        == board.do("/usr/bin/python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").strip()
    )
    assert found.profile
    assert found.glibc.startswith("2.")
    assert found.has_systemd
    assert abs(found.clock_ahead_s) < 5
    assert found.free_opt_bytes > 1 << 20
    assert found.installed == Installed()
    assert board.do(folders) == before


@pytest.mark.parametrize(("mode", "rights"), [("free", "sudo"), ("password", "password"), ("refused", "none")])
def test_how_a_user_becomes_root_is_told(board, mode, rights):
    board.do(f"echo {mode} > /etc/edge-sudo")
    with Connection(Address.parse(board.url.replace("root@", "boarder@"))) as connection:
        found = probe(connection)
        assert (found.user, found.rights) == ("boarder", rights)
        if rights == "sudo":
            assert connection.run("sudo -n id -u").output == b"0\n"


def test_a_board_without_python_is_told_what_to_install(board):
    board.do("mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        with Connection(Address.parse(board.url)) as connection, pytest.raises(UnavailableError) as caught:
            probe(connection)
    finally:
        board.do("mv /usr/bin/python3.away /usr/bin/python3")
    assert str(caught.value) == f"{board.url}: expected /usr/bin/python3 on the board, got none"


def test_an_answer_that_is_none_is_told(board):
    said = pytest.raises(UnavailableError, match="expected an answer of __init__, got nothing")
    with Connection(Address.parse(board.url)) as connection, said:
        run_errand(connection, "__init__", {})  # a text that does nothing


@pytest.mark.parametrize("path", sorted(Path(on_board.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_what_runs_on_old_boards_speaks_their_python(path):
    ast.parse(path.read_text(), feature_version=(3, 6))
