from __future__ import annotations

import cv2
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import open_source
from edge_sdk.runtime.sources import SENSORS, SOURCES
from tests.runtime.models import card


@pytest.mark.parametrize(
    ("uri", "nearest"),
    [
        ("rtps://host/x", "; did you mean 'rtsps'?"),
        ("folders:x", "; did you mean 'folder'?"),
        ("clip.txt", ""),
        ("", ""),
    ],
)
def test_an_address_that_is_not_understood_is_told(uri, nearest):
    with pytest.raises(InputError) as caught:
        open_source(uri)
    assert str(caught.value) == (
        f"source: expected one of {', '.join(sorted({**SOURCES, **SENSORS}))}, a file or a folder, got '{uri}'{nearest}"
    )


def test_an_address_that_is_not_understood_is_told_without_its_password():
    with pytest.raises(InputError, match=r"got 'rtps://host/x'; did you mean 'rtsps'\?$"):
        open_source("rtps://user:secret@host/x")


@pytest.mark.parametrize("name", ["what?.png", "camera:1.png"])
def test_a_file_that_is_there_is_taken_by_its_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert cv2.imwrite(name, card("red"))
    assert open_source(name).read().source == name


def test_a_long_network_address_is_no_file_name():
    with pytest.raises(UnavailableError):
        open_source(f"http://127.0.0.1:9/?token={'x' * 4000}")
