import hashlib
import os
import shutil
import subprocess
import sys

import pytest

from edge_sdk.agent.kept import Kept
from edge_sdk.agent.slots import Slots
from edge_sdk.errors import InputError, TrustError, UnavailableError

ONE, TWO, THREE = (name.encode() * 5000 for name in ("one", "two", "three"))


def _digest(data):
    return hashlib.sha256(data).hexdigest()


def _stage(slots, data):
    sha256 = _digest(data)
    slots.download(sha256).parent.mkdir(parents=True, exist_ok=True)
    slots.download(sha256).write_bytes(data)
    slots.stage(sha256)
    return sha256


@pytest.fixture
def slots(tmp_path):
    """A board that came with one release, and has two more: `three` is in use."""
    source = tmp_path / "factory.edge"
    source.write_bytes(ONE)
    slots = Slots(tmp_path / "board")
    slots.install(slots.take(source), Kept("parts-1"))
    for data, title in ((TWO, "parts-2"), (THREE, "parts-3")):
        slots.promote(_stage(slots, data), Kept(title))
    return slots


def test_the_three_links_lead_to_real_files(slots):
    assert [slots.digest(name) for name in ("current", "previous", "factory")] == [
        _digest(THREE),
        _digest(TWO),
        _digest(ONE),
    ]
    assert (slots.folder / "current" / "package.edge").read_bytes() == THREE
    assert slots.package(_digest(THREE)).stat().st_nlink == 1
    assert slots.kept(_digest(THREE)).release == "parts-3"


def test_promoting_twice_is_promoting_once(slots):
    slots.promote(_digest(THREE), Kept("parts-3"))
    assert slots.digest("previous") == _digest(TWO)


def test_a_board_with_nothing_has_nothing(tmp_path):
    slots = Slots(tmp_path / "board")
    assert slots.recover().sha256 == ""
    slots.collect()
    assert slots.digest("current") == ""
    assert slots.free_bytes() > 0


def test_a_download_that_is_something_else_is_never_a_release(slots):
    sha256 = _digest(b"four")
    with pytest.raises(TrustError, match=r"expected a download, got none that can be read"):
        slots.stage(sha256)
    slots.download(sha256).write_bytes(b"five")
    with pytest.raises(TrustError, match=f"expected SHA-256 {sha256}, got {_digest(b'five')}"):
        slots.stage(sha256)
    assert slots.damage(sha256) != ""


def test_staging_twice_is_staging_once(slots):
    slots.stage(_digest(THREE))
    assert slots.damage(_digest(THREE)) == ""


def test_a_spoiled_release_is_replaced_by_a_whole_download(slots):
    slots.package(_digest(THREE)).write_bytes(b"")
    assert _stage(slots, THREE) == _digest(THREE)
    assert slots.damage(_digest(THREE)) == ""


@pytest.mark.parametrize(
    "hurt",
    [
        lambda package: package.write_bytes(bytes(package.stat().st_size)),
        lambda package: os.truncate(package, 100),
        lambda package: package.unlink(),
        lambda package: shutil.rmtree(package.parent),
        lambda package: package.write_bytes(package.read_bytes()[:-1] + b"x"),
    ],
    ids=["zeroed", "torn", "missing", "folder missing", "bit flip"],
)
def test_a_damaged_release_is_left_for_the_one_before(slots, hurt):
    hurt(slots.package(_digest(THREE)))
    recovered = slots.recover()
    assert recovered.sha256 == slots.digest("current") == _digest(TWO)
    assert len(recovered.told) == 2
    hurt(slots.package(_digest(TWO)))
    assert slots.recover().sha256 == _digest(ONE)
    hurt(slots.package(_digest(ONE)))
    assert slots.recover().sha256 == ""


@pytest.mark.parametrize(
    "hurt",
    [
        lambda link: link.unlink(),
        lambda link: (link.unlink(), link.write_bytes(bytes(4096))),
        lambda link: (link.unlink(), link.mkdir(), (link / "file").write_text("")),
        lambda link: (link.unlink(), link.symlink_to("releases/../../etc")),
        lambda link: (link.unlink(), link.symlink_to("releases/" + "f" * 64)),
    ],
    ids=["missing", "zeroed", "a folder", "elsewhere", "nowhere"],
)
def test_a_damaged_link_is_made_anew(slots, hurt):
    hurt(slots.folder / "current")
    assert slots.recover().sha256 == _digest(TWO)
    assert (slots.folder / "current" / "package.edge").read_bytes() == TWO
    assert slots.recover().told == ()


def test_without_links_what_was_kept_is_found(slots):
    never_kept = _stage(slots, b"four")
    for name in ("current", "previous", "factory"):
        (slots.folder / name).unlink()
    recovered = slots.recover()
    assert recovered.sha256 in {_digest(data) for data in (ONE, TWO, THREE)}
    assert recovered.sha256 != never_kept


