from __future__ import annotations

import email
import os
import re
import subprocess
from pathlib import Path

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.image.hooks import cloud_init_files, first_run_files, unit_files
from tests.flash.image.images import CMDLINE, META_DATA

GENERATOR = Path("/usr/lib/systemd/system-generators/systemd-run-generator")
SEED = {"user-data": b"#cloud-config\nhostname: mine\n", "meta-data": META_DATA}
IMAGER = b" systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target"


def again(files: dict[str, bytes], make, *more: str) -> dict[str, bytes]:
    """Return the files with what `make` says laid over them."""
    return {**files, **make(files.get, *more, where="disk")}


def test_the_users_own_settings_stay_and_the_hook_stands_beside_them():
    written = cloud_init_files(SEED.get, where="disk")
    assert set(written) == {"vendor-data", "meta-data"}
    assert written["vendor-data"].startswith(b"#cloud-boothook\n#!/bin/sh\n")
    assert re.fullmatch(
        rb"# what.*\ndsmode: local\ninstance-id: edge-sdk-[0-9a-f]{16}\n", written["meta-data"], re.DOTALL
    )


def test_a_seed_that_is_missing_is_made():
    written = cloud_init_files({}.get, where="disk")
    assert written["user-data"] == b"#cloud-config\n"
    assert written["meta-data"].startswith(b"instance-id: edge-sdk-")


def test_the_instance_is_new_if_and_only_if_what_cloud_init_is_given_has_changed():
    once = again(SEED, cloud_init_files)
    assert again(once, cloud_init_files) == once
    other = again({**once, "user-data": b"#cloud-config\nhostname: other\n"}, cloud_init_files)
    assert other["meta-data"] != once["meta-data"]


def test_the_instance_that_imager_has_put_on_the_command_line_is_changed_too():
    line = b"root=1 ds=nocloud;i=rpi-imager-1784124660514 cfg80211.ieee80211_regdom=PL\n"
    written = again({**SEED, "cmdline.txt": line, "current/cmdline.txt": b"ds=nocloud;s=/x;i=1"}, cloud_init_files)
    instance = written["meta-data"].rpartition(b" ")[2].strip()
    assert written["cmdline.txt"] == b"root=1 ds=nocloud;i=" + instance + b" cfg80211.ieee80211_regdom=PL\n"
    assert written["current/cmdline.txt"] == b"ds=nocloud;s=/x;i=" + instance
    assert "cmdline.txt" not in cloud_init_files({**SEED, "cmdline.txt": CMDLINE}.get, where="disk")


@pytest.mark.parametrize(
    "theirs",
    [
        b"#cloud-config\nruncmd: [ls]\n",
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
        b"--x\nContent-Type: text/cloud-config\n\na: 1\n--x--\n",
    ],
)
def test_vendor_data_that_is_there_is_kept_beside_ours(theirs):
    once = again({**SEED, "vendor-data": theirs}, cloud_init_files)
    parts = [part for part in email.message_from_bytes(once["vendor-data"]).walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts][-1] == "text/cloud-boothook"
    kept = parts[0].get_payload(decode=True)
    assert kept.strip() in theirs and len(parts) == 2
    assert again(once, cloud_init_files) == once


def test_settings_that_keep_the_hook_away_are_told():
    with pytest.raises(InputError, match="user-data: expected vendor_data to be on, got it switched off"):
        cloud_init_files({**SEED, "user-data": b"#cloud-config\nvendor_data: {enabled: false}\n"}.get, where="disk")


def test_the_boot_hook_starts_the_kit_and_is_content_without_one(tmp_path):
    hook = tmp_path / "hook"
    text = cloud_init_files(SEED.get, where="disk")["vendor-data"].removeprefix(b"#cloud-boothook\n").decode()
    hook.write_text(text.replace("/boot/firmware /boot", f"{tmp_path}/none {tmp_path}/boot"))
    assert subprocess.run(["sh", str(hook)], capture_output=True, check=True).stdout == b""
    (tmp_path / "boot" / "edge-sdk").mkdir(parents=True)
    (tmp_path / "boot" / "edge-sdk" / "start.sh").write_text('echo "started $0"')
    done = subprocess.run(["sh", str(hook)], capture_output=True, check=True)
    assert done.stdout.decode() == f"started {tmp_path}/boot/edge-sdk/start.sh\n"


