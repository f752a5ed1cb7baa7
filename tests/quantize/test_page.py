from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edge_sdk.package import Accuracy
from edge_sdk.quantize.page import report_page
from tests.quantize.reports import HOSTILE, REPORT

VOID = {"meta", "circle", "line", "link", "img", "br"}


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
    assert not {"script", "link", "img", "iframe", "object"} & set(outline.tags)
    targets = [value for name, value in outline.attributes if name in {"href", "src"}]
    assert targets == ["#arm-int8", "#x86-int8", "#fp32"]
    assert "url(" not in report_page(REPORT)
    assert "@import" not in report_page(REPORT)


def test_names_cannot_become_markup(outline):
    names = (HOSTILE, "<img src=x onerror=alert(1)>", "</p><h1>refused</h1>", '"quoted" & <i>noted</i>', "<b>&.onnx")
    assert [name for name in names if name not in outline.text] == []
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert not {"b", "u", "h4"} & set(outline.tags)


def test_the_page_tells_what_decides(outline):
    text = " ".join(outline.text.split())
    for told in (
        "parts version 3",
        "1.10 MB (27.5%)",
        "+0.20 points of top-1 (-0.90 to +1.30)",
        "held, too few samples to certify",
        "Ranges by <mse>.",
        "no labels",
        "the float model",
        "97.0% of the work in integers, which is 300.8 million multiply-accumulates",
        "Returned to float by the guard",
        "drop at most 0.5 points, agreement at least 94.0%, work in integers at least 50%",
        "5" * 64,
        "onnx 1.23.2, numpy 2.4.6",
    ):
        assert told in text


def numbers(page, attribute):
    return [float(value) for value in re.findall(rf'\b{attribute}="([-.0-9]+)"', page)]


@pytest.mark.parametrize(("low", "high"), [(-0.9, 1.3), (0.0, 0.0), (-100.0, 100.0), (0.2, 0.3)])
@pytest.mark.parametrize("budget", [0.0, 0.5, 100.0])
def test_the_picture_of_the_interval_stays_in_its_frame(low, high, budget):
    accuracy = Accuracy("top-1", 80.0, 80.0 - (low + high) / 2, low, high, 0.98, 500)
    variant = replace(REPORT.variants[0], accuracy=accuracy, frontier=None)
    page = report_page(replace(REPORT, variants=(variant,), budget=replace(REPORT.budget, max_drop_points=budget)))
    places = [x for attribute in ("x1", "x2", "cx", "x") for x in numbers(page, attribute)]
    assert places
    assert all(0 <= x <= 420 for x in places)
    assert ("var(--good)" in page.partition("<svg")[2]) == (high <= budget)
