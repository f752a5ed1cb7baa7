"""The page of the emulated boards shows the figures that are kept."""

from __future__ import annotations

import json

from scripts.emulator.page import FOLDER, page


def test_the_page_is_made_of_the_kept_figures():
    kept = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    assert {"kernels", "models"} <= kept.keys()
    assert (FOLDER / "README.md").read_text() == page(kept)


def test_a_refused_model_stands_on_the_page_with_its_reason():
    head = {"date": "2026-11-25", "versions": {"onnxruntime": "1.32.0"}}
    text = page({"models": {**head, "models": {"one": {"refused": "error: too bad"}}}})
    assert "| one | error: too bad |" in text


def test_a_model_that_is_better_in_float_is_shown_as_one_in_integers():
    kept = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    name, figures = next((n, f) for n, f in kept["models"]["models"].items() if "cores" in f)
    shown = page({"models": {**kept["models"], "models": {name: {**figures, "budget": "--min-gain 0"}}}})
    assert f"| {name} (all in integers) | cortex-" in shown
    assert f"| {name} | cortex-" not in shown
