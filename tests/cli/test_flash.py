"""`edge-sdk flash`, as people type it: on small images, on loop devices that stand for cards, with tiny wheels."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from pathlib import Path

import pytest

from edge_sdk.cli import INTERRUPTED
from edge_sdk.errors import GateError, InputError
from edge_sdk.flash.kit import decode_kit
from edge_sdk.fleet.folder import Fleet
from edge_sdk.wire import decode
from edge_sdk.wire.enrolment import Claim
from tests.flash.image import images
from tests.flash.image.images import needs_programs, run
from tests.flash.loops import attached, needs_loops
from tests.flash.wheels.made import make_all
from tests.runtime.swap import candidates

pytestmark = needs_programs


@pytest.fixture(scope="module")
def materials(tmp_path_factory) -> Path:
    """A system's image, a package, and wheels."""
    folder = tmp_path_factory.mktemp("materials")
    images.trixie(folder)
    candidates.write(folder / "colors-1.edge", candidates.colors())
    make_all(folder / "wheels")
    run("xz", "-k", "-0", str(folder / "trixie.img"))
    return folder


@pytest.fixture
def command(edge_sdk, monkeypatch, tmp_path):
    """Run `edge-sdk` in a folder of its own; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGE_SDK_FLEET", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return edge_sdk


@pytest.fixture
def flash(command, materials):
    """Flash a board as all tests do, besides what one says."""

    def run_flash(target, *more, device="press-4", package=True):
        usual = [materials / "colors-1.edge"] if package else []
        usual += ["--profile", "raspberry-pi-5", "--wheels", materials / "wheels"]
        named = ["--device-id", device] if device else []
        return command("flash", *([target] if target else []), *usual, *named, *more)

    return run_flash


def kit_of(image: Path):
    """Return the kit on the boot partition of an image."""
    found = run("mtype", "-i", f"{image}@@1048576", "::/edge-sdk/kit.json")
    return decode_kit(found.encode(), where="kit.json")


def claim_of(image: Path) -> Claim:
    return decode(Claim, run("mtype", "-i", f"{image}@@1048576", "::/edge-sdk/claim.json").encode(), where="claim")


def test_a_new_image_is_a_board_of_its_fleet(command, flash, materials, tmp_path):
    command("fleet", "init", "plant", "--host", "fleet.example.com")
    code, out, err = flash(
        "press-4.img", "--fleet", "plant", "--group", "hall-2", "--image", materials / "trixie.img.xz", "--yes"
    )
    assert code == 0, err
    assert "press-4: press-4.img is flashed" in out
    kit = kit_of(tmp_path / "press-4.img")
    assert (kit.device, kit.hostname, kit.profile, kit.python) == ("press-4", "press-4", "raspberry-pi-5", "3.13")
    assert kit.secrets == ("claim.json",)
    claim = claim_of(tmp_path / "press-4.img")
    assert claim.home.groups == ("hall-2",)
    assert Fleet(tmp_path / "plant").enrolment().member("press-4").token_sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "plant", "press-4.img"]


def test_a_dry_run_is_a_record_and_changes_nothing(command, flash, materials, tmp_path):
    command("fleet", "init", "plant", "--host", "fleet.example.com")
    shutil.copy(materials / "trixie.img", "card.img")
    before = Path("card.img").read_bytes()
    code, out, err = flash("card.img", "--fleet", "plant", "--dry-run", "--json")
    assert code == 0, err
    plan = json.loads(out)
    assert plan["customisation"] == "cloud-init"
    assert plan["board"]["fleet"] == "plant"
    assert plan["kit"]["needs_bytes"] > 0
    assert 0 < plan["kit_bytes"] < plan["free_bytes"]
    assert Path("card.img").read_bytes() == before
    assert Fleet(tmp_path / "plant").enrolment().members() == ()


def test_without_an_answer_nothing_is_changed(flash, materials, monkeypatch):
    import io

    shutil.copy(materials / "trixie.img", "card.img")
    before = Path("card.img").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    code, _, err = flash("card.img", "--standalone")
    assert code == InputError.exit_code
    assert "asked: expected yes, got no" in err
    assert "target   image: card.img" in err
    assert Path("card.img").read_bytes() == before


def test_a_wifi_travels_as_a_key_and_a_login_as_a_public_one(flash, materials, tmp_path):
    shutil.copy(materials / "trixie.img", "card.img")
    Path("pass").write_text("correct horse battery\nmore")
    Path("key.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGKq me\n")
    wifi = ["--wifi", "hall", "--wifi-password-file", "pass", "--wifi-country", "DE"]
    code, _, err = flash("card.img", "--standalone", "--yes", *wifi, "--user", "edge", "--ssh-key", "key.pub")
    assert code == 0, err
    assert b"correct horse" not in Path("card.img").read_bytes()
    assert kit_of(tmp_path / "card.img").secrets == ("wifi.json",)
    assert json.loads(run("mtype", "-i", f"{tmp_path}/card.img@@1048576", "::/edge-sdk/login.json"))["user"] == "edge"


def test_a_mounted_boot_partition_takes_the_kit(flash, tmp_path):
    boot = tmp_path / "bootfs"
    boot.mkdir()
    for name, data in images.pi_boot().items():
        (boot / name).write_bytes(data)
    (boot / "user-data").write_bytes(b"#cloud-config\n")
    (boot / "meta-data").write_bytes(images.META_DATA)
    code, _, err = flash("bootfs", "--standalone", "--yes")
    assert code == 0, err
    assert decode_kit((boot / "edge-sdk" / "kit.json").read_bytes(), where="kit").device == "press-4"
    code, out, err = flash("bootfs", "--recover", "--yes", package=False, device="")
    assert code == 0, err
    assert "goes back to its factory model when it starts" in out
    assert (boot / "edge-sdk" / "recover").exists()


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("card.img",), "--fleet: expected a fleet's folder or a claim, got nothing"),
        (("card.img", "--standalone", "--fleet", "plant"), "expected one of them, got both"),
        (("card.img", "--fleet", "nowhere"), "nowhere: expected a fleet's folder or a claim, got nothing there"),
        (("card.img", "--standalone", "--image", "nothing.img"), "expected the image of a system, got nothing"),
        (("nothing-there", "--standalone"), "expected a drive, an image file, a boot partition or ssh://"),
        (("/dev/null", "--standalone"), "/dev/null: expected a drive, got a character device"),
        (("card.img", "--standalone", "--wifi", "x"), "--wifi-country: expected two capital letters"),
        (("card.img", "--standalone", "--wifi-country", "DE"), "--wifi: expected the network's name, got none"),
        (("card.img", "--standalone", "--user", "edge"), "expected both, got one"),
        (("card.img", "--standalone", "--hostname", "a.b"), "--hostname: expected letters"),
        (("card.img", "--standalone", "--board-python", "3.9"), "--board-python: expected 3.13"),
        (("card.img", "--standalone", "--profile", "jetson-orin-nano"), "expected a board that starts from a card"),
        (("card.img", "--standalone", "--source", "a\nb"), "--source: expected text of one line"),
        (("card.img", "--standalone", "--labels", "l", "--label-text", "{token}"), "--label-text: expected"),
        (("card.img", "--recover"), "--recover: expected a board alone, got a package too"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_left(flash, materials, arguments, wrong, tmp_path):
    Path("pass").write_text("correct horse battery\n")
    shutil.copy(materials / "trixie.img", "card.img")
    before = Path("card.img").read_bytes()
    more = ["--wifi-password-file", "pass"] if "x" in arguments else []
    code, out, err = flash(*arguments, *more, "--yes")
    assert code == InputError.exit_code
    assert wrong in err
    assert out == ""
    assert Path("card.img").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"cache", "card.img", "pass"}


def test_a_batch_goes_on_after_a_board_that_fails_and_is_not_done_twice(command, flash, materials, tmp_path):
    command("fleet", "init", "plant", "--host", "fleet.example.com")
    Path("full").mkdir()
    Path("devices.csv").write_text("device,target,groups\na,a.img,hall-2;night\nb,full,\nc,c.img,\n")
    common = ["--batch", "devices.csv", "--fleet", "plant", "--group", "all", "--yes", "--labels", "labels"]
    code, _, err = flash("", *common, "--image", materials / "trixie.img", device="")
    assert code == GateError.exit_code
    assert "devices.csv: expected 3 boards, 1 failed" in err
    assert claim_of(tmp_path / "a.img").home.groups == ("all", "hall-2", "night")
    with Path("devices.results.csv").open() as file:
        assert [(row["device"], row["state"]) for row in csv.DictReader(file)] == [
            ("a", "flashed"),
            ("b", "failed"),
            ("c", "flashed"),
        ]
    assert sorted(path.name for path in Path("labels").iterdir()) == ["a.svg", "c.svg", "labels.html"]
    before = Path("a.img").read_bytes()
    Path("devices.csv").write_text("device,target,groups\na,a.img,hall-2;night\nb,b.img,\nc,c.img,\n")
    code, out, err = flash("", *common, "--image", materials / "trixie.img", device="")
    assert code == 0, err
    assert "3 boards, 2 of them done before" in err
    assert Path("a.img").read_bytes() == before
    assert "b.img" in out


def test_a_batch_with_a_mistake_costs_no_card(flash, materials):
    Path("devices.csv").write_text("device,target,profile\na,a.img,\nb,b.img,no-such-board\n")
    code, _, err = flash(
        "", "--batch", "devices.csv", "--standalone", "--yes", "--image", materials / "trixie.img", device=""
    )
    assert code == InputError.exit_code
    assert "no-such-board" in err
    assert not Path("a.img").exists()


@needs_loops
def test_a_drive_is_overwritten_by_its_name_and_yes_alone(flash, materials, tmp_path, monkeypatch):
    import io

    card = tmp_path / "card"
    card.write_bytes(b"somebody's pictures" * (40 << 20 >> 4))
    before = card.read_bytes()
    with attached(card) as drive:
        for arguments in ((drive,), (drive, "--dry-run")):
            monkeypatch.setattr(sys, "stdin", io.StringIO(""))
            flash(*arguments, "--standalone", "--image", materials / "trixie.img.xz")
            assert Path(drive).read_bytes() == before
        code, _, err = flash(drive, "--standalone", "--image", materials / "trixie.img.xz", "--yes")
        assert code == 0, err
        assert f"OVERWRITE {drive}, {card}" in err
        assert "all that is on it is lost" in err
        code, _, err = flash(drive, "--standalone", "--yes", device="press-5")
        assert code == 0, err
    assert kit_of(card).device == "press-5"
    assert list((tmp_path / "cache" / "edge-sdk" / "images").iterdir()) == []


@needs_loops
def test_an_interrupted_writing_says_so_and_the_list_too(flash, command, materials, tmp_path, monkeypatch):
    from edge_sdk.flash import ready

    def pieces(path):
        yield path.read_bytes()[: 5 << 20]
        raise KeyboardInterrupt

    monkeypatch.setattr(ready, "pieces_of", pieces)
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.truncate(64 << 20)
    with attached(card) as drive:
        code, _, err = flash(drive, "--standalone", "--image", materials / "trixie.img", "--yes")
        assert code == INTERRUPTED
        assert f"interrupted: {drive} is incomplete: nothing starts from it" in err
        listed = json.loads(command("flash", "--list", "--json")[1])
        assert [one["is_incomplete"] for one in listed if one["path"] == drive] == [True]


def test_drives_are_listed_with_what_speaks_against_them(command):
    code, out, err = command("flash", "--list", "--json")
    assert code == 0, err
    drives = json.loads(out)
    assert all(drive["path"].startswith("/dev/") for drive in drives)
    code, out, _ = command("flash", "--list")
    assert code == 0
    assert out.splitlines()[0].startswith("drive  ") or out == "no drives\n"
