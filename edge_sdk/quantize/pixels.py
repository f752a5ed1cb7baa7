"""A model that takes the camera's pixels as they are: what was done to them moves into the first convolution.

- Gain, order of the channels and order of the axes go into the weights.
- The mean becomes a zero point as far as one whole number can be the mean of all channels.
- What is left of the shift does not go into the bias: where the convolution pads, there is nothing to shift. The
  picture gets one more channel, 255 everywhere, whose weights carry the shift: inside the picture they add it, in the
  padding nothing, so the border is exact too. BGRA is such a picture, and four channels are faster than three.

See docs/decisions/0012-pixels-as-input.md; what becomes of the pixels in integers stands in `edge_sdk.quantize.frame`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge_sdk.preprocess import ImageSteps, Preprocess
from edge_sdk.preprocess.record import Color
from edge_sdk.quantize.graph import Graph, Model, drop_unread, tensor_specs
from edge_sdk.quantize.measure import open_float
from edge_sdk.quantize.source import Source
from edge_sdk.quantize.stem import Floats, Stem, find_stem
from edge_sdk.tensors import Tensors, snr_db

LEAST_SNR_DB = 80.0
"""How near the outputs with pixels must be to those without, in dB; float32 rounding leaves about 120."""
_SUM_OPSET = 14
"""The first operator set that adds uint8, which the shift to int8 is."""
_ORDER: Mapping[str, tuple[int, ...]] = {"rgb": (2, 1, 0), "bgr": (0, 1, 2), "gray": (0,)}
"""For each channel of OpenCV's picture, the channel of the model."""
_WHITE, _MIDDLE = 255, 128
_EXACT = 1e-6
"""What is no difference, in steps of a pixel."""


def take_pixels(source: Source, *, max_opset: int) -> Source | str:
    """Return the model as one that takes pixels, or why it cannot.

    Args:
        source: The float model; it is not changed.
        max_opset: The newest operator set that the boards load.
    """
    steps = source.preprocess.image
    if source.task.head == "reconstruction":
        return "its output is compared with it"
    if steps is None:
        return "its input is no picture"
    if steps.color not in _ORDER:
        return f"its pictures have the channels {steps.color}"
    if max_opset < _SUM_OPSET:
        return f"a board loads operator set {max_opset}, and adding pixels needs {_SUM_OPSET}"
    stem = find_stem(source.graph, steps)
    if isinstance(stem, str):
        return stem
    return _fed(source, stem, steps)


def outputs_snr_db(source: Source, sample: Tensors, other: Source, pixels: Tensors) -> float:
    """Return how near two forms of a model are on one picture: the least signal-to-noise ratio of their outputs."""
    expected, got = open_float(source.graph).run(sample), open_float(other.graph).run(pixels)
    return min(snr_db(values, got[name]) for name, values in expected.items())


def _fed(source: Source, stem: Stem, steps: ImageSteps) -> Source:
    zero = _zero_point(stem)
    weight = _folded(source.graph.constants[stem.layer.input[1]], stem, _ORDER[steps.color], zero)
    color: Color = "bgra" if weight.shape[1] == 4 else "ya8" if weight.shape[1] == 2 else "gray"
    pixels = replace(steps, color=color, divisor=1.0, mean=(0.0,), std=(1.0,), layout="nhwc", dtype="uint8")
    model = _rewired(source.graph, stem, weight, pixels, zero)
    return replace(
        source, graph=Graph(model), inputs=tensor_specs(model.graph.input), preprocess=Preprocess(image=pixels)
    )


def _zero_point(stem: Stem) -> int:
    """Return the whole number of a pixel that is nearest to the mean colour, at most the middle."""
    return int(np.clip(np.rint(np.mean(-stem.shift / stem.gain)), 0, _MIDDLE))


def _folded(weight: Floats, stem: Stem, order: Sequence[int], zero: int) -> npt.NDArray[np.float32]:
    """Return the weights of the first convolution for pixels less the zero point, in OpenCV's order, and for 255.

    Grey pictures get the channel of 255 only where a shift is left; coloured ones always do.

    Args:
        weight: The weights for the model's own input [out, channels, height, width].
        stem: What was done to a pixel before it.
        order: For each channel of OpenCV's picture, the channel of the model.
        zero: The zero point.
    """
    each = (1, -1, 1, 1)
    gains = (weight * stem.gain.reshape(each))[:, order]
    left = stem.shift + stem.gain * zero
    shift = (weight * left.reshape(each)).sum(axis=1, keepdims=True) / (_WHITE - zero)
    exact = np.abs(left / stem.gain).max() < _EXACT
    parts = [gains] if len(order) == 1 and exact else [gains, shift]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _rewired(graph: Graph, stem: Stem, weight: npt.NDArray[np.float32], pixels: ImageSteps, zero: int) -> Model:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    name = graph.inputs[0]
    planes, floats, centred, mean, weights = (
        graph.fresh(f"{name}_{part}") for part in ("planes", "floats", "centred", "mean", "weights")
    )
    layer = onnx.NodeProto()
    layer.CopyFrom(stem.layer)
    layer.input[0], layer.input[1] = centred, weights
    feed = [
        helper.make_node("Transpose", [name], [planes], planes, perm=[0, 3, 1, 2]),
        helper.make_node("Cast", [planes], [floats], floats, to=TensorProto.FLOAT),
        helper.make_node("Sub", [floats, mean], [centred], centred),
    ]
    rest = [node for node in graph.nodes if node.name not in stem.before]
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend([*feed, *(layer if node.name == layer.name else node for node in rest)])
    model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.UINT8, pixels.shape))
    model.graph.initializer.append(numpy_helper.from_array(weight, weights))
    model.graph.initializer.append(numpy_helper.from_array(np.array(zero, np.float32), mean))
    drop_unread(model)
    _raise_opset(model)
    return onnx.shape_inference.infer_shapes(model, data_prop=True)


def _raise_opset(model: Model) -> None:
    """Say that the operators are of set 14: from 13 to 14 those for inference only got more types and options."""
    import onnx

    entry = next(entry for entry in model.opset_import if entry.domain in {"", "ai.onnx"})
    entry.version = max(entry.version, _SUM_OPSET)
    model.ir_version = max(
        model.ir_version, onnx.helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    )
