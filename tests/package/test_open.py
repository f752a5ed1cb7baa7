"""What an opened package gives, and that it still is what was checked."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import operator
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_sdk.errors import InputError, TrustError
from edge_sdk.files import sha256_of_file
from edge_sdk.package import FileEntry, open_package, write_package
from edge_sdk.package.document import decode_manifest, encode_manifest
from edge_sdk.profiles import load_profile

PI5 = load_profile("raspberry-pi-5")


def test_an_open_package_tells_what_it_is(package_path, manifest):
    package = open_package(package_path)
    assert package.manifest == manifest
    assert package.digest == sha256_of_file(package_path)
    assert [entry.name for entry in package.files] == ["manifest.json", *(entry.name for entry in manifest.entries)]


def test_a_board_gets_the_best_variant_that_it_runs(package_path, contents):
    package = open_package(package_path)
    assert package.model_for(PI5) == ("arm-int8", contents["variants/arm-int8/model.onnx"])
    assert package.model_for(replace(PI5, families=("fp32",)))[0] == "fp32"


def test_a_board_without_a_variant_is_told_what_there_is(manifest):
    for_gpus = replace(manifest, variants={"fp16": manifest.variants["fp32"]})
    with pytest.raises(InputError) as caught:
        for_gpus.family_for(replace(PI5, families=("arm-int8",)))
    assert str(caught.value) == "tiny: expected a variant for raspberry-pi-5 (arm-int8), got fp16"
    assert caught.value.hint == "quantize again with --profile raspberry-pi-5"


@pytest.mark.parametrize(("max_opset", "max_ir"), [(12, 13), (26, 7)])
def test_a_board_whose_onnxruntime_is_too_old_is_told_both_figures(package_path, max_opset, max_ir):
    old = replace(PI5, system=replace(PI5.system, max_opset=max_opset, max_ir=max_ir, onnxruntime="1.4.0"))
    with pytest.raises(InputError) as caught:
        open_package(package_path).model_for(old)
    assert str(caught.value) == (
        f"tiny: expected at most opset {max_opset} and IR {max_ir} for raspberry-pi-5 (onnxruntime 1.4.0), "
        "got opset 13 and IR 8 in arm-int8"
    )
    assert caught.value.hint == "export the model with an older opset and quantize it again"


def test_a_file_that_is_not_of_the_package_is_not_read(package_path):
    package = open_package(package_path)
    with pytest.raises(InputError, match=r"expected a file of the package, got 'labels.txt'"):
        package.read(FileEntry.of("labels.txt", b"other labels"))


def test_a_package_that_is_changed_after_opening_is_not_read(package_path, contents):
    package = open_package(package_path)
    labels = next(entry for entry in package.files if entry.name == "labels.txt")
    assert package.read(labels) == contents["labels.txt"]
    package_path.write_bytes(package_path.read_bytes().replace(b"cat\ndog", b"dog\ncat"))
    with pytest.raises(TrustError, match=r"expected labels.txt as it was when the package was opened, got other data"):
        package.read(labels)


def test_a_package_stays_open_when_its_path_leads_elsewhere(tmp_path, package_path, manifest, contents):
    package = open_package(package_path)
    before = package.model_for(PI5)
    write_package(tmp_path / "other.edge", replace(manifest, version=8), contents)
    (tmp_path / "other.edge").replace(package_path)
    assert package.model_for(PI5) == before
    assert b'"version": 7' in package.read(package.files[0])


def test_a_package_that_nobody_holds_any_more_is_closed(package_path):
    open_package(package_path)
    opened = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert package_path.resolve() not in opened


def test_a_file_of_a_package_is_copied_into_another_one(package_path, contents):
    package, into = open_package(package_path), io.BytesIO()
    package.copy(next(entry for entry in package.files if entry.name == "labels.txt"), into)
    assert into.getvalue() == contents["labels.txt"]


def test_a_link_that_leads_elsewhere_later_does_not_change_what_is_open(tmp_path, package_path, manifest, contents):
    write_package(tmp_path / "tiny-8.edge", replace(manifest, version=8), contents)
    link = tmp_path / "current.edge"
    link.symlink_to(package_path)
    package = open_package(link)
    link.unlink()
    link.symlink_to(tmp_path / "tiny-8.edge")
    assert b'"version": 7' in package.read(package.files[0])


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (lambda _: None, "nothing there"),
        (lambda path: path.mkdir(), "something else"),
        (os.mkfifo, "something else"),
        (lambda path: path.symlink_to(path), "nothing there"),
    ],
    ids=["missing", "folder", "pipe", "link to itself"],
)
def test_what_is_no_file_is_not_opened(tmp_path, make, got):
    make(tmp_path / "x.edge")
    with pytest.raises(InputError, match=f"x.edge: expected a package file, got {got}"):
        open_package(tmp_path / "x.edge")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_any_changed_byte_is_noticed(package_path, data):
    good = package_path.read_bytes()
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != good[at]))])
    other = package_path.with_name("changed.edge")
    other.write_bytes(good[:at] + changed + good[at + 1 :])
    with pytest.raises((TrustError, InputError)):
        open_package(other)


def places(value, path=()):
    """Return the path of every value in a decoded JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(data=st.data())
