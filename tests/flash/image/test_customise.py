from __future__ import annotations

import os
import shutil
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sdk import files
from edge_sdk.errors import InputError, TrustError, UnavailableError
from edge_sdk.flash import Parcel
from edge_sdk.flash.image import (
    customise,
    customise_folder,
    customise_in_place,
    request_recovery,
    survey,
    survey_folder,
)
from edge_sdk.flash.image.beside import copy_beside
from edge_sdk.flash.image.ext4 import Ext4Volume
from edge_sdk.flash.image.fat import FatVolume
from edge_sdk.flash.image.survey import Survey
from edge_sdk.flash.kit import MAX_FILE_BYTES, KitFile
from edge_sdk.flash.kit_folder import check_kit
from tests.flash.image.images import CMDLINE, a_parcel, needs_programs, pi_boot, require_sound
from tests.flash.kits import CONTENTS, PACKAGE
from tests.flash.loops import attached, needs_loops

pytestmark = needs_programs
LARGE = {**CONTENTS, PACKAGE: os.urandom(5 << 20)}
TOO_LARGE = {**CONTENTS, PACKAGE: bytes(8 << 20)}


def silent(_: str) -> None:
    """Tell nobody."""


def volume_of(image: Path, found: Survey) -> FatVolume | Ext4Volume:
    """Return where the kit of an image lies."""
    return Ext4Volume(image, found.root) if found.format == "systemd-root" else FatVolume(image, found.boot)


@pytest.mark.parametrize(
    ("kind", "kit", "hook"),
    [
        ("trixie", "edge-sdk", "vendor-data"),
        ("ubuntu", "edge-sdk", "vendor-data"),
        ("bookworm", "edge-sdk", "firstrun.sh"),
        ("debian", "opt/edge-sdk/kit", "etc/systemd/system/edge-sdk-kit.service"),
    ],
)
def test_a_kit_and_its_hook_are_in_the_image_and_its_file_systems_are_sound(image_of, survey_of, kind, kit, hook):
    image, parcel, told = image_of(kind), a_parcel(), []
    customise(image, survey_of(kind), parcel, told.append)
    volume = volume_of(image, survey_of(kind))
    for name, content in {**parcel.contents, **parcel.secrets, "kit.json": parcel.kit.to_json()}.items():
        assert volume.read(f"{kit}/{name}", most_bytes=1 << 20) == content
    assert b"start.sh" in volume.read(hook, most_bytes=1 << 20)
    assert [line.split()[0] for line in told] == ["writing", "reading"]
    assert [path.name for path in image.parent.iterdir()] == [image.name]
    require_sound(image)


@pytest.mark.parametrize("kind", ["trixie", "debian"])
def test_another_kit_takes_the_place_of_the_first_and_what_was_there_stays(image_of, survey_of, kind):
    image = image_of(kind)
    customise(image, survey_of(kind), a_parcel(LARGE), silent)
    once = survey(image)
    hook = volume_of(image, once).sha256("meta-data" if kind == "trixie" else "etc/systemd/system/edge-sdk-kit.service")
    other = {"start.sh": b"other", PACKAGE: os.urandom(5 << 20)}  # both have no room at once
    customise(image, once, a_parcel(other), silent)
    volume = volume_of(image, once)
    kit = "edge-sdk" if kind == "trixie" else "opt/edge-sdk/kit"
    assert volume.names(kit) == {"start.sh", PACKAGE, "kit.json", "claim.json"}
    assert volume.sha256("meta-data" if kind == "trixie" else "etc/systemd/system/edge-sdk-kit.service") == hook
    kept = "config.txt" if kind == "trixie" else "etc/systemd/system/keep.service"
    assert volume.read(kept, most_bytes=99) == (b"arm_64bit=1\n" if kind == "trixie" else b"[Unit]\n")
    require_sound(image)


