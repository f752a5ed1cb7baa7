from __future__ import annotations

import zipfile

import pytest

from edge_sdk.errors import InputError, TrustError
from edge_sdk.files import sha256_of_file
from edge_sdk.flash.wheels.wheel import read_wheel
from tests.flash.wheels.made import make_wheel


@pytest.mark.parametrize(
    ("tag", "glibc"),
    [
        ("py3-none-any", (0, 0)),
        ("cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64", (2, 27)),
        ("cp313-cp313-manylinux2014_aarch64.manylinux_2_17_aarch64", (2, 17)),
        ("cp313-cp313-linux_aarch64", (0, 0)),
    ],
)
def test_the_oldest_c_library_stands_in_the_tags(tmp_path, tag, glibc):
    assert read_wheel(make_wheel(tmp_path, "alpha", tag=tag)).glibc == glibc


def test_room_is_counted_in_blocks_and_code_twice_for_its_bytecode(tmp_path):
    wheel = read_wheel(make_wheel(tmp_path, "alpha", "1.0", requires=["beta>=2"]))
    assert wheel.unpacked_bytes == (2 + 1 + 1 + 0) * 4096
    assert (wheel.name, wheel.version, *map(str, wheel.requires)) == ("alpha", "1.0", "beta>=2")


def test_another_wheel_than_the_expected_one_is_not_read(tmp_path):
    path = make_wheel(tmp_path, "alpha")
    assert read_wheel(path, expected_sha256=sha256_of_file(path)).name == "alpha"
    with pytest.raises(TrustError, match=r"alpha-99-py3-none-any.whl: expected SHA-256 0{64}, got "):
        read_wheel(path, expected_sha256="0" * 64)


@pytest.mark.parametrize("name", ["alpha.whl", "alpha-1-py3.whl"])
def test_a_name_that_is_no_wheels_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=f"{name}: expected a wheel, got Invalid wheel filename"):
        read_wheel(tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "got"),
    [({"requires": ["alpha ==> 2"]}, "Expected"), ({"python": "newer"}, "Invalid specifier: 'newer'")],
)
def test_metadata_that_nobody_can_read_are_told(tmp_path, changes, got):
    with pytest.raises(InputError, match=f"alpha-99-py3-none-any.whl: expected a wheel, got {got}"):
        read_wheel(make_wheel(tmp_path, "alpha", **changes))


def test_metadata_that_are_damaged_are_told(tmp_path):
    path = make_wheel(tmp_path, "alpha")
    path.write_bytes(path.read_bytes().replace(b"Metadata-Version: 2.1", b"Metadata-Version: 2.2", 1))
    with pytest.raises(InputError, match="expected a wheel, got Bad CRC-32 for file"):
        read_wheel(path)


def test_metadata_of_another_distribution_do_not_count(tmp_path):
    path = tmp_path / "alpha-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("beta-1.dist-info/METADATA", "Name: beta\n")
    with pytest.raises(InputError, match=r"expected a wheel, got an archive without METADATA"):
        read_wheel(path)
