from __future__ import annotations

import re

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.labels import Label, check_template, write_labels

LABEL = Label("press-4", "plant", "press-4", "Raspberry Pi 5 & more", "parts-1")


def test_a_label_is_read_by_a_camera(tmp_path):
    """The path of the QR code is drawn here by hand, and OpenCV's own reader finds what it says."""
    import cv2
    import numpy as np

    svg = write_labels(tmp_path, [LABEL], "https://plant.example/{device}")[0].read_text()
    path = re.search(r'<path[^>]* d="([^"]+)"', svg)[1]
    modules, x, y = np.zeros((41, 41), np.uint8), 0.0, 0.0
    for kind, values in re.findall(r"([mMh])([^mMh]*)", path):
        numbers = [float(number) for number in re.findall(r"-?\d*\.?\d+", values)]
        if kind == "h":
            modules[int(y), int(x) : int(x + numbers[0])] = 1
            x += numbers[0]
        else:
            x, y = numbers if kind == "M" else (x + numbers[0], y + numbers[1])
    picture = np.kron(255 * (1 - modules), np.ones((8, 8), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == "https://plant.example/press-4"


def test_the_page_has_each_label_and_loads_nothing(tmp_path):
    written = write_labels(tmp_path, [LABEL, Label("b" * 128, "", "", "Jetson", "parts-1")])
    assert [path.name for path in written] == ["press-4.svg", "b" * 128 + ".svg", "labels.html"]
    page = (tmp_path / "labels.html").read_text()
    assert page.count("<svg ") == 2
    assert "Raspberry Pi 5 &amp; more" in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="', page)


@pytest.mark.parametrize("template", ["{token}", "{device.__class__}", "{device!r}", "{0}", "{", "{device:>9}"])
def test_a_template_that_names_something_else_is_refused(template):
    with pytest.raises(InputError, match="--label-text: expected"):
        check_template(template)


def test_a_text_too_long_for_a_phone_is_refused():
    with pytest.raises(InputError, match="at most 300 bytes, got 301"):
        LABEL.text("x" * 301)
