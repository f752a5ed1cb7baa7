"""Each kind of image is made once; a test gets its own copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flash.image import images


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Callable[[str], Path]:
    """Return what makes an image by the name of its maker, once."""
    folder = tmp_path_factory.mktemp("images")
    kept: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in kept:
            kept[kind] = getattr(images, kind)(folder)
        return kept[kind]

    return make


@pytest.fixture
def image_of(made, tmp_path) -> Callable[[str], Path]:
    """Return what gives a test its own copy of an image."""

    def copy(kind: str) -> Path:
        return Path(shutil.copy(made(kind), tmp_path))

    return copy
