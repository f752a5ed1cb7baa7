from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.target import find_target


def test_what_is_there_tells_the_kind(tmp_path):
    (tmp_path / "board.img").write_bytes(b"x")
    assert find_target(str(tmp_path / "board.img")).kind == "image"
    assert find_target(str(tmp_path)).kind == "boot partition"
    assert find_target("ssh://pi@press-4").kind == "ssh"
    assert find_target("/dev/null").kind == "drive"
    assert find_target("/dev/no-such-drive").kind == "drive"
    assert find_target("/tmp/../dev/sdz").kind == "drive"
    assert find_target(str(tmp_path / "new.img"), tmp_path / "board.img").kind == "image"


@pytest.mark.parametrize("name", ["", "nothing-there.img", "sdb", "ssh:/pi@press-4"])
def test_what_is_nothing_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="expected a drive, an image file, a boot partition or ssh://"):
        find_target(name)


def test_an_image_goes_to_a_drive_or_a_new_file(tmp_path):
    image = tmp_path / "system.img"
    image.write_bytes(b"x")
    for name in ("ssh://pi@press-4", str(tmp_path)):
        with pytest.raises(InputError, match="--image: expected a drive or an image file"):
            find_target(name, image)
    with pytest.raises(InputError, match="expected a new file for the image"):
        find_target(str(image), image)
    with pytest.raises(InputError, match="expected the image of a system, got nothing"):
        find_target(str(tmp_path / "new.img"), tmp_path / "missing.img")
