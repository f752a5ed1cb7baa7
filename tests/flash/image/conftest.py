"""Each kind of image is made and surveyed once; a test gets its own copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from edge_sdk.flash.image import Survey, survey
from tests.flash.image import images


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Callable[[str], Path]:
    """Return what makes an image by the name of its maker, once."""
    folder = tmp_path_factory.mktemp("images")
    return cache(lambda kind: getattr(images, kind)(folder))


@pytest.fixture(scope="session")
def survey_of(made) -> Callable[[str], Survey]:
    """Return what tells what a kind of image is, once."""
    return cache(lambda kind: survey(made(kind)))


@pytest.fixture
def image_of(made, tmp_path) -> Callable[[str], Path]:
    """Return what gives a test its own copy of an image."""

    def copy(kind: str) -> Path:
        return Path(shutil.copy(made(kind), tmp_path))

    return copy
