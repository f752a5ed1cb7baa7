from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.flash import BoardSystem, Parcel
from edge_sdk.flash.kit import KitFile, decode_kit
from edge_sdk.profiles import load_profile
from tests.flash.kits import CONTENTS, a_kit


def test_a_kit_is_read_as_it_was_written():
    kit = a_kit(secrets=("claim.json",))
    assert decode_kit(kit.to_json(), where="kit.json") == kit


def test_equal_work_has_one_digest_whenever_it_was_made_and_whatever_secrets_it_carries():
    kit = a_kit()
    assert replace(kit, made_unix_s=7, secrets=("wifi.json",)).digest == kit.digest
    assert replace(kit, hostname="other").digest != kit.digest


def test_a_board_can_compute_the_digest_from_the_document_alone():
    kit = a_kit(secrets=("claim.json",))
    data = json.loads(kit.to_json())
    del data["made_unix_s"], data["secrets"]
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == kit.digest


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../b", "a//b", "", ".", ".hidden", "a\\b", "x.", "a b", "wheels/", "é", "x" * 129],
)
def test_a_name_that_leaves_the_kit_is_refused(name):
    with pytest.raises(InputError, match=r"^name: expected names of letters, digits, '.', '_', '-', got "):
        KitFile.of(name, b"")


@pytest.mark.parametrize("name", ["kit.json", "claim.json", "wifi.json", "status.json", "recover", "Kit.JSON"])
def test_a_file_cannot_take_a_name_of_the_kit_itself(name):
    with pytest.raises(InputError, match=r"^name: expected none that the kit uses itself, got "):
        KitFile.of(name, b"")


@pytest.mark.parametrize("names", [("a", "A"), ("a", "a"), ("wheels", "wheels/x.whl")])
def test_two_files_that_a_card_takes_for_one_are_refused(names):
    extra = tuple(KitFile.of(name, b"") for name in names)
    with pytest.raises(InputError, match="files: expected each name once, got "):
        replace(a_kit(), files=(*a_kit().files, *extra))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": ""}, "device: expected a name of letters, digits, '.', '_', '-', got ''"),
        ({"device": "../x"}, "device: expected a name of letters, digits, '.', '_', '-', got '../x'"),
        ({"hostname": "my_board"}, "hostname: expected letters, digits and '-', at most 63, got 'my_board'"),
        ({"arch": "armv7l"}, "arch: expected aarch64 or x86_64, got 'armv7l'"),
        ({"python": "3"}, "python: expected a version such as 3.13, got '3'"),
        ({"glibc": "new"}, "glibc: expected a version such as 2.28, got 'new'"),
        ({"package_sha256": "0" * 64}, "package: expected a file of the kit with package_sha256, got 'resnet8-1.edge'"),
        ({"model_sha256": "0"}, "model_sha256: expected 64 hexadecimal digits, got '0'"),
        ({"needs_bytes": -1}, "needs_bytes: expected 0 or more, got '-1'"),
        ({"secrets": ("key.pem",)}, "secrets: expected claim.json or wifi.json, got \"('key.pem',)\""),
        ({"schema": 2}, "schema: expected 1, got '2'"),
    ],
)
def test_a_kit_that_contradicts_itself_is_refused(changes, message):
    data = records.to_data(a_kit()) | changes
    with pytest.raises(InputError) as refused:
        decode_kit(json.dumps(data).encode(), where="kit.json")
    assert str(refused.value) == f"kit.json: {message}"


@pytest.mark.parametrize("size_bytes", [-1, 1 << 32])
def test_a_file_that_a_card_cannot_hold_is_refused(size_bytes):
    with pytest.raises(InputError, match=r"^a: size_bytes: expected 0 to 4 GiB, got "):
        KitFile("a", "0" * 64, size_bytes)


def test_what_is_no_json_is_no_kit():
    with pytest.raises(InputError, match=r"^kit.json: expected JSON, got "):
        decode_kit(b"{", where="kit.json")


def test_a_parcel_holds_what_the_kit_names_and_nothing_else():
    kit = a_kit(secrets=("claim.json",))
    parcel = Parcel(kit, CONTENTS, {"claim.json": b"secret"})
    assert parcel.size_bytes == sum(map(len, CONTENTS.values())) + 6 + len(kit.to_json())
    with pytest.raises(InputError, match=r"^contents: expected those of the kit, got 'more'"):
        Parcel(kit, {**CONTENTS, "more": b""}, {"claim.json": b"secret"})
    with pytest.raises(InputError, match=r"^secrets: expected those of the kit, got ''"):
        Parcel(kit, CONTENTS, {})


def test_a_gpu_board_keeps_the_onnxruntime_of_its_vendor():
    assert BoardSystem.of(load_profile("jetson-orin-nano")) == BoardSystem(
        "3.10", "aarch64", "2.28", ("onnxruntime-gpu",), "1.23.0"
    )
    assert BoardSystem.of(load_profile("raspberry-pi-5"), python="3.11").keeps == ()
    assert BoardSystem.of(load_profile("raspberry-pi-5"), python="3.11").python == "3.11"


def test_a_distribution_is_named_as_indexes_do():
    with pytest.raises(InputError, match=r"^keeps: expected a name such as onnxruntime-gpu, got 'OnnxRuntime_GPU'"):
        BoardSystem("3.10", "aarch64", keeps=("OnnxRuntime_GPU",))
