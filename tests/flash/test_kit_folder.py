from __future__ import annotations

import json

import pytest

from edge_sdk.errors import InputError, TrustError
from edge_sdk.flash.kit_folder import check_kit, read_kit, write_kit
from tests.flash.kits import CONTENTS, PACKAGE, a_kit


def test_a_kit_is_written_and_checked_and_its_secrets_are_private(tmp_path):
    kit = a_kit(secrets=("claim.json",))
    (tmp_path / "source").write_bytes(CONTENTS[PACKAGE])
    write_kit(tmp_path / "kit", kit, {**CONTENTS, PACKAGE: tmp_path / "source"}, {"claim.json": b"secret"})
    assert check_kit(tmp_path / "kit") == kit
    assert (tmp_path / "kit" / "claim.json").read_bytes() == b"secret"
    assert (tmp_path / "kit" / "claim.json").stat().st_mode & 0o077 == 0


def test_a_new_kit_leaves_nothing_of_the_old_one_but_what_kits_do_not_have(tmp_path):
    write_kit(tmp_path, a_kit(secrets=("wifi.json",)), CONTENTS, {"wifi.json": b"secret"})
    for name in ("status.json", "recover", "profile.toml", "notes.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "wheels" / "old-1.0-py3-none-any.whl").write_bytes(b"old")
    write_kit(tmp_path, a_kit(), CONTENTS, {})
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted([*CONTENTS, "kit.json", "notes.txt"])


def test_what_was_cut_off_is_no_kit(tmp_path):
    write_kit(tmp_path, a_kit(), CONTENTS, {})
    with pytest.raises(InputError, match="source: expected a readable file, got No such file or directory"):
        write_kit(tmp_path, a_kit(), {**CONTENTS, PACKAGE: tmp_path / "source"}, {})
    with pytest.raises(InputError, match=r"kit.json: expected a readable file, got No such file or directory"):
        read_kit(tmp_path)


def test_a_source_that_changed_meanwhile_is_found_and_gives_no_kit(tmp_path):
    with pytest.raises(TrustError, match=r"start\.sh: expected SHA-256 "):
        write_kit(tmp_path, a_kit(), {**CONTENTS, "start.sh": b"#!/bin/xx\n"}, {})
    assert not (tmp_path / "kit.json").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a whee1", "tiny-1.0-py3-none-any.whl: expected SHA-256 "),
        (b"a wheel, longer", "tiny-1.0-py3-none-any.whl: expected 7 bytes, got 15"),
        (None, "tiny-1.0-py3-none-any.whl: expected a file of the kit, got No such file or directory"),
    ],
)
def test_a_file_that_is_not_what_the_record_says_is_found(tmp_path, data, message):
    write_kit(tmp_path, a_kit(), CONTENTS, {})
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.unlink()
    if data is not None:
        wheel.write_bytes(data)
    with pytest.raises(TrustError, match=message):
        check_kit(tmp_path)


def test_a_record_that_leads_out_of_the_kit_is_refused_before_any_file_is_read(tmp_path):
    write_kit(tmp_path / "kit", a_kit(), CONTENTS, {})
    document = json.loads((tmp_path / "kit" / "kit.json").read_text())
    document["files"][0]["name"] = "../outside"
    (tmp_path / "kit" / "kit.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"kit.json: files\[0\].name: expected names of letters"):
        check_kit(tmp_path / "kit")


def test_a_record_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "kit.json").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(InputError, match=r"kit.json: expected at most 1048576 bytes, got more"):
        read_kit(tmp_path)
