from __future__ import annotations

import pytest

from tests.quantize.models import clean, run, samples


@pytest.mark.parametrize("opset", [13, 17, 18, 20])
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (2, 4, 7)])
def test_the_greatest_value_of_each_channel_is_a_reduction(opset, shape):
    sizes = ",".join(map(str, shape))
    graph = clean(f"(float[{sizes}] x) => (float[] y) {{ y = GlobalMaxPool(x) }}", opset=opset)
    assert [(node.op_type, node.name) for node in graph.nodes] == [("ReduceMax", "GlobalMaxPool_0")]
    x = samples(graph)[0]["x"]
    assert (run(graph.model, {"x": x})["y"] == x.max(axis=tuple(range(2, len(shape))), keepdims=True)).all()
