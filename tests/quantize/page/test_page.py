from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edge_sdk.package import Accuracy
from edge_sdk.quantize.page import report_page
from edge_sdk.quantize.page.accuracy import interval_picture
from tests.quantize.reports import HOSTILE, PICTURE, REPORT

VOID = {"meta", "circle", "line", "link", "img", "br", "rect", "polyline"}


class Outline(HTMLParser):
    """Reads a page strictly: each tag is closed in order. Keeps its tags, attributes and text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def outline():
    return Outline(report_page(REPORT))


def test_the_page_is_well_formed(outline):
    assert outline.open == []
    assert outline.tags[:2] == ["html", "head"]


def test_the_page_needs_nothing_else(outline):
    assert not {"script", "link", "iframe", "object", "video"} & set(outline.tags)
    places = {value for name, value in outline.attributes if name == "id"}
    assert {"arm-int8", "x86-int8", "fp32", "notes", "samples", "origin"} == places
    assert {value[1:] for name, value in outline.attributes if name == "href"} == places
    assert [value for name, value in outline.attributes if name == "src"] == [PICTURE]
    assert not [told for told in ("url(", "@import", "http:", "https:", "file:") if told in report_page(REPORT)]


def test_names_cannot_become_markup(outline):
    names = (HOSTILE, "<img src=x onerror=alert(1)>", "</p><h1>refused</h1>", '"quoted" & <i>noted</i>', "<b>&.onnx")
    shown = (
        "<bolt>",
        "<frame>-1.jpg",
        "<Gemm>",
        "<mse>",
        "<evidence>",
        "<hint>",
        "Only <b>few</b>.",
        "<More>.",
        "<rgb>",
    )
    assert [name for name in (*names, *shown) if name not in outline.text] == []
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert not {"b", "u", "h4", "bolt", "frame", "more", "hint"} & set(outline.tags)


def test_the_page_tells_what_decides(outline):
    text = " ".join(outline.text.split())
    for told in (
        "parts version 3",
        "raspberry-pi-5 · arm-int8SHIP WITH CAREOnly <b>few</b>.",
        "x86-64-vnni · fp32SHIPIt is the float model itself.",
        "jetson · x86-int8DO NOT SHIPIt loses all.",
        "+0.20 points of top-1 (-0.90 to +1.30; budget 0.5)",
        "98.0% of 500 samples",
        "1.10 MB (28% of the float model)",
        "2.17 times float (modelled)",
        "97.0%",
        "not known (no labels)",
        "Takes the camera.",
        "Ranges by <mse>.",
        "97.0% of the work in integers, of 300.8 million multiply-accumulates",
        "11.5 ms an inference, 25 ms in float. By a <model>.",
        "Returned to float by the guard",
        "drop at most 0.5 points, agreement at least 94.0%, work in integers at least 50%",
        "On 2 of 500 samples an answer is not the float model's. 1 answers were right and are wrong now; 1 were wrong",
        "edge-sdk quantize '<b>&.onnx' -p raspberry-pi-5 --calibration 'my pictures'",
        "5" * 64,
        "c" * 64,
        "e" * 64,
        "a" * 64,
        "onnx 1.23.2, numpy 2.4.6",
    ):
        assert told in text


def test_a_picture_says_what_it_shows(outline):
    labels = [value for name, value in outline.attributes if name in {"alt", "aria-label"}]
    assert "<frame>-1.jpg, as the model sees it" in labels
    assert "window[3], as the model sees it" in labels
    assert labels.count("drop +0.20, interval -0.90 to +1.30, budget 0.5") == 1
    assert all(labels)


def test_each_column_of_a_table_is_named(outline):
    assert outline.tags.count("table") == outline.tags.count("thead") == outline.tags.count("tbody")
    scopes = [value for name, value in outline.attributes if name == "scope"]
    assert len(scopes) == outline.tags.count("th")


def test_a_report_from_before_there_was_advice_has_a_page_too():
    old = replace(REPORT, advice=(), origin=None, findings=())
    variants = tuple(replace(variant, layers=(), changes=None) for variant in old.variants)
    assert Outline(report_page(replace(old, variants=variants))).open == []


def numbers(page, attribute):
    return [float(value) for value in re.findall(rf'\b{attribute}="([-.0-9]+)"', page)]


@pytest.mark.parametrize(("low", "high"), [(-0.9, 1.3), (0.0, 0.0), (-100.0, 100.0), (0.2, 0.3)])
@pytest.mark.parametrize("budget", [0.0, 0.5, 100.0])
def test_the_picture_of_the_interval_stays_in_its_frame(low, high, budget):
    accuracy = Accuracy("top-1", 80.0, 80.0 - (low + high) / 2, low, high, 0.98, 500)
    page = interval_picture(accuracy, budget)
    places = [x for attribute in ("x1", "x2", "cx", "x") for x in numbers(page, attribute)]
    assert places
    assert all(0 <= x <= 420 for x in places)
    assert ("var(--good)" in page) == (high <= budget)
    assert ("var(--bad)" in page) == (low > budget)
