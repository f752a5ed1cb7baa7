from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_sdk import records
from edge_sdk.cli.profiles import app
from edge_sdk.errors import InputError
from edge_sdk.profiles import DeviceProfile, list_profiles, load_profile

GOOD = Path(__file__).parents[1] / "cases" / "profiles" / "good.toml"


def run(*arguments, **env):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=env, catch_exceptions=False).stdout


def write_board(root):
    (root / "proc/device-tree").mkdir(parents=True)
    (root / "proc/cpuinfo").write_text("Features\t: fp asimd evtstrm crc32 cpuid\n")
    (root / "proc/device-tree/compatible").write_text("raspberrypi,5-model-b\0brcm,bcm2712\0")
    return root


def test_list_has_a_line_a_board():
    head, *lines = run("list").splitlines()
    assert head.split() == ["NAME", "BOARD", "FAMILY", "CPU", "MEMORY", "ONNXRUNTIME"]
    assert [line.split()[0] for line in lines] == [profile.name for profile in list_profiles()]
    assert lines[-3].split()[-4:] == ["Cortex-A53", "512", "MiB", "1.32.0"]


def test_show_tells_all_that_a_profile_says_and_where_it_is_from():
    profile = load_profile("jetson-orin-nx")
    text = run("show", "jetson-orin-nx-8gb")
    assert text.startswith("jetson-orin-nx: NVIDIA Jetson Orin NX\n")
    said = [*profile.aliases, *profile.notes, *profile.families, *profile.gpu.precisions, "8 GiB", "1 GiB file"]
    said += [part for source in profile.sources for part in (source.says, source.where)]
    said += [f"{key}={value}" for key, value in profile.providers[0].options.items()]
    assert [part for part in said if part not in text] == []


def test_show_reads_a_profile_of_ones_own():
    assert run("show", GOOD).startswith("acme-vision-1: ACME Vision 1\n")


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_folder_of_ones_own_adds_to_the_list(tmp_path, way):
    shutil.copy(GOOD, tmp_path)
    text = run("list", "--profiles-dir", tmp_path) if way == "option" else run("list", EDGE_SDK_PROFILES=str(tmp_path))
    assert text.splitlines()[-1].startswith("acme-vision-1 ")
    assert len(text.splitlines()) == len(list_profiles()) + 2


def test_check_names_what_is_good_and_refuses_what_is_not(tmp_path):
    shutil.copy(GOOD, tmp_path)
    assert run("check", tmp_path) == run("check", GOOD) == "acme-vision-1: ok\n"
    (tmp_path / "bad.toml").write_text("name = 1")
    with pytest.raises(InputError, match=r"bad\.toml: name: expected text, got 1"):
        run("check", tmp_path)


def test_detect_tells_the_board_and_by_what(tmp_path):
    assert run("detect", "--root", write_board(tmp_path)).splitlines() == [
        "raspberry-pi-5: Raspberry Pi 5",
        "  proc/device-tree/compatible says raspberrypi,5-model-b: raspberry-pi-5",
        "  note: the profile says dotprod and fp16, which proc/cpuinfo does not list",
    ]


def test_json_is_the_record_itself(tmp_path):
    listed = json.loads(run("list", "--json"))
    assert [records.read(DeviceProfile, data, where="stdout") for data in listed] == list(list_profiles())
    assert json.loads(run("show", "arm64", "--json")) == listed[0] == json.loads(run("show", "aarch64", "--json"))
    assert json.loads(run("check", GOOD, "--json"))[0]["name"] == "acme-vision-1"
    detected = json.loads(run("detect", "--json", "--root", write_board(tmp_path)))
    assert detected["profile"]["name"] == detected["evidence"][0]["profile"] == "raspberry-pi-5"


@pytest.mark.parametrize("command", ["list", "show", "check", "detect"])
def test_each_help_ends_with_an_example(command):
    lines = [line.strip(" │") for line in run(command, "--help").splitlines()]
    assert any(line.startswith(f"Example: edge-sdk profiles {command}") for line in lines)
