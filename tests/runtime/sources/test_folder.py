from __future__ import annotations

import cv2
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime import Run, open_source
from edge_sdk.runtime.accounting import Accounts
from tests.fakes import Keep
from tests.runtime.models import COLORS, card


@pytest.fixture
def folder(tmp_path):
    """Pictures of three colours and sizes, with one between them that is broken."""
    for number, name in enumerate(COLORS):
        cv2.imwrite(str(tmp_path / f"{number}.png"), card(name, size_wh=(40 + 20 * number, 30)))
    (tmp_path / "1-broken.jpg").write_bytes(b"no picture")
    return tmp_path


def test_an_unreadable_picture_is_counted_by_name_and_does_not_end_the_run(colors, folder):
    sink = Keep()
    report = Run(colors, open_source(str(folder)), sinks=[sink]).execute()
    assert report.accounts == Accounts(captured=4, delivered=3, results=3, dropped={"unreadable": 1})
    assert report.failures == (f"{folder}/1-broken.jpg: expected a picture, got 10 bytes that cannot be decoded",)
    assert [outcome.value.classes[0] for outcome in sink.outcomes] == [0, 1, 2]
    assert [outcome.source for outcome in sink.outcomes] == [f"{folder}/{number}.png" for number in range(3)]
    assert [outcome.seq for outcome in sink.outcomes] == [0, 2, 3]


def test_one_picture_is_a_source(colors, folder):
    source = open_source(str(folder / "2.png"))
    assert colors(source.read().data).classes[0] == 2
    assert source.read() is None


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(InputError, match=r": expected pictures \(jpg, png, .*\), got none$"):
        open_source(f"folder:{tmp_path}")
