from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from edge_sdk.errors import GateError, InputError
from edge_sdk.package import FileEntry, open_package, write_package
from edge_sdk.package.golden import Golden, check_golden, read_golden, worst_snr_db

ARRAYS = {"input:x": np.array([[1.0], [2.0]]), "output:y": np.array([[2.0], [4.0]])}


class Times:
    """A model that multiplies."""

    def __init__(self, factor):
        self.factor = factor

    def run(self, tensors):
        return {"y": tensors["x"] * self.factor}


def packed(path, manifest, contents, data):
    """Write the package with this as golden samples of its first variant; return it and the variant."""
    family, variant = next(iter(manifest.variants.items()))
    variant = replace(variant, golden=FileEntry.of(variant.golden.name, data))
    variants = {**manifest.variants, family: variant}
    write_package(path, replace(manifest, variants=variants), {**contents, variant.golden.name: data})
    return open_package(path), variant


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_golden_samples_are_read_from_a_package(tmp_path, manifest, contents):
    golden = read_golden(*packed(tmp_path / "m.edge", manifest, contents, npz(**ARRAYS)))
    assert worst_snr_db(golden, Times(2)) == 200
    assert golden.min_snr_db == next(iter(manifest.variants.values())).min_snr_db


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"golden", "expected arrays in an NPZ file, got "),
        (npz(**{"input:x": np.zeros((1, 1))}), "expected arrays output:NAME, got none"),
        (npz(**{"input:x": np.zeros((0, 1)), "output:y": np.zeros((0, 1))}), "expected arrays input:NAME, got none"),
        (npz(**{"input:x": np.array([{}], object)}), "expected arrays in an NPZ file, got "),
    ],
)
def test_what_is_no_golden_sample_is_told(tmp_path, manifest, contents, data, got):
    package, variant = packed(tmp_path / "m.edge", manifest, contents, data)
    with pytest.raises(InputError, match=f"{variant.golden.name}: {got}"):
        read_golden(package, variant)


def test_a_model_that_computes_something_else_is_told_both_figures():
    check_golden(Golden(ARRAYS, 40.0), Times(2.01), where="m")
    with pytest.raises(GateError) as caught:
        check_golden(Golden(ARRAYS, 50.0), Times(2.01), where="m")
    assert str(caught.value) == "m: expected the golden outputs at 50 dB or better, got 46.0 dB"
