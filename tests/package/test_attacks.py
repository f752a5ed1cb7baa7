"""Each attack on a good package is refused by its own reason, and leaves nothing behind.

The good package is taken apart, one thing is changed, and it is put together again by Python's zipfile, which gives the
same bytes where nothing is changed (test_write.py). What zipfile would not write is patched into the bytes.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
import zipfile

import pytest

from edge_sdk.errors import InputError, TrustError
from edge_sdk.package import FileEntry, open_package

MODEL = "variants/fp32/model.onnx"
LABELS_HEADER, LABELS_LISTED = b"labels.txtcat\n", b"labels.txtPK"  # where the name stands in the one and the other


class Parts:
    """A package taken apart: its manifest decoded, and each file with its zip header."""

    def __init__(self, good: bytes):
        with zipfile.ZipFile(io.BytesIO(good)) as package:
            self.files = [(info, package.read(info)) for info in package.infolist()]
        self.manifest = json.loads(self.files[0][1])
        self.comment = b""

    def data(self, name):
        return next(data for info, data in self.files if info.filename == name)

    def set(self, name, **fields):
        header = next(info for info, _ in self.files if info.filename == name)
        for field, value in fields.items():
            setattr(header, field, value)

    def contents(self, name, data):
        self.files = [(info, data if info.filename == name else old) for info, old in self.files]

    def add(self, name, data=b"evil"):
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, 0o100644 << 16
        self.files.append((info, data))

    def drop(self, name):
        self.files = [(info, data) for info, data in self.files if info.filename != name]

    def model(self, data):
        entry = FileEntry.of(MODEL, data)
        self.manifest["variants"]["fp32"]["model"].update(sha256=entry.sha256, size_bytes=entry.size_bytes)
        self.contents(MODEL, data)

    def text(self):
        return json.dumps(self.manifest, indent=2) + "\n"

    def bytes(self, target=None, **options):
        buffer = target or io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as package:
            warnings.simplefilter("ignore", UserWarning)  # zipfile warns of a name that is written twice
            for info, data in self.files:
                with package.open(info, "w", **options) as file:
                    file.write(data)
            package.comment = self.comment
        return buffer.getvalue()


def refuse(tmp_path, data, family, message):
    """Open the attack and assert that it is refused, and what is left: nothing but itself."""
    path = tmp_path / "attack.edge"
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(family) as caught:
        open_package(path)
    assert message in str(caught.value)
    assert type(caught.value) is family
    assert sorted(tmp_path.rglob("*")) == before


def attacks(table):
    return pytest.mark.parametrize(("attack", "message"), list(table.values()), ids=list(table))


ZIP_ATTACKS = {
    "compressed": (lambda p: p.set("labels.txt", compress_type=8), "labels.txt: expected compression 0x0, got 0x8"),
    "compressed manifest": (
        lambda p: p.set("manifest.json", compress_type=8),
        "manifest.json: expected compression 0x0, got 0x8",
    ),
    "symbolic link": (
        lambda p: p.set("labels.txt", external_attr=0o120777 << 16),
        "labels.txt: expected attributes 0x81a40000, got 0xa1ff0000",
    ),
    "device": (
        lambda p: p.set("labels.txt", external_attr=0o020666 << 16),
        "labels.txt: expected attributes 0x81a40000, got 0x21b60000",
    ),
    "executable": (
        lambda p: p.set("labels.txt", external_attr=0o100755 << 16),
        "labels.txt: expected attributes 0x81a40000, got 0x81ed0000",
    ),
    "folder": (lambda p: p.add("variants/x/", b""), "expected manifest.json as an entry of the directory, got a file"),
    "file not in the manifest": (
        lambda p: p.add("zz.sh"),
        "expected manifest.json as an entry of the directory, got a file",
    ),
    "file missing": (lambda p: p.drop("labels.txt"), "expected labels.txt, got 'report.htm…'"),
    "last file missing": (lambda p: p.drop(MODEL), f"expected {MODEL} as a file, got an entry of the directory"),
    "file twice": (lambda p: p.add(MODEL), "expected manifest.json as an entry of the directory, got a file"),
    "other order": (
        lambda p: p.files.insert(1, p.files.pop()),
        "expected golden/arm-int8.npz, got 'variants/fp32/model…'",
    ),
    "other name": (lambda p: p.set("labels.txt", filename="../abs.txt"), "expected labels.txt, got '../abs.txt'"),
    "escape in a name": (
        lambda p: p.set("labels.txt", filename="\x1b[2Jls.txt"),
        r"expected labels.txt, got '\x1b[2Jls.txt'",
    ),
    "Unicode name": (lambda p: p.set("labels.txt", filename="läbels.tx"), "expected labels.txt, got 'läbels.tx'"),
    "other time": (
        lambda p: p.set("labels.txt", date_time=(2020, 1, 1, 0, 0, 0)),
        "labels.txt: expected date 0x21, got 0x5021",
    ),
    "extra field": (
        lambda p: p.set("labels.txt", extra=b"\x01\x00\x00\x00"),
        "labels.txt: expected extra length 0x0, got 0x4",
    ),
    "comment on a file": (
        lambda p: p.set("labels.txt", comment=b"evil"),
        "labels.txt: expected comment length 0x0, got 0x4",
    ),
    "comment on the zip": (
        lambda p: setattr(p, "comment", b"evil"),
        "the end of the directory: expected comment length 0x0, got 0x4",
    ),
    "wrong contents": (lambda p: p.contents("labels.txt", b"cat\ncow\n"), "expected labels.txt with SHA-256 f641"),
    "longer contents": (
        lambda p: p.contents("labels.txt", bytes(1 << 20)),
        "labels.txt: expected stored size 0x8, got 0x100000",
    ),
    "shorter contents": (lambda p: p.contents("labels.txt", b"cat"), "labels.txt: expected stored size 0x8, got 0x3"),
}


@attacks(ZIP_ATTACKS)
def test_a_zip_that_says_more_than_a_package_may_is_refused(tmp_path, package_path, attack, message):
    parts = Parts(open_package(package_path).path.read_bytes())
    attack(parts)
    refuse(tmp_path, parts.bytes(), TrustError, message)


def patch(good, near, offset, value):
    """Write over the bytes at `offset` from the last place of `near`."""
    at = good.rindex(near) + offset
    return good[:at] + value + good[at + len(value) :]


def insert(good, at, value):
    """Put bytes where no header tells of them, and let the end of the zip point to its directory as before."""
    longer = bytearray(good[:at] + value + good[at:])
    struct.pack_into("<I", longer, len(longer) - 6, good.index(b"PK\1\2") + len(value))
    return bytes(longer)


class Pipe(io.BytesIO):
    """What zipfile takes for a pipe, so that flags say that the sizes come behind the data."""

    def tell(self):
        raise OSError


BYTE_ATTACKS = {
    "encrypted": (
        lambda good: patch(patch(good, LABELS_HEADER, -24, b"\1"), LABELS_LISTED, -38, b"\1"),
        "labels.txt: expected flags 0x0, got 0x1",
    ),
    "encrypted by the directory only": (
        lambda good: patch(good, LABELS_LISTED, -38, b"\1"),
        "labels.txt: expected flags 0x0, got 0x1",
    ),
    "compressed by the directory only": (
        lambda good: patch(good, LABELS_LISTED, -36, b"\x08"),
        "labels.txt: expected compression 0x0, got 0x8",
    ),
    "other size in the directory": (
        lambda good: patch(good, LABELS_LISTED, -22, b"\x04"),
        "labels.txt: expected size 0x8, got 0x4",
    ),
    "other CRC in the directory": (
        lambda good: patch(good, LABELS_LISTED, -30, b"\0\0\0\0"),
        "labels.txt: expected crc-32 0x",
    ),
    "other CRC in both": (
        lambda good: patch(patch(good, LABELS_HEADER, -16, bytes(4)), LABELS_LISTED, -30, bytes(4)),
        "labels.txt: expected CRC-32 0x",
    ),
    "other name in the directory": (
        lambda good: patch(good, LABELS_LISTED, 0, b"../abs.txt"),
        "expected labels.txt, got '../abs.txt'",
    ),
    "files that overlap": (
        lambda good: patch(good, LABELS_LISTED, -4, bytes(4)),
        "labels.txt: expected offset 0x",
    ),
    "other disk": (lambda good: patch(good, LABELS_LISTED, -12, b"\1"), "labels.txt: expected disk 0x0, got 0x1"),
    "fewer files in the directory": (
        lambda good: patch(good, b"PK\5\6", 8, struct.pack("<HH", 7, 7)),
        "the end of the directory: expected files here 0x8, got 0x7",
    ),
    "directory elsewhere": (
        lambda good: patch(good, b"PK\5\6", 16, bytes(4)),
        "the end of the directory: expected directory offset 0x",
    ),
    "bytes between files": (
        lambda good: insert(good, good.index(b"PK\3\4", 4), b"evil"),
        "expected golden/arm-int8.npz as a file, got other data",
    ),
    "bytes in front of the directory": (
        lambda good: insert(good, good.index(b"PK\1\2"), b"evil"),
        "expected manifest.json as an entry of the directory, got other data",
    ),
    "bytes behind the end": (lambda good: good + b"evil", "expected the end of the file, got more data"),
    "a second zip behind the end": (lambda good: good + good, "expected the end of the file, got more data"),
    "zip64": (
        lambda good: Parts(good).bytes(force_zip64=True),
        "manifest.json: expected ",
    ),
    "sizes behind the data": (lambda good: Parts(good).bytes(Pipe()), "manifest.json: expected flags 0x0, got 0x8"),
    "changed manifest": (
        lambda good: good.replace(b'"version": 7', b'"version": 6', 1),
        "manifest.json: expected CRC-32",
    ),
}


@attacks(BYTE_ATTACKS)
def test_bytes_that_zipfile_would_not_write_are_refused(tmp_path, package_path, attack, message):
    good = open_package(package_path).path.read_bytes()
    refuse(tmp_path, attack(good), TrustError, message)


NOT_A_PACKAGE = {
    "bytes in front": (
        lambda good: b"#!/bin/sh\n" + good,
        "expected a package, which starts with manifest.json, got other data",
    ),
    "another file": (
        lambda _: b"\x7fELF" + bytes(200),
        "expected a package, which starts with manifest.json, got other data",
    ),
    "empty": (lambda _: b"", "expected 43 more bytes, got the end of the file"),
    "another zip": (
        lambda good: good.replace(b"manifest.json", b"manifest.yaml"),
        "expected a package, which starts with manifest.json, got other data",
    ),
    "manifest not first": (
        lambda good: good[: good.index(b"manifest.json") - 30] + good[good.index(b"PK\3\4", 4) :],
        "expected a package, which starts with manifest.json, got other data",
    ),
    "endless manifest": (
        lambda good: patch(good, b"manifest.json{", -12, struct.pack("<II", 1 << 30, 1 << 30)),
        "expected manifest.json of at most 1048576 bytes, got 1073741824",
    ),
    "truncated": (lambda good: good[:-1], "expected 1 more bytes, got the end of the file"),
    "half": (lambda good: good[: len(good) // 2], "more bytes, got the end of the file"),
}


@attacks(NOT_A_PACKAGE)
def test_what_is_no_package_or_not_whole_is_refused(tmp_path, package_path, attack, message):
    good = open_package(package_path).path.read_bytes()
    refuse(tmp_path, attack(good), InputError, message)


def entry(name, data=b"evil"):
    made = FileEntry.of(name, data)
    return {"name": made.name, "sha256": made.sha256, "size_bytes": made.size_bytes}


def hostile(name):
    """Name a further file, in the zip and in the manifest alike."""

    def attack(parts):
        parts.add(name)
        parts.manifest["files"].append(entry(name))

    return attack


UNSAFE = "manifest.json: files: expected names of lower-case letters, digits, '.', '_', '-', with '/' between, got "
TWICE = "manifest.json: files: expected each name once, as a file or as a folder, got "
HOSTILE_NAMES = {
    "absolute": (hostile("/etc/passwd"), UNSAFE + "'/etc/passwd'"),
    "above": (hostile("../evil"), UNSAFE + "'../evil'"),
    "above, inside": (hostile("golden/../../evil"), UNSAFE + "'golden/../../evil'"),
    "backslash": (hostile("golden\\evil"), UNSAFE + r"'golden\\evil'"),
    "drive": (hostile("c:evil"), UNSAFE + "'c:evil'"),
    "no part": (hostile("golden//evil"), UNSAFE + "'golden//evil'"),
    "empty": (hostile(""), UNSAFE + "''"),
    "folder": (hostile("golden/"), UNSAFE + "'golden/'"),
    "hidden": (hostile(".bashrc"), UNSAFE + "'.bashrc'"),
    "dot at the end": (hostile("labels.txt."), UNSAFE + "'labels.txt.'"),
    "stream of a file": (hostile("labels.txt:evil"), UNSAFE + "'labels.txt:evil'"),
    "case collision": (hostile("Labels.txt"), UNSAFE + "'Labels.txt'"),
    "Unicode collision": (hostile("la\u0308bels.txt"), UNSAFE + "'la\u0308bels.txt'"),
    "Kelvin sign": (hostile("\u212aelvin"), UNSAFE + "'\u212aelvin'"),
    "text direction": (hostile("\u202etxt.evil"), UNSAFE + r"'\u202etxt.evil'"),
    "escape": (hostile("\x1b[2J"), UNSAFE + r"'\x1b[2J'"),
    "null": (hostile("a\0b"), UNSAFE + r"'a\x00b'"),
    "long": (hostile("a" * 129), UNSAFE + "'aaaa"),
    "twice": (hostile("labels.txt"), TWICE + "'labels.txt' again"),
    "manifest": (hostile("manifest.json"), TWICE + "'manifest.json' again"),
    "a file and a folder": (hostile("golden"), TWICE + "'golden' again"),
    "of a model": (
        lambda parts: parts.manifest["variants"]["fp32"]["model"].update(name="../model.onnx"),
        UNSAFE + "'../model.onnx'",
    ),
}


@attacks(HOSTILE_NAMES)
def test_a_hostile_name_is_refused(tmp_path, package_path, attack, message):
    parts = Parts(open_package(package_path).path.read_bytes())
    attack(parts)
    parts.contents("manifest.json", parts.text().encode())
    refuse(tmp_path, parts.bytes(), TrustError, message)


def fields(*place, **values):
    """Change values of the manifest at a place, and nothing in the zip."""

    def attack(parts):
        inner = parts.manifest
        for key in place:
            inner = inner[key]
        inner.update(values)

    return attack


WRONG_MANIFESTS = {
    "newer schema": (fields(schema=4, variants="new"), "manifest.json: expected schema 3, got 4"),
    "older schema": (fields(schema=0), "manifest.json: schema: expected 1 to 3, got 0"),
    "schema as text": (fields(schema="1"), "manifest.json: schema: expected a whole number, got '1'"),
    "no name": (lambda p: p.manifest.pop("name"), "manifest.json: name: expected text, got nothing"),
    "hostile name": (
        fields(name="../tiny"),
        "manifest.json: name: expected letters, digits, '.', '_', '-', got '../tiny'",
    ),
    "version 0": (fields(version=0), "manifest.json: version: expected 1 or more, got 0"),
    "no variant": (fields(variants={}), "manifest.json: variants: expected at least one, got none"),
    "wrong type": (
        fields("variants", "fp32", opset="13"),
        "manifest.json: variants.fp32.opset: expected a whole number, got '13'",
    ),
    "short digest": (
        fields("files", 0, sha256="abc"),
        "manifest.json: files[0].sha256: expected 64 lower-case hexadecimal digits, got 'abc'",
    ),
    "negative size": (
        fields("files", 0, size_bytes=-1),
        "manifest.json: files[0].size_bytes: expected 0 to 2147483647, got -1",
    ),
    "model of 2 GiB": (
        fields("variants", "fp32", "model", size_bytes=1 << 31),
        "manifest.json: variants.fp32.model.size_bytes: expected 0 to 2147483647, got 2147483648",
    ),
    "6 GiB in all": (
        lambda p: [one.update(size_bytes=(1 << 31) - 1) for one in p.manifest["files"]],
        "manifest.json: files: expected at most 4292870144 bytes in all, got 644",
    ),
    "257 files": (
        lambda p: p.manifest["files"].extend(entry(f"f{i}") for i in range(257 - 8)),
        "manifest.json: files: expected at most 256 with manifest.json, got 257",
    ),
}


@attacks(WRONG_MANIFESTS)
def test_a_wrong_manifest_is_refused_by_its_place(tmp_path, package_path, attack, message):
    parts = Parts(open_package(package_path).path.read_bytes())
    attack(parts)
    parts.contents("manifest.json", parts.text().encode())
    refuse(tmp_path, parts.bytes(), InputError, message)


WRONG_JSON = {
    "not JSON": (lambda _: "name: tiny", "expected JSON, got Expecting value"),
    "not UTF-8": (lambda text: text.replace("cat", "\udcff"), "expected JSON, got 'utf-8' codec can't decode"),
    "with a byte order mark": (lambda text: "\ufeff" + text, "expected JSON, got Unexpected UTF-8 BOM"),
    "half a surrogate pair": (
        lambda text: text.replace("cat", r"\ud800"),
        "expected JSON, got 'utf-8' codec can't encode",
    ),
    "not a table": (lambda _: "[]", "the document: expected a table, got a list"),
    "a key twice": (
        lambda text: text.replace('"version"', '"name": "other", "version"'),
        "expected JSON, got the key 'name' twice",
    ),
    "NaN": (lambda text: text.replace("0.97", "NaN"), "expected JSON, got the number NaN"),
    "infinite": (lambda text: text.replace("0.97", "-Infinity"), "expected JSON, got the number -Infinity"),
    "beyond floats": (lambda text: text.replace("0.97", "1e999"), "expected JSON, got the number 1e999"),
    "endless number": (
        lambda text: text.replace("0.97", "9" * 100_000),
        "expected JSON, got a whole number of 100000 digits",
    ),
    "endless depth": (lambda _: "[" * 1_000_000, "expected JSON, got maximum recursion depth exceeded"),
    "endless depth of tables": (lambda _: '{"a":' * 200_000, "expected JSON, got maximum recursion depth exceeded"),
    "more behind the end": (lambda text: text + "{}", "expected JSON, got Extra data"),
}


@attacks(WRONG_JSON)
def test_json_is_read_strictly(tmp_path, package_path, attack, message):
    parts = Parts(open_package(package_path).path.read_bytes())
    parts.contents("manifest.json", attack(parts.text()).encode(errors="surrogateescape"))
    refuse(tmp_path, parts.bytes(), InputError, f"manifest.json: {message}")


EXTERNAL = bytes.fromhex("3a042a027001")  # appended: one more initializer, with data_location 1

MODEL_ATTACKS = {
    "external data": (
        lambda parts: parts.model(parts.data(MODEL) + EXTERNAL),
        f"{MODEL}: expected all weights inside the model, got external data",
    ),
    "newer than it says": (
        fields("variants", "fp32", opset=12, ir=7),
        f"{MODEL}: expected opset 12 and IR 7 as in the manifest, got opset 13 and IR 8",
    ),
}


@attacks(MODEL_ATTACKS)
def test_a_model_that_is_not_what_it_should_be_is_refused(tmp_path, package_path, attack, message):
    parts = Parts(open_package(package_path).path.read_bytes())
    attack(parts)
    parts.contents("manifest.json", parts.text().encode())
    refuse(tmp_path, parts.bytes(), TrustError, message)


def test_a_model_that_is_none_is_refused(tmp_path, package_path):
    parts = Parts(open_package(package_path).path.read_bytes())
    parts.model(b"not a model")
    parts.contents("manifest.json", parts.text().encode())
    refuse(tmp_path, parts.bytes(), InputError, f"{MODEL}: expected an ONNX model, got a broken field at byte ")


def test_a_newer_schema_says_what_to_do(package_path):
    parts = Parts(package_path.read_bytes())
    parts.manifest["schema"] = 4
    parts.contents("manifest.json", parts.text().encode())
    package_path.write_bytes(parts.bytes())
    with pytest.raises(InputError) as caught:
        open_package(package_path)
    assert caught.value.hint == "update edge-sdk"


def test_keys_and_families_of_newer_versions_are_let_through(package_path):
    parts = Parts(package_path.read_bytes())
    parts.manifest["cameras"] = ["front"]
    parts.manifest["variants"]["npu-int4"] = parts.manifest["variants"].pop("fp32")
    parts.contents("manifest.json", parts.text().encode())
    package_path.write_bytes(parts.bytes())
    assert set(open_package(package_path).manifest.variants) == {"arm-int8", "npu-int4"}


def test_a_package_from_before_variants_had_preprocessing_opens(package_path):
    parts = Parts(package_path.read_bytes())
    for variant in parts.manifest["variants"].values():
        del variant["preprocess"]
    del parts.manifest["preprocess"]["image"]["dtype"]
    parts.contents("manifest.json", parts.text().encode())
    package_path.write_bytes(parts.bytes())
    manifest = open_package(package_path).manifest
    assert manifest.preprocess_for(manifest.variants["arm-int8"].model.sha256) == manifest.preprocess


def test_a_variant_with_preprocessing_needs_the_schema_that_tells_older_readers(package_path, tmp_path):
    parts = Parts(package_path.read_bytes())
    parts.manifest["variants"]["arm-int8"]["preprocess"] = {"image": {"size_wh": [2, 1]}}
    parts.contents("manifest.json", parts.text().encode())
    refuse(tmp_path, parts.bytes(), InputError, "manifest.json: schema: expected 2 to 3, got 1")
