"""Which operators TensorRT's ONNX parser imports, from which version on, and in which forms.

Sources: docs/operators.md of onnx-tensorrt in its releases 8.4, 8.5 and 10.15, and its docs/Changelog.md; for the DLA,
the operator list of NVIDIA's Deep-Learning-Accelerator-SW for TensorRT 8.6 and JetPack 5. Where the lists leave open
in which version between two of them an operator came, it is the later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_sdk.quantize.graph import Node, attributes

Version = tuple[int, ...]

NEVER: frozenset[str] = frozenset(
    {"AffineGrid", "Bernoulli", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Col2Im"}
    | {"CenterCropPad", "Compress", "ConcatFromSequence", "ConvInteger", "DFT", "Det", "DynamicQuantizeLinear"}
    | {"ImageDecoder", "MatMulInteger", "MaxRoiPool", "MaxUnpool", "MelWeightMatrix", "Multinomial"}
    | {"NegativeLogLikelihoodLoss", "Optional", "OptionalGetElement", "OptionalHasElement", "QLinearConv"}
    | {"QLinearMatMul", "RegexFullMatch", "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase"}
    | {"SequenceInsert", "SequenceLength", "SequenceMap", "SoftmaxCrossEntropyLoss", "SplitToSequence"}
    | {"StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "Unique"}
)
"""Operators that no version imports."""
SINCE: Mapping[str, Version] = {
    **dict.fromkeys(("Einsum", "IsNaN", "GatherND", "Scatter", "ScatterElements", "ScatterND", "Sign"), (8, 2)),
    **dict.fromkeys(("Round",), (8, 2)),
    **dict.fromkeys(("Shrink", "Xor"), (8, 4)),
    **dict.fromkeys(("RandomNormal", "RandomNormalLike", "MeanVarianceNormalization", "RoiAlign", "Mod"), (8, 5)),
    **dict.fromkeys(("Trilu", "GridSample", "NonZero", "Reciprocal", "OneHot", "HardSwish"), (8, 5)),
    **dict.fromkeys(("GroupNormalization", "LayerNormalization", "IsInf"), (8, 6)),
    **dict.fromkeys(("Hardmax", "CastLike"), (10, 0)),
    "DeformConv": (10, 1),
    **dict.fromkeys(("BlackmanWindow", "HammingWindow", "HannWindow"), (10, 4)),
    "STFT": (10, 5),
    **dict.fromkeys(("Attention", "Gelu", "Mish", "RMSNormalization", "RotaryEmbedding", "TensorScatter"), (10, 15)),
}
"""Operators that came after TensorRT 8.0, with the first version that imports them."""
SHAPE_FROM_VALUES = frozenset({"NonZero", "NonMaxSuppression", "Unique", "Compress", "SequenceLength"})
"""Operators of whose result the size depends on the values."""
CONTROL_FLOW = frozenset({"If", "Loop", "Scan"})
ON_DLA = frozenset(
    {"Abs", "Add", "AveragePool", "BatchNormalization", "Clip", "Concat", "Constant", "Conv", "ConvTranspose", "Equal"}
    | {"Gemm", "LeakyRelu", "LRN", "MatMul", "Max", "MaxPool", "Mul", "PRelu", "Relu", "Resize", "Sigmoid", "Slice"}
    | {"Softmax", "Sub", "Tanh", "Reshape", "Transpose"}
)
"""Operators that TensorRT gives to the DLA of an Orin as they are."""
_RESIZE_MODES = {b"nearest", b"linear"}
_RESIZE_COORDINATES = {b"half_pixel", b"pytorch_half_pixel", b"tf_half_pixel_for_nn", b"asymmetric", b"align_corners"}


def unsupported_form(node: Node) -> str:
    """Return what of an operator the parser does not import though it knows the operator; empty if nothing."""
    facts = attributes(node)
    if node.op_type == "Resize":
        return _of_resize(facts)
    if node.op_type in {"AveragePool", "MaxPool", "LpPool"} and set(facts.get("dilations", ())) - {1}:
        return f"dilations {list(facts['dilations'])}"
    if node.op_type == "MaxPool" and len(node.output) > 1 and node.output[1]:
        return "its indices as an output"
    if node.op_type in {"LSTM", "GRU", "RNN"} and (facts.get("layout", 0) or facts.get("input_forget", 0)):
        return "layout or input_forget"
    if node.op_type == "LayerNormalization" and any(node.output[1:]):
        return "mean and deviation as outputs"
    return ""


def _of_resize(facts: Mapping[str, Any]) -> str:
    mode = facts.get("mode", b"nearest")
    if mode not in _RESIZE_MODES:
        return f"mode {mode.decode()}"
    coordinates = facts.get("coordinate_transformation_mode", b"half_pixel")
    if coordinates not in _RESIZE_COORDINATES:
        return f"coordinate_transformation_mode {coordinates.decode()}"
    if facts.get("antialias", 0) or facts.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        return "antialias or an aspect ratio policy"
    return ""
