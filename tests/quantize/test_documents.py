"""The page on quantizing says what the records and the commands do."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from edge_sdk.cli import INTERRUPTED
from edge_sdk.errors import EdgeError
from edge_sdk.preprocess import ImageSteps, WindowSteps
from edge_sdk.quantize import preprocess_from_file

PAGE = (Path(__file__).parents[2] / "docs" / "how_to" / "quantize.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("example", "steps"), list(zip(EXAMPLES, (ImageSteps, WindowSteps), strict=True)))
def test_the_examples_of_a_declaration_are_valid_and_show_each_key(tmp_path, example, steps):
    (tmp_path / "p.toml").write_text(example)
    declared = preprocess_from_file(tmp_path / "p.toml")
    assert isinstance(declared.image or declared.window, steps)
    keys = [field.name for field in dataclasses.fields(steps) if field.name not in {"features", "spectrogram"}]
    assert re.findall(r"^(\w+) =", example, re.MULTILINE) == keys


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_examples_call_the_default_is_the_default(example):
    steps = ImageSteps if "[image]" in example else WindowSteps
    defaults = {field.name: field.default for field in dataclasses.fields(steps)}
    for key, told in re.findall(r"^(\w+) = .*#.*?(\w+) \(default\)", example, re.MULTILINE):
        assert defaults[key] == told


def test_the_exit_codes_are_those_of_the_errors():
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    known = {error.exit_code for error in EdgeError.__subclasses__()} | {0, 2, INTERRUPTED}
    assert set(told) == known - {4}, "a quantization opens no package"
