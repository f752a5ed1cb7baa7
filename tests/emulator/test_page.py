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
