"""A package is the same bytes everywhere, and is there whole or not at all."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from edge_sdk.errors import InputError, TrustError
from edge_sdk.package import FileEntry, open_package, write_package

GOLDENS = Path(__file__).parents[1] / "goldens"


def test_the_manifest_is_the_golden_one_byte_for_byte(package_path):
    with zipfile.ZipFile(package_path) as package:
        assert package.read("manifest.json") == (GOLDENS / "manifest.json").read_bytes()


def test_the_package_is_the_golden_one_byte_for_byte(package_path):
    assert open_package(package_path).digest == (GOLDENS / "package.sha256").read_text().strip()


def test_the_order_in_which_tables_were_filled_makes_no_difference(tmp_path, package_path, manifest, contents):
    provenance = replace(manifest.provenance, versions=dict(reversed(manifest.provenance.versions.items())))
    other = replace(manifest, variants=dict(reversed(manifest.variants.items())), provenance=provenance)
    write_package(tmp_path / "other.edge", other, dict(reversed(contents.items())))
    assert (tmp_path / "other.edge").read_bytes() == package_path.read_bytes()


def test_any_zip_tool_lists_and_checks_it(package_path, contents):
    with zipfile.ZipFile(package_path) as package:
        assert package.namelist() == ["manifest.json", *sorted(contents)]
        assert package.testzip() is None
        assert {name: package.read(name) for name in contents} == contents


def test_python_zipfile_writes_the_same_bytes(package_path):
    with zipfile.ZipFile(package_path) as package:
        files = [(name, package.read(name)) for name in package.namelist()]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o100644 << 16
            package.writestr(info, data)
    assert buffer.getvalue() == package_path.read_bytes()


def test_what_is_written_is_what_is_read(package_path, manifest, contents):
    package = open_package(package_path)
    assert package.manifest == manifest
    assert {entry.name: package.read(entry) for entry in package.files[1:]} == contents


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("labels.txt", None, "contents: expected golden/arm-int8.npz, .*, got golden/arm-int8.npz, .*"),
        ("more.txt", b"", "contents: expected .*, got .*more.txt.*"),
        ("labels.txt", b"cat\ndoh\n", r"labels.txt: expected 8 bytes with SHA-256 \w{64}, got 8 bytes with \w{64}"),
        ("labels.txt", b"cat", r"labels.txt: expected 8 bytes with SHA-256 \w{64}, got 3 bytes with \w{64}"),
    ],
)
def test_contents_that_are_not_the_manifests_are_refused(tmp_path, manifest, contents, name, data, message):
    given = {**contents, name: data}
    with pytest.raises(InputError, match=message):
        write_package(tmp_path / "x.edge", manifest, {k: v for k, v in given.items() if v is not None})
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_opset_than_the_manifest_says_is_refused(tmp_path, manifest, contents):
    wrong = replace(manifest, variants={"fp32": replace(manifest.variants["fp32"], opset=14)})
    named = {entry.name: contents[entry.name] for entry in wrong.entries}
    with pytest.raises(TrustError, match="expected opset 14 and IR 8 as in the manifest, got opset 13 and IR 8"):
        write_package(tmp_path / "x.edge", wrong, named)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("x" * (1 << 20),)}, r"manifest.json: expected at most 1048576 bytes, got 105\d{4}"),
        ({"labels": ("half a pair: \ud800",)}, "manifest.json: expected JSON, got 'utf-8' codec can't decode"),
    ],
)
def test_a_manifest_that_could_not_be_read_back_is_refused(tmp_path, manifest, contents, change, message):
    with pytest.raises(InputError, match=message):
        write_package(tmp_path / "x.edge", replace(manifest, **change), contents)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_is_not_finite_is_refused(tmp_path, manifest, contents):
    variants = {family: replace(variant, min_snr_db=float("inf")) for family, variant in manifest.variants.items()}
    with pytest.raises(InputError, match=r"variants.arm-int8.min_snr_db: expected a number, got nothing"):
        write_package(tmp_path / "x.edge", replace(manifest, variants=variants), contents)


def test_a_figure_that_is_no_number_is_not_taken_for_unknown(tmp_path, manifest, contents):
    int8 = manifest.variants["arm-int8"]
    wrong = replace(int8, accuracy=replace(int8.accuracy, value=float("nan")))
    with pytest.raises(InputError, match=r"manifest.json: expected values that JSON can keep, got others"):
        write_package(
            tmp_path / "x.edge", replace(manifest, variants=manifest.variants | {"arm-int8": wrong}), contents
        )


def test_an_entry_is_built_from_its_bytes():
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert FileEntry.of("labels.txt", b"hello") == FileEntry("labels.txt", digest, 5)


FULL_DISK = """
import resource, sys
from pathlib import Path
from edge_sdk.package import open_package, write_package
package = open_package(Path(sys.argv[1]))
contents = {entry.name: package.read(entry) for entry in package.files[1:]}
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
write_package(Path(sys.argv[2]), package.manifest, contents)
"""


def test_a_disk_that_fills_leaves_nothing(tmp_path, package_path):
    target = tmp_path / "out" / "x.edge"
    for room_bytes in (0, 100, package_path.stat().st_size - 1):
        command = [sys.executable, "-c", FULL_DISK, str(package_path), str(target), str(room_bytes)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "UnavailableError" in done.stderr and "expected room to write, got a full disk" in done.stderr
        assert list(target.parent.iterdir()) == []
