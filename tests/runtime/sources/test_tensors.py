from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.runtime import Run, open_source
from tests.fakes import Keep
from tests.runtime.models import COLORS, card


def test_an_npy_file_of_pictures_runs(tmp_path, colors):
    np.save(tmp_path / "x.npy", np.stack([card(name) for name in COLORS]))
    sink = Keep()
    Run(colors, open_source(str(tmp_path / "x.npy")), sinks=[sink]).execute()
    assert [outcome.value.classes[0] for outcome in sink.outcomes] == [0, 1, 2]


def test_an_npz_file_gives_each_input_by_its_name(tmp_path, adds):
    np.savez(tmp_path / "x.npz", a=np.ones((3, 1, 2), np.float32), b=np.arange(6, dtype=np.float32).reshape(3, 2))
    sink = Keep()
    Run(adds, open_source(str(tmp_path / "x.npz")), sinks=[sink]).execute()
    assert [outcome.value.tensors["sum"].tolist() for outcome in sink.outcomes] == [[[1, 2]], [[3, 4]], [[5, 6]]]


def test_one_array_of_many_can_be_chosen(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2)), labels=np.array(["a", "b"]))
    source = open_source(f"{tmp_path}/x.npz:x")
    assert [sample.data.shape for sample in iter(source.read, None)] == [(2,)] * 4


@pytest.mark.parametrize(
    ("arrays", "key", "message"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, "", "expected arrays of equal length, got 3, 4"),
        ({"data": np.zeros(3)}, ":date", "expected an array 'date', got data; did you mean 'data'?"),
    ],
)
def test_arrays_that_make_no_samples_are_told(tmp_path, arrays, key, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError) as caught:
        open_source(f"tensors:{tmp_path}/x.npz{key}")
    assert str(caught.value) == f"{tmp_path}/x.npz: {message}"


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04broken"], ids=["empty", "text", "broken zip"])
def test_what_numpy_cannot_read_is_told(tmp_path, data):
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(InputError, match=r"x.npz: expected arrays of numbers in a NumPy file, got "):
        open_source(str(tmp_path / "x.npz"))


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(InputError, match=r"x.npy: expected arrays of numbers in a NumPy file, got "):
        open_source(str(tmp_path / "x.npy"))
