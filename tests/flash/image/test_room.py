from __future__ import annotations

from dataclasses import replace

import pytest

from edge_sdk.errors import UnavailableError
from edge_sdk.flash.image import Survey, require_room
from edge_sdk.flash.image.partitions import Partition
from tests.flash.image.images import a_parcel

MB = 1_000_000
CARD = Survey(
    format="cloud-init",
    evidence=(),
    os_name="Debian GNU/Linux 13 (trixie)",
    python="3.13",
    arch="aarch64",
    glibc="2.41",
    free_bytes=5 * MB,
    cluster_bytes=4096,
    boot=Partition(1, MB, 10 * MB, "fat"),
    root=Partition(2, 20 * MB, 100 * MB, "ext4"),
    root_bytes=100 * MB,
    root_free_bytes=30 * MB,
    root_grows=True,
)
SMALL = a_parcel()
LARGE = replace(SMALL, kit=replace(SMALL.kit, needs_bytes=200 * MB))


def test_a_kit_that_fits_says_nothing():
    told: list[str] = []
    require_room(CARD, SMALL, where="card", tell=told.append)
    require_room(replace(CARD, root=None), LARGE, where="card", tell=told.append)
    require_room(CARD, LARGE, where="card", drive_bytes=300 * MB, tell=told.append)
    assert told == []


def test_clusters_count_not_bytes():
    wide = replace(CARD, cluster_bytes=1 << 20)
    with pytest.raises(UnavailableError, match="card: expected 6553600 bytes free for the kit, got 5000000"):
        require_room(wide, SMALL, where="card")


def test_a_root_that_must_grow_first_is_told():
    told: list[str] = []
    require_room(CARD, LARGE, where="card", tell=told.append)
    (line,) = told
    assert line.startswith("the root has 30000000 bytes free and 200000000 are needed: it grows")


@pytest.mark.parametrize(
    ("found", "drive_bytes", "got", "hint"),
    [
        (CARD, 200 * MB, 110 * MB, "take a larger drive"),
        (replace(CARD, root_grows=False), 0, 30 * MB, "take an image with a larger root"),
        (replace(CARD, root_grows=False), 10_000 * MB, 30 * MB, "take an image with a larger root"),
        (replace(CARD, format="systemd-root", free_bytes=40 * MB, root_grows=False), 0, 40 * MB, "take an image"),
    ],
)
def test_a_root_that_will_be_too_small_is_refused(found, drive_bytes, got, hint):
    with pytest.raises(
        UnavailableError, match=rf"card, root: expected 200\d+ bytes free to install, got {got}"
    ) as raised:
        require_room(found, LARGE, where="card", drive_bytes=drive_bytes)
    assert raised.value.hint.startswith(hint)