def test_a_damaged_release_is_not_promoted(slots):
    sha256 = _stage(slots, b"four")
    slots.package(sha256).write_bytes(b"fore")
    with pytest.raises(TrustError, match="expected SHA-256"):
        slots.promote(sha256, Kept("parts-4"))
    assert slots.digest("current") == _digest(THREE)


def test_leaving_goes_back_and_further_back(slots):
    for left, current in ((TWO, THREE), (THREE, TWO), (TWO, ONE)):
        assert slots.fallback(_digest(left)) == _digest(current)
        slots.leave(_digest(left))
        assert slots.digest("current") == _digest(current)


def test_what_cannot_be_left_stays(slots):
    for data in (ONE, TWO):
        slots.package(_digest(data)).unlink()
    assert slots.fallback(_digest(THREE)) == _digest(THREE)
    slots.leave(_digest(THREE))
    slots.leave("")
    assert slots.digest("current") == _digest(THREE)


def test_what_nothing_leads_to_is_collected(slots):
    four, five = _stage(slots, b"four"), _stage(slots, b"five")
    slots.download("e" * 64).write_bytes(b"a part")
    slots.download(five).with_suffix(".part").write_bytes(b"a part")
    assert 0 < slots.fetched_bytes(five) <= 4096
    assert slots.fetched_bytes(four) == 0
    slots.collect(keep={five})
    assert sorted(path.name for path in (slots.folder / "releases").iterdir()) == sorted(
        [_digest(ONE), _digest(TWO), _digest(THREE), five]
    )
    assert not slots.package(four).exists()
    assert [path.name for path in (slots.folder / "downloads").iterdir()] == [f"{five}.part"]


def test_nothing_is_collected_while_no_release_in_use_is_known(slots):
    four = _stage(slots, b"four")
    (slots.folder / "current").unlink()
    slots.collect()
    assert slots.package(four).exists()
    slots.recover()
    slots.package(_digest(TWO)).write_bytes(b"")
    slots.collect()
    assert slots.package(four).exists()


def test_what_is_half_removed_is_removed(slots):
    gone = slots.folder / "releases" / f".gone-{'d' * 64}"
    gone.mkdir()
    (gone / "package.edge").write_bytes(b"")
    slots.collect()
    assert not gone.exists()


@pytest.mark.parametrize("mark", [b"", bytes(100), b"[]", b"\xff", b"x" * 5000])
def test_a_damaged_mark_only_costs_the_name(slots, mark):
    (slots.package(_digest(THREE)).parent / "kept.json").write_bytes(mark)
    assert slots.kept(_digest(THREE)).release == ""
    slots.promote(_digest(THREE), Kept("parts-3"))
    assert slots.kept(_digest(THREE)).release == "parts-3"


def test_a_package_that_is_not_there_is_not_installed(tmp_path):
    with pytest.raises(InputError, match="expected a readable file"):
        Slots(tmp_path / "board").take(tmp_path / "none.edge")


def test_a_full_disk_is_told_and_what_is_in_use_stays(slots, tmp_path):
    source = tmp_path / "large.edge"
    source.write_bytes(bytes(100_000))
    code = """
import resource, signal, sys
from pathlib import Path
from edge_sdk.agent.slots import Slots
from edge_sdk.errors import UnavailableError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
try:
    Slots(Path(sys.argv[1])).take(Path(sys.argv[2]))
except UnavailableError as exc:
    print(exc)
"""
    said = subprocess.run(
        [sys.executable, "-c", code, slots.folder, source], capture_output=True, text=True, check=True
    )
    assert said.stdout.endswith("expected room to write, got a full disk\n")
    assert slots.recover().told == ()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "board").write_text("a file")
    source = tmp_path / "one.edge"
    source.write_bytes(ONE)
    with pytest.raises(UnavailableError, match="expected a place to write"):
        Slots(tmp_path / "board").take(source)


def test_what_a_model_has_shown_here_is_kept_with_its_release(slots):
    slots.promote(_digest(THREE), Kept(proven_sha256="m" * 64))
    assert slots.kept(_digest(THREE)) == Kept("parts-3", "m" * 64)
    slots.promote(_digest(THREE), Kept("parts-3"))
    assert slots.kept(_digest(THREE)).proven_sha256 == "m" * 64
    assert slots.kept("f" * 64) == slots.kept("") == Kept()


def test_what_an_earlier_version_kept_is_read(slots):
    (slots.package(_digest(TWO)).parent / "kept.json").write_text('{"release": "parts-2"}')
    (slots.package(_digest(ONE)).parent / "kept.json").write_text("{}")
    assert (slots.kept(_digest(TWO)), slots.kept(_digest(ONE))) == (Kept("parts-2"), Kept())