def test_files_in_a_root_are_of_root_and_secrets_only_roots(image_of, survey_of):
    image = image_of("debian")
    customise(image, survey_of("debian"), a_parcel(), silent)
    volume = volume_of(image, survey_of("debian"))
    rights = {
        name: (entry.mode, entry.owner)
        for name in ("start.sh", "claim.json", "wheels")
        if (entry := volume.entry(f"opt/edge-sdk/kit/{name}"))
    }
    assert rights == {"start.sh": (0o100644, (0, 0)), "claim.json": (0o100600, (0, 0)), "wheels": (0o040755, (0, 0))}


@pytest.mark.parametrize("kind", ["trixie", "debian"])
def test_a_kit_without_room_changes_nothing(image_of, survey_of, kind):
    image = image_of(kind)
    before = files.sha256_of_file(image)
    with pytest.raises(UnavailableError, match=r"expected \d+ bytes free for the kit, got \d+"):
        customise_in_place(image, survey_of(kind), a_parcel(TOO_LARGE), silent)
    assert files.sha256_of_file(image) == before


def test_a_source_that_has_changed_since_leaves_the_image_as_it_was(image_of, survey_of):
    image = image_of("trixie")
    before = files.sha256_of_file(image)
    parcel = replace(a_parcel(), contents={**CONTENTS, PACKAGE: b"changed since"})
    with pytest.raises(TrustError, match=rf"edge-sdk/{PACKAGE}: expected SHA-256"):
        customise(image, survey_of("trixie"), parcel, silent)
    assert files.sha256_of_file(image) == before
    assert [path.name for path in image.parent.iterdir()] == [image.name]


def test_a_kill_leaves_the_image_as_it_was_and_the_next_attempt_goes_well(image_of, survey_of):
    image, found = image_of("trixie"), survey_of("trixie")
    before = files.sha256_of_file(image)

    def die(line: str) -> None:
        if line == "reading it back":
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        customise(image, found, a_parcel(LARGE), die)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert files.sha256_of_file(image) == before
    customise(image, found, a_parcel(), silent)
    assert [path.name for path in image.parent.iterdir()] == [image.name]
    require_sound(image)


def test_a_root_whose_journal_is_yet_to_be_replayed_is_refused(image_of, survey_of):
    image = image_of("debian")
    found = survey_of("debian")
    with image.open("r+b") as file:
        file.seek(found.root.start_bytes + 1024 + 0x60)
        wanted = file.read(1)[0] | 0x4
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([wanted]))
    with pytest.raises(InputError, match="expected a file system that was unmounted, got one with a journal to replay"):
        customise(image, found, a_parcel(), silent)


@pytest.mark.parametrize("kind", ["trixie", "debian"])
def test_a_board_is_asked_to_go_back_to_its_factory_model(image_of, survey_of, kind):
    image = image_of(kind)
    found = survey_of(kind)
    with pytest.raises(InputError, match=r"expected a kit in (opt/)?edge-sdk(/kit)?, got none"):
        request_recovery(image, found)
    customise_in_place(image, found, a_parcel(), silent)
    request_recovery(image, found)
    volume = volume_of(image, found)
    assert volume.read("edge-sdk/recover" if kind == "trixie" else "opt/edge-sdk/kit/recover", most_bytes=1) == b""
    require_sound(image)


@needs_loops
@pytest.mark.parametrize("kind", ["trixie", "debian"])
def test_a_drive_is_customised_as_it_is_and_a_read_only_one_is_told(image_of, survey_of, kind):
    image = image_of(kind)
    with (
        attached(image, "--read-only") as path,
        pytest.raises(UnavailableError, match=r"to write, got: .*not permitted"),
    ):
        customise(Path(path), survey_of(kind), a_parcel(), silent)
    with attached(image) as path:
        drive = Path(path)
        assert survey(drive) == survey_of(kind)
        customise(drive, survey_of(kind), a_parcel(), silent)
        parcel = replace(a_parcel(), kit=replace(a_parcel().kit, needs_bytes=500_000_000))
        with pytest.raises(UnavailableError, match=r"root: expected \d+ bytes free to install, got \d+"):
            customise(drive, survey_of(kind), parcel, silent)
    assert "kit.json" in volume_of(image, survey_of(kind)).names("edge-sdk" if kind == "trixie" else "opt/edge-sdk/kit")
    require_sound(image)


