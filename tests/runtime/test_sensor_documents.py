"""The page on sensors says what the records take."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from edge_sdk.broker import Access, read_access
from edge_sdk.preprocess.features_record import Spectrogram
from edge_sdk.quantize import preprocess_from_file
from edge_sdk.runtime.sources import SENSORS
from edge_sdk.runtime.sources.parsers import Chip, Line, read_parser

PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "sensors.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
CHIPS = [example for example in EXAMPLES if "[[values]]" in example]
LINES = [example for example in EXAMPLES if re.match(r"\[(lines|packet)\]", example)]
ACCESSES = [example for example in EXAMPLES if "password =" in example]
WINDOWS = [example for example in EXAMPLES if "[window]" in example]


@pytest.mark.parametrize("example", WINDOWS)
def test_the_declarations_of_windows_are_valid(tmp_path, example):
    (tmp_path / "p.toml").write_text(example)
    assert preprocess_from_file(tmp_path / "p.toml").window


@pytest.mark.parametrize(("record", "example"), [*((Chip, chip) for chip in CHIPS), *((Line, line) for line in LINES)])
def test_the_parsers_are_valid(tmp_path, record, example):
    (tmp_path / "p.toml").write_text(example)
    assert read_parser(record, str(tmp_path / "p.toml"), where="page")


@pytest.mark.parametrize("example", ACCESSES)
def test_the_access_to_a_broker_shows_each_key(tmp_path, example):
    (tmp_path / "access.toml").write_text(example)
    assert read_access(tmp_path / "access.toml").user
    assert re.findall(r"^(\w+) =", example, re.MULTILINE) == [field.name for field in dataclasses.fields(Access)]


def test_each_kind_of_example_is_there():
    assert (len(CHIPS), len(LINES), len(WINDOWS), len(ACCESSES)) == (1, 2, 2, 1)
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("scheme", SENSORS)
def test_each_sensor_is_told(scheme):
    assert re.search(rf"\b{scheme}:", PAGE)


def test_the_spectrogram_shows_each_key_and_its_values():
    table = WINDOWS[1].partition("[window.spectrogram]")[2]
    assert re.findall(r"^(\w+) =", table, re.MULTILINE) == [field.name for field in dataclasses.fields(Spectrogram)]