def test_any_value_in_a_manifest_is_read_or_refused(manifest, data):
    document = {"": json.loads(encode_manifest(manifest))}
    *outer, last = data.draw(st.sampled_from(places(document)[1:]))
    functools.reduce(operator.getitem, outer, document)[last] = data.draw(JSON)
    with contextlib.suppress(InputError, TrustError):
        decode_manifest(json.dumps(document[""]).encode(), where="manifest.json")


def test_a_package_that_ends_too_early_is_noticed_wherever_it_ends(package_path):
    good = package_path.read_bytes()
    cut = package_path.with_name("cut.edge")
    for size_bytes in range(0, len(good), 41):
        cut.write_bytes(good[:size_bytes])
        with pytest.raises(InputError, match=r"expected \d+ more bytes, got the end of the file"):
            open_package(cut)


def test_a_file_grown_beyond_4_gib_is_refused_at_once(package_path):
    os.truncate(package_path, 5 << 30)
    with pytest.raises(TrustError, match="expected the end of the file, got more data"):
        open_package(package_path)


def test_all_files_are_extracted_into_a_new_folder(tmp_path, package_path, contents):
    package = open_package(package_path)
    package.extract(tmp_path / "out" / "tiny")
    found = {path.relative_to(tmp_path / "out" / "tiny").as_posix(): path for path in tmp_path.rglob("out/tiny/**/*.*")}
    assert found.pop("manifest.json").read_bytes() == package.read(package.files[0])
    assert {name: path.read_bytes() for name, path in found.items() if path.is_file()} == contents
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny"]


def test_extracting_does_not_touch_what_is_there(tmp_path, package_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="out: expected a new folder, got one that is there already"):
        open_package(package_path).extract(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_extracting_a_package_that_was_changed_leaves_nothing(tmp_path, package_path):
    package = open_package(package_path)
    package_path.write_bytes(package_path.read_bytes().replace(b"cat\ndog", b"dog\ncat"))
    with pytest.raises(TrustError):
        package.extract(tmp_path / "out")
    assert list(tmp_path.iterdir()) == [package_path]


MEMORY = """
import sys
from pathlib import Path
from edge_sdk.package import open_package
def peak_bytes():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = peak_bytes()
open_package(Path(sys.argv[1]))
print(peak_bytes() - before)
"""


def test_opening_takes_no_memory_in_proportion_to_the_package(tmp_path, manifest, contents):
    model = contents["variants/fp32/model.onnx"] + tensor_of_zeros(64 << 20)
    large = replace(manifest.variants["fp32"], model=FileEntry.of("variants/fp32/model.onnx", model))
    path = tmp_path / "large.edge"
    write_package(
        path, replace(manifest, variants=manifest.variants | {"fp32": large}), contents | {large.model.name: model}
    )
    done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 8 << 20


def tensor_of_zeros(size_bytes: int) -> bytes:
    """Return what, appended to an ONNX model, gives its graph one more initializer."""
    data = b"\x4a" + varint(size_bytes) + bytes(size_bytes)
    data = b"\x2a" + varint(len(data)) + data
    return b"\x3a" + varint(len(data)) + data


def varint(number: int) -> bytes:
    return bytes([number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128, number >> 21])