@pytest.mark.skipif(os.geteuid() != 0, reason="is what every other test does when it is not root")
def test_nobody_can_customise_an_image_of_theirs(made, survey_of):
    folder = Path(tempfile.mkdtemp(prefix="edge sdk @@ ?offset=1 ", dir="/tmp"))
    try:
        copies = [Path(shutil.copy(made(kind), folder)) for kind in ("trixie", "debian")]
        for path in (folder, *copies):
            os.chown(path, 65534, 65534)
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                tempfile.tempdir = "/tmp"
                for path in copies:
                    customise(path, survey(path), a_parcel(), silent)
                copies[0].chmod(0o444)
                with pytest.raises(UnavailableError, match="expected a place to write, got Permission denied"):
                    customise(copies[0], survey_of("trixie"), a_parcel(), silent)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        for path in copies:
            assert volume_of(path, survey_of(path.stem)).size_bytes("edge-sdk" if path.stem == "trixie" else "opt")
    finally:
        shutil.rmtree(folder)


def test_a_file_that_cannot_be_written_is_told(survey_of):
    found = survey_of("trixie")
    with pytest.raises(UnavailableError, match="expected mcopy to write, got"):
        FatVolume(Path("/proc/self/exe"), found.boot).write({"a": b"b"})


def test_two_do_not_customise_one_image_at_once(image_of, survey_of):
    image = image_of("trixie")
    with copy_beside(image), pytest.raises(UnavailableError, match="expected one at a time to customise this image"):
        customise(image, survey_of("trixie"), a_parcel(), silent)


def test_a_copy_has_the_holes_of_the_file_and_its_rights(tmp_path):
    file = tmp_path / "disk.img"
    with file.open("wb") as out:
        out.truncate(64 << 20)
        out.seek(32 << 20)
        out.write(b"here")
    file.chmod(0o640)
    (tmp_path / "link.img").symlink_to(file)
    before = files.sha256_of_file(file)
    with copy_beside(tmp_path / "link.img") as copy:
        assert files.sha256_of_file(copy) == before
        assert copy.stat().st_blocks * 512 < 1 << 20
        copy.write_bytes(b"new")
    assert (tmp_path / "link.img").is_symlink()
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o640)


def test_a_mounted_boot_partition_gets_the_same(tmp_path):
    for name, content in (pi_boot() | {"user-data": b"#cloud-config\n", "meta-data": b""}).items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "edge-sdk").mkdir()
    (tmp_path / "edge-sdk" / "old.edge").write_bytes(b"an older kit's")
    parcel = a_parcel()
    customise_folder(tmp_path, parcel, silent)
    assert check_kit(tmp_path / "edge-sdk") == parcel.kit
    assert not (tmp_path / "edge-sdk" / "old.edge").exists()
    assert (tmp_path / "vendor-data").read_bytes().startswith(b"#cloud-boothook")
    assert (tmp_path / "cmdline.txt").read_bytes() == CMDLINE
    request_recovery(tmp_path, survey_folder(tmp_path))
    assert (tmp_path / "edge-sdk" / "recover").read_bytes() == b""


def test_a_disk_without_room_for_the_kit_is_told_before_the_image_is_touched(image_of):
    image = image_of("trixie")
    before = image.read_bytes()
    huge = tuple(KitFile(f"wheels/{number}.whl", "0" * 64, MAX_FILE_BYTES) for number in range(1000))
    parcel = a_parcel()
    kit = replace(parcel.kit, files=(*parcel.kit.files, *huge))
    contents = {**parcel.contents, **{file.name: b"" for file in huge}}
    with pytest.raises(UnavailableError, match=r"expected [0-9]{13} bytes free, got"):
        customise_in_place(image, survey(image), Parcel(kit, contents, parcel.secrets), print)
    assert image.read_bytes() == before