@pytest.mark.parametrize(("folder", "path"), [("/boot/firmware", b"/boot/firmware/"), ("", b"/boot/")])
def test_the_first_script_is_on_the_one_line(folder, path):
    once = again({"cmdline.txt": CMDLINE}, first_run_files, folder)
    assert once["cmdline.txt"] == CMDLINE[:-1] + IMAGER.replace(b"/boot/", path) + b"\n"
    assert again(once, first_run_files, folder) == once


@pytest.mark.skipif(not GENERATOR.exists(), reason="needs systemd's generators")
def test_systemd_takes_the_words_on_that_line_for_what_they_are_meant(tmp_path):
    line = again({"cmdline.txt": CMDLINE}, first_run_files, "/boot/firmware")["cmdline.txt"].decode().strip()
    environment = {**os.environ, "SYSTEMD_PROC_CMDLINE": line}
    subprocess.run([GENERATOR, tmp_path, tmp_path, tmp_path], env=environment, check=True)
    unit = (tmp_path / "kernel-command-line.service").read_text()
    assert "SuccessAction=reboot\n" in unit and "ExecStart=/boot/firmware/firstrun.sh\n" in unit
    assert (tmp_path / "default.target").readlink().name == "kernel-command-line.target"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "cmdline.txt: expected one line, got 0"),
        (b"a\nb\n", "cmdline.txt: expected one line, got 2"),
        (
            b"a systemd.run=/boot/other.sh\n",
            r"cmdline.txt: expected systemd.run= of firstrun.sh or none, got /boot/other.sh",
        ),
    ],
)
def test_a_command_line_that_cannot_take_it_is_refused(line, told):
    with pytest.raises(InputError, match=told):
        first_run_files({"cmdline.txt": line}.get, "", where="disk")


@pytest.mark.parametrize("is_mended", [False, True])
def test_a_first_script_that_is_there_runs_after_ours_and_all_is_tidied_up(tmp_path, is_mended):
    theirs = b"#!/bin/sh\necho theirs >>log\nrm -f /nowhere/firstrun.sh\n"
    once = again({"cmdline.txt": CMDLINE[:-1] + IMAGER + b"\n", "firstrun.sh": theirs}, first_run_files, "")
    assert again(once, first_run_files, "") == once
    for name, content in once.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "edge-sdk").mkdir()
    (tmp_path / "edge-sdk" / "start.sh").write_text("echo ours >>log")
    script = tmp_path / "firstrun.sh"
    if is_mended:  # what imager_fixup of raspberrypi-sys-mods makes of it
        kept = script.read_text().splitlines()
        first = next(at for at, line in enumerate(kept) if re.search(r"rm.*firstrun\.sh$", line))
        script.write_text(
            "\n".join([*kept[:first], f"rm -f {script}", f"sed -i 's| systemd\\.[^ ]*||g' {tmp_path}/cmdline.txt"])
        )
    subprocess.run(["sh", str(script)], cwd=tmp_path, check=True)
    assert (tmp_path / "log").read_text() == "ours\ntheirs\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cmdline.txt", "edge-sdk", "log"]
    assert (tmp_path / "cmdline.txt").read_bytes() == CMDLINE


def test_a_first_script_that_nothing_runs_is_kept_but_not_run():
    once = again({"cmdline.txt": CMDLINE, "firstrun.sh": b"rm -rf /\n"}, first_run_files, "")
    assert once["firstrun-user.sh"] == b"rm -rf /\n"
    assert b"firstrun-user.sh" not in once["firstrun.sh"]


def test_the_unit_is_wanted_by_what_every_system_starts():
    files = unit_files()
    assert b"ExecStart=/bin/sh /opt/edge-sdk/kit/start.sh" in files["etc/systemd/system/edge-sdk-kit.service"]
    assert files["etc/systemd/system/multi-user.target.d/edge-sdk.conf"] == b"[Unit]\nWants=edge-sdk-kit.service\n"
