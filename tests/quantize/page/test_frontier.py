from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from edge_sdk.quantize.page.frontier import frontier_chart
from tests.quantize.reports import HOSTILE, REPORT

FRONTIER = REPORT.variants[0].frontier


def parsed(frontier):
    return ElementTree.fromstring(f"<div>{frontier_chart(frontier)}</div>")


def test_each_plan_is_a_dot_and_a_row_and_the_taken_one_is_ringed():
    root = parsed(FRONTIER)
    assert len(root.findall(".//g")) == len(root.findall(".//tbody/tr")) == len(FRONTIER.points)
    ringed = [mark for mark in root.findall(".//g") if len(mark.findall("circle")) == 2]
    assert [mark.findtext("title") for mark in ringed] == ["arm-int8, 1 layers in float: 11.5 ms, 98.0%"]
    rows = ["|".join(cell.text or "" for cell in row) for row in root.findall(".//tbody/tr")]
    assert rows == [
        "arm-int8|10 ms|2.50|1.05 MB|93.0%|+1.00 (-0.90 to +1.30)|0 layers|beyond the budget",
        "arm-int8|11.5 ms|2.17|1.10 MB|98.0%|+0.20 (-0.90 to +1.30)|1 layers|taken",
        "fp32|25 ms|1.00|4.00 MB|100.0%|||",
    ]


def test_the_line_goes_through_what_holds_the_budget():
    (line,) = parsed(FRONTIER).iter("polyline")
    assert len(line.get("points").split()) == 2


def test_faster_is_further_left_and_more_agreement_is_higher():
    dots = [mark.findall("circle")[-1] for mark in parsed(FRONTIER).findall(".//g")]
    across = [float(dot.get("cx")) for dot in dots]
    down = [float(dot.get("cy")) for dot in dots]
    assert across == sorted(across)
    assert down == sorted(down, reverse=True)
    assert all(0 < x < 560 and 0 < y < 260 for x, y in zip(across, down, strict=True))


def test_words_cannot_become_markup():
    told = frontier_chart(replace(FRONTIER, why=HOSTILE, profile=HOSTILE, basis=HOSTILE))
    assert "<script" not in told
    assert told.count("&lt;script&gt;") == 4


def test_plans_that_all_agree_lie_on_one_line():
    points = tuple(replace(point, accuracy=None) for point in FRONTIER.points)
    heights = set(re.findall(r'cy="([\d.]+)"', frontier_chart(replace(FRONTIER, points=points))))
    assert len(heights) == 1
