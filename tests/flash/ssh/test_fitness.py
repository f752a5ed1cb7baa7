from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.flash.ssh.address import Address
from edge_sdk.flash.ssh.fitness import notes, require_able, require_fit, system_of
from edge_sdk.flash.ssh.probe import Installed, OnnxRuntime, Probe
from edge_sdk.profiles import load_profile
from tests.flash.ssh.parcels import small_parcel

ADDRESS = Address("press-4", "ada")
GPU = OnnxRuntime("onnxruntime_gpu", "1.23.0", "/usr/local/lib/python3.10/dist-packages")
CPU = OnnxRuntime("onnxruntime", "1.23.2", "/usr/local/lib/python3.10/dist-packages")
TENSORRT = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
JETSON = Probe(
    os_id="ubuntu",
    os_name="Ubuntu 22.04.5 LTS",
    machine="aarch64",
    bits=64,
    python="3.10.12",
    has_venv=True,
    glibc="2.35",
    has_systemd=True,
    user="ada",
    rights="sudo",
    sudo_said="",
    free_opt_bytes=9_000_000_000,
    free_var_bytes=9_000_000_000,
    clock_ahead_s=0.5,
    profile="jetson-orin-nano",
    is_specific=True,
    marks=("proc/device-tree/model says NVIDIA Jetson Orin Nano Developer Kit",),
    why_no_profile="",
    jetpack="JetPack 6.2, L4T 36.4.3",
    onnxruntime=(GPU,),
    providers=TENSORRT,
)
KIT = replace(
    small_parcel().kit, profile="jetson-orin-nano", arch="aarch64", python="3.10", glibc="2.28", needs_bytes=400_000_000
)


def test_a_jetson_can_take_its_kit_and_keeps_the_build_for_its_gpu():
    profile = load_profile("jetson-orin-nano")
    require_able(ADDRESS, JETSON)
    require_fit(ADDRESS, JETSON, KIT)
    system = system_of(JETSON, profile)
    assert (system.python, system.arch, system.glibc) == ("3.10", "aarch64", "2.35")
    assert (system.keeps, system.onnxruntime) == (("onnxruntime-gpu",), "1.23.0")
    assert notes(JETSON, profile) == (f"kept: onnxruntime_gpu 1.23.0 of the board, with {', '.join(TENSORRT)}",)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"onnxruntime": (CPU,), "providers": ("CPUExecutionProvider",)}, "onnxruntime 1.23.2 of the board runs on"),
        ({"onnxruntime": (), "providers": ()}, "the board has no onnxruntime for its GPU"),
        ({"onnxruntime": (), "providers": (), "of_user": (GPU,)}, "is there for the user ada alone"),
        ({"providers": (), "onnxruntime_error": "libcudnn.so.9"}, "cannot be imported (libcudnn.so.9)"),
    ],
)  # fmt: skip
def test_a_jetson_without_a_build_for_its_gpu_is_told_the_cure_and_keeps_none(changed, said):
    profile, board = load_profile("jetson-orin-nano"), replace(JETSON, **changed)
    (note,) = notes(board, profile)
    assert said in note
    assert "on the board, sudo pip3 install onnxruntime-gpu in the build of https://pypi.jetson-ai-lab.io" in note
    assert system_of(board, profile).keeps == ()


def test_builds_on_top_of_each_other_a_wrong_clock_and_a_board_without_marks_are_noted():
    board = replace(JETSON, onnxruntime=(CPU, GPU), clock_ahead_s=-400.0, is_specific=False, profile="arm64")
    assert [note.split(":")[0] for note in notes(board, load_profile("jetson-orin-nano"))] == [
        "the board's clock is 400 s behind",
        "nothing on the board says that it is jetson-orin-nano",
        "kept",
        "several builds of onnxruntime lie on top of each other",
    ]
    assert system_of(board, load_profile("jetson-orin-nano")).keeps == ("onnxruntime", "onnxruntime-gpu")


def test_a_raspberry_pi_needs_no_note_and_keeps_nothing():
    pi = replace(JETSON, profile="raspberry-pi-5", onnxruntime=(CPU,), providers=("CPUExecutionProvider",), jetpack="")
    assert notes(pi, load_profile("raspberry-pi-5")) == ()
    assert system_of(pi, load_profile("raspberry-pi-5")).keeps == ()


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"bits": 32}, "expected a 64-bit system of aarch64 or x86_64, got aarch64 of 32 bits", "64-bit system"),
        ({"machine": "riscv64"}, "got riscv64 of 64 bits", "onnxruntime has no wheel"),
        ({"glibc": ""}, "expected a system with glibc, got Ubuntu 22.04.5 LTS", "Debian"),
        ({"has_systemd": False}, "expected a system that systemd runs", "container"),
        ({"python": "3.8.10"}, "expected Python 3.10 or newer, got 3.8.10", "JetPack 6"),
        ({"python": "3.6.9"}, "expected Python 3.10 or newer, got 3.6.9", "JetPack 6"),
        ({"has_venv": False}, "expected Python's venv, got none", "python3-venv"),
        ({"clock_ahead_s": 100 * 3600.0}, "got one that is 100 hours ahead", "timedatectl"),
        ({"rights": "password"}, "expected sudo without a password for ada", "ssh -t ada@press-4"),
        ({"rights": "none"}, "expected a user that may become root, got ada: no sudo", "ssh://USER@press-4"),
    ],
)
def test_what_a_board_lacks_is_told_with_its_cure(changed, message, hint):
    with pytest.raises(UnavailableError) as caught:
        require_able(ADDRESS, replace(JETSON, **changed))
    assert message in str(caught.value)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"profile": "raspberry-pi-5"}, "expected the board raspberry-pi-5, got jetson-orin-nano: proc/device-tree"),
        ({"arch": "x86_64"}, "expected the system x86_64 that the kit is for, got aarch64"),
        ({"python": "3.13"}, "expected the Python 3.13 that the kit is for, got 3.10"),
        ({"glibc": "2.36"}, "expected glibc 2.36 or newer, got 2.35"),
    ],
)  # fmt: skip
def test_a_kit_for_another_board_is_refused(changed, message):
    with pytest.raises(InputError) as caught:
        require_fit(ADDRESS, JETSON, replace(KIT, **changed))
    assert message in str(caught.value)


@pytest.mark.parametrize("profile", ["arm64", "my-own-board"])
def test_a_profile_for_any_board_or_of_ones_own_contradicts_none(profile):
    require_fit(ADDRESS, JETSON, replace(KIT, profile=profile))


def test_a_board_that_tells_no_kind_contradicts_none():
    require_fit(ADDRESS, replace(JETSON, profile="arm64", is_specific=False), KIT)


def test_too_little_room_is_told_before_anything_is_sent():
    with pytest.raises(UnavailableError, match="expected 400 MB free below /opt, got 300") as caught:
        require_fit(ADDRESS, replace(JETSON, free_opt_bytes=300_000_000), KIT)
    assert "apt clean" in caught.value.hint


def test_a_board_of_another_name_is_refused_unless_it_may_be_renamed():
    board = replace(JETSON, installed=Installed(device="press-3"))
    with pytest.raises(InputError) as caught:
        require_fit(ADDRESS, board, KIT)
    assert caught.value.hint == "another address, or --device-id press-3; --rename if it is to be press-4 from now on"
    require_fit(ADDRESS, board, KIT, may_rename=True)
    require_fit(ADDRESS, replace(JETSON, installed=Installed(device="press-4")), KIT)
