from __future__ import annotations

import numpy as np
import pytest

from edge_sdk.errors import InputError
from edge_sdk.tensors import TensorSpec

SPEC = TensorSpec("x", "float32", ("batch", 3, 2))


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_a_named_axis_takes_any_size(batch):
    SPEC.check(np.zeros((batch, 3, 2), np.float32), where="model")


@pytest.mark.parametrize("shape", [(1, 3), (1, 3, 2, 1), (1, 2, 3), ()])
def test_another_shape_is_refused(shape):
    with pytest.raises(InputError) as caught:
        SPEC.check(np.zeros(shape, np.float32), where="model")
    assert str(caught.value) == f"model: expected x of shape [batch, 3, 2], got {list(shape)}"


@pytest.mark.parametrize("dtype", ["float64", "uint8", ">f4"])
def test_another_element_type_is_refused(dtype):
    with pytest.raises(InputError, match=f"^model: expected x as float32, got {dtype}$"):
        SPEC.check(np.zeros((1, 3, 2), dtype), where="model")


def test_text_is_an_array_of_objects():
    TensorSpec("word", "object", ()).check(np.array("a", object), where="model")
