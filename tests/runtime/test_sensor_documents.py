"""The page on sensors says what the records take."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from edge_sdk.preprocess.features_record import Spectrogram
from edge_sdk.quantize import preprocess_from_file

PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "sensors.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
WINDOWS = [example for example in EXAMPLES if "[window]" in example]


@pytest.mark.parametrize("example", WINDOWS)
def test_the_declarations_of_windows_are_valid(tmp_path, example):
    (tmp_path / "p.toml").write_text(example)
    assert preprocess_from_file(tmp_path / "p.toml").window


def test_the_spectrogram_shows_each_key_and_its_values():
    table = WINDOWS[1].partition("[window.spectrogram]")[2]
    assert re.findall(r"^(\w+) =", table, re.MULTILINE) == [field.name for field in dataclasses.fields(Spectrogram)]
