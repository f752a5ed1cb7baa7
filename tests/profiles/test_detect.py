from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.profiles import detect_profile, list_profiles

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CASES = Path(__file__).parents[1] / "cases" / "profiles"
BOARDS = tomllib.loads((CASES / "boards.toml").read_text())
CPUINFO = BOARDS["cpuinfo"]
IN_COMPATIBLE = "proc/device-tree/compatible"


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def board(root, *, cpuinfo, compatible=(), model="", files=(), **_):
    write(root, {"proc/cpuinfo": f"processor\t: 0\n{CPUINFO.get(cpuinfo, cpuinfo)}\nCPU architecture: 8\n"})
    if compatible:
        tree = {"compatible": "".join(f"{name}\0" for name in compatible), "model": f"{model}\0"}
        write(root / "proc/device-tree", tree)
    write(root, dict(files))
    return root


@pytest.mark.parametrize("case", BOARDS["board"], ids=lambda case: case["name"])
def test_a_board_is_told_by_its_own_files(tmp_path, case):
    detected = detect_profile(board(tmp_path, **case))
    assert detected.profile.name == case["profile"]
    assert detected.evidence[0].mark == case["by"]
    assert {found.profile for found in detected.evidence} == {case["profile"], *case.get("also", [])}
    assert detected.notes == tuple(case.get("notes", []))


def test_every_shipped_profile_has_a_board_among_the_cases():
    assert {profile.name for profile in list_profiles()} == {case["profile"] for case in BOARDS["board"]}


@pytest.mark.parametrize("profile", list_profiles(), ids=lambda profile: profile.name)
def test_each_mark_is_enough_by_itself(tmp_path, profile):
    marks = profile.detection
    boards = [
        *({"compatible": [name]} for name in marks.device_tree),
        *({"compatible": [f"acme,carrier+{module}"]} for module in marks.jetson_modules),
        *({"compatible": ["acme,carrier"], "model": f"{part} Rev 1.0"} for part in marks.model_contains),
    ]
    for number, files in enumerate(boards):
        detected = detect_profile(board(tmp_path / str(number), cpuinfo="v3ae", **files))
        assert detected.profile == profile, files
    assert bool(boards) != marks.any_board


def test_the_device_tree_is_read_below_the_root_where_proc_has_a_link_out_of_it(tmp_path):
    board(tmp_path, cpuinfo="a76")
    write(tmp_path, {"sys/firmware/devicetree/base/compatible": "raspberrypi,5-model-b\0brcm,bcm2712\0"})
    (tmp_path / "proc/device-tree").symlink_to("/sys/firmware/devicetree/base")
    detected = detect_profile(tmp_path)
    assert detected.profile.name == "raspberry-pi-5"
    assert detected.evidence[0].file == "sys/firmware/devicetree/base/compatible"


def test_evidence_names_each_file_that_was_decisive(tmp_path):
    files = {"proc/device-tree/chosen/ids": "3767-0000-301 3768-0000-ES1"}
    board(tmp_path, cpuinfo="a76", compatible=["nvidia,p3737-0000+p3701-0005"], files=files)
    found = [(one.file, one.profile) for one in detect_profile(tmp_path).evidence]
    assert found == [(IN_COMPATIBLE, "jetson-agx-orin"), ("proc/device-tree/chosen/ids", "jetson-orin-nx")]


def test_ones_own_marks_come_before_the_shipped_ones(tmp_path):
    own = (CASES / "good.toml").read_text() + '\n[detection]\njetson_modules = ["p3767-0003"]\n'
    write(tmp_path, {"own/vision.toml": own})
    board(tmp_path / "root", cpuinfo="a76", compatible=["acme,vision", "nvidia,p3767-0003"])
    assert detect_profile(tmp_path / "root", tmp_path / "own").profile.name == "acme-vision-1"
    assert detect_profile(tmp_path / "root").profile.name == "jetson-orin-nano"


NOT_64_BIT = "expected a 64-bit aarch64 or x86_64 system, got a 32-bit one or another architecture"


@pytest.mark.parametrize(
    ("cpuinfo", "files"),
    [
        ("Features\t: half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt lpae evtstrm crc32", {}),
        ("flags\t\t: fpu vme de pse tsc msr mmx sse sse2", {}),
        ("isa\t\t: rv64imafdcv", {}),
        ("a76", {"lib/ld-linux-armhf.so.3": ""}),
    ],
    ids=["armv7 kernel", "i686", "riscv64", "32-bit programs on a 64-bit kernel"],
)
def test_a_system_without_a_wheel_is_refused_whatever_the_board(tmp_path, cpuinfo, files):
    board(tmp_path, cpuinfo=cpuinfo, compatible=["raspberrypi,4-model-b"], files=files)
    with pytest.raises(InputError) as caught:
        detect_profile(tmp_path)
    assert str(caught.value) == f"{tmp_path}/proc/cpuinfo: {NOT_64_BIT}"
    assert caught.value.hint == "onnxruntime has no wheel for it: install the 64-bit system of the board"


def test_a_64_bit_system_may_have_32_bit_libraries_too(tmp_path):
    files = {"lib/ld-linux-armhf.so.3": "", "lib/ld-linux-aarch64.so.1": ""}
    board(tmp_path, cpuinfo="a76", compatible=["raspberrypi,5-model-b"], files=files)
    assert detect_profile(tmp_path).profile.name == "raspberry-pi-5"


def test_a_processor_below_all_profiles_is_refused(tmp_path):
    board(tmp_path, cpuinfo="flags\t\t: fpu lm sse4_1 sse4_2")
    with pytest.raises(InputError) as caught:
        detect_profile(tmp_path)
    assert str(caught.value) == "proc/cpuinfo: expected x86_64 with avx2, got none"
    assert caught.value.hint == "name the board with --profile"


def test_a_root_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match="proc/cpuinfo: expected a readable file, got No such file"):
        detect_profile(tmp_path)
