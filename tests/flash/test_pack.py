from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.errors import InputError
from edge_sdk.files import sha256_hex
from edge_sdk.flash import BoardSystem
from edge_sdk.flash.board_side import kit as board_kit
from edge_sdk.flash.kit_folder import check_kit, write_kit
from edge_sdk.flash.pack import Order, pack
from edge_sdk.flash.wheels import Wheels
from edge_sdk.flash.wheels.wheel import read_wheel
from edge_sdk.package import open_package
from edge_sdk.profiles import load_profile
from tests.flash.wheels.made import make_wheel

NOW_S = 1_790_000_000.5
PROFILE = load_profile("raspberry-pi-5")
BOARD = BoardSystem.of(PROFILE)


@pytest.fixture
def wheels(tmp_path) -> Wheels:
    """Three tiny wheels."""
    alpha = make_wheel(tmp_path / "wheels", "alpha", tag="cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64")
    paths = [alpha, make_wheel(tmp_path / "wheels", "edge-sdk"), make_wheel(tmp_path / "wheels", "pip")]
    return Wheels(BOARD, tuple(map(read_wheel, paths)))


@pytest.fixture
def order(package_path) -> Order:
    """An order for one board."""
    return Order(open_package(package_path), PROFILE, "cam-1", b'sources = ["camera:0"]\n', BOARD)


def test_a_kit_has_everything_that_a_board_needs(order, wheels, tmp_path):
    parcel = pack(replace(order, login=b"{}", claim=b"secret", own_profile=b"name = 1"), wheels, NOW_S)
    write_kit(tmp_path / "kit", parcel.kit, parcel.contents, parcel.secrets)
    assert check_kit(tmp_path / "kit") == parcel.kit
    names = sorted(path.relative_to(tmp_path / "kit").as_posix() for path in (tmp_path / "kit").rglob("*.*"))
    assert names == sorted(
        [
            *("agent.toml", "claim.json", "first_boot.pyz", "kit.json", "login.json", "profile.toml"),
            *("requirements.txt", "start.sh", parcel.kit.package),
            "wheels/alpha-99-cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl",
            *("wheels/edge_sdk-99-py3-none-any.whl", "wheels/pip-99-py3-none-any.whl"),
        ]
    )


def test_the_board_gets_the_variant_that_it_runs_best_and_no_other(order, wheels, tmp_path):
    parcel = pack(order, wheels, NOW_S)
    (tmp_path / "slim.edge").write_bytes(parcel.contents[parcel.kit.package])
    slim = open_package(tmp_path / "slim.edge")
    assert list(slim.manifest.variants) == ["arm-int8"]
    assert slim.digest == parcel.kit.package_sha256
    assert sha256_hex(slim.model_for(PROFILE)[1]) == parcel.kit.model_sha256
    assert len(parcel.contents[parcel.kit.package]) < order.package.path.stat().st_size


def test_the_board_reads_the_kit_as_it_was_written_and_gives_it_the_same_name(order, wheels, tmp_path):
    parcel = pack(order, wheels, NOW_S)
    write_kit(tmp_path / "kit", parcel.kit, parcel.contents, parcel.secrets)
    read = board_kit.read_kit(tmp_path / "kit")
    board_kit.check_files(tmp_path / "kit", read)
    assert read.digest == parcel.kit.digest


def test_the_record_says_what_the_board_must_have(order, wheels):
    kit = pack(replace(order, hostname="cam-1", wifi=b"{}"), wheels, NOW_S).kit
    assert (kit.device, kit.hostname, kit.profile) == ("cam-1", "cam-1", "raspberry-pi-5")
    assert (kit.python, kit.arch, kit.glibc, kit.keeps) == ("3.13", "aarch64", "2.27", ())
    assert (kit.made_unix_s, kit.secrets) == (1_790_000_000, ("wifi.json",))


def test_the_room_that_is_asked_for_covers_wheels_package_and_environment(order, wheels):
    kit = pack(order, wheels, NOW_S).kit
    package = next(file.size_bytes for file in kit.files if file.name == kit.package)
    assert kit.needs_bytes == 2 * 4 * 4096 + 2 * package + (16 << 20), "pip's wheel is not installed"


def test_equal_orders_are_equal_work_whatever_the_time_and_the_claim(order, wheels):
    first = pack(replace(order, claim=b"one"), wheels, NOW_S)
    assert pack(replace(order, claim=b"two"), wheels, NOW_S + 100).kit.digest == first.kit.digest
    assert pack(replace(order, device="cam-2"), wheels, NOW_S).kit.digest != first.kit.digest


def test_wheels_for_another_board_are_refused(order, wheels):
    with pytest.raises(InputError, match=r"^wheels: expected those for Python 3.11 .*, got those for Python 3.13 "):
        pack(replace(order, board=replace(BOARD, python="3.11")), wheels, NOW_S)


def test_a_package_without_a_variant_for_the_board_is_refused(order, wheels):
    other = replace(PROFILE, families=("dynamic-int8",))
    with pytest.raises(InputError, match="expected a variant for raspberry-pi-5"):
        pack(replace(order, profile=other), wheels, NOW_S)
