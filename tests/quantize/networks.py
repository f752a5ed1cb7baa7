"""Small networks in the styles that boards run: MobileNetV3, EfficientNet, YOLO with SiLU; of random weights."""

from __future__ import annotations

from functools import partial

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Network:
    """Writes a network operator by operator; each method takes the names of tensors and returns that of its result."""

    def __init__(self, opset, seed=0):
        self.opset, self.rng = opset, np.random.default_rng(seed)
        self.nodes, self.constants, self.channels = [], [], {}

    def op(self, op_type, *inputs, **attributes):
        result = f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [result], f"/{result}", **attributes))
        self.channels[result] = self.channels.get(inputs[0])
        return result

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def conv(self, x, channels, kernel=1, *, stride=1, group=1):
        inputs = self.channels[x] // group
        gain = np.sqrt(2 / (inputs * kernel * kernel))
        weight = self.constant(self.rng.standard_normal((channels, inputs, kernel, kernel)) * gain)
        bias = self.constant(self.rng.standard_normal(channels) * 0.2)
        settings = {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4, "strides": [stride] * 2, "group": group}
        result = self.op("Conv", x, weight, bias, **settings)
        self.channels[result] = channels
        return result

    def dense(self, x, inputs, outputs):
        weight = self.constant(self.rng.standard_normal((outputs, inputs)) / np.sqrt(inputs))
        return self.op("Gemm", x, weight, self.constant(np.zeros(outputs)), transB=1)

    def concat(self, *tensors):
        result = self.op("Concat", *tensors, axis=1)
        self.channels[result] = sum(self.channels[name] for name in tensors)
        return result

    def split(self, x, first):
        """Return the first channels of a tensor, and the others."""
        sizes = self.constant([first, self.channels[x] - first], np.int64)
        results = [f"split{len(self.nodes)}_{part}" for part in "ab"]
        self.nodes.append(helper.make_node("Split", [x, sizes], results, f"/split{len(self.nodes)}", axis=1))
        self.channels.update(zip(results, (first, self.channels[x] - first), strict=True))
        return results

    def mean(self, x, *, keepdims):
        if self.opset < 18:
            return self.op("ReduceMean", x, axes=[2, 3], keepdims=keepdims)
        return self.op("ReduceMean", x, self.constant([2, 3], np.int64), keepdims=keepdims)

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def hard_swish(self, x):
        """Return HardSwish, as an operator where the operator set has it, else written out as older exporters do."""
        if self.opset >= 14:
            return self.op("HardSwish", x)
        shifted = self.op("Add", x, self.constant(3.0))
        clipped = self.op("Clip", shifted, self.constant(0.0), self.constant(6.0))
        return self.op("Div", self.op("Mul", x, clipped), self.constant(6.0))

    def squeeze_and_excite(self, x, inner, *, activation, gate):
        squeezed = activation(self.conv(self.mean(x, keepdims=1), inner))
        return self.op("Mul", gate(self.conv(squeezed, self.channels[x])), x)

    def model(self, size_wh, outputs):
        width, height = size_wh
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, height, width])]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "g", inputs, ends, self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def started(opset):
    """Return a network that has its input."""
    network = Network(opset)
    network.channels["x"] = 3
    return network


def mobilenet_v3(opset):
    """Return a classifier of 80x64 pictures with HardSwish, ReLU, and gates of HardSigmoid."""
    net = started(opset)
    relu, gate = partial(net.op, "Relu"), partial(net.op, "HardSigmoid", alpha=1 / 6)
    x = net.hard_swish(net.conv("x", 16, 3, stride=2))
    for channels, kernel, stride, activation in ((16, 3, 2, relu), (24, 3, 1, relu), (24, 5, 1, net.hard_swish)):
        x = _inverted(net, x, (channels, kernel, stride), activation=activation, inner=relu, gate=gate)
    pooled = net.mean(net.hard_swish(net.conv(x, 96)), keepdims=0)
    return net.model((80, 64), [net.dense(net.hard_swish(net.dense(pooled, 96, 64)), 64, 10)])


def efficientnet(opset):
    """Return a classifier of 64x96 pictures with SiLU, and gates of Sigmoid."""
    net = started(opset)
    gate = partial(net.op, "Sigmoid")
    x = net.silu(net.conv("x", 16, 3, stride=2))
    for block in ((16, 3, 1), (24, 5, 2), (24, 3, 1)):
        x = _inverted(net, x, block, activation=net.silu, inner=net.silu, gate=gate)
    pooled = net.mean(net.silu(net.conv(x, 96)), keepdims=0)
    return net.model((64, 96), [net.dense(pooled, 96, 10)])


def efficientnet_lite(opset):
    """Return a classifier of 96x64 pictures with ReLU6, without gates."""
    net = started(opset)
    bounds = net.constant(0.0), net.constant(6.0)

    def relu6(x):
        return net.op("Clip", x, *bounds)

    x = relu6(net.conv("x", 16, 3, stride=2))
    for block in ((16, 3, 1), (24, 5, 2), (24, 3, 1)):
        x = _inverted(net, x, block, activation=relu6)
    pooled = net.op("GlobalAveragePool", relu6(net.conv(x, 96)))
    return net.model((96, 64), [net.dense(net.op("Flatten", pooled), 96, 10)])


def yolo(opset):
    """Return a detector of 96x64 pictures as YOLOv5 and v8 are: SiLU, C2f, SPPF, a pyramid, two heads."""
    net = started(opset)
    x = _conv_silu(net, "x", 16, 3, stride=2)
    x = _c2f(net, _conv_silu(net, x, 32, 3, stride=2), 32)
    fine = _c2f(net, _conv_silu(net, x, 32, 3, stride=2), 32)
    coarse = _sppf(net, _c2f(net, _conv_silu(net, fine, 64, 3, stride=2), 64))
    scales = net.constant([1, 1, 2, 2])
    up = net.op(
        "Resize", coarse, "", scales, mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"
    )
    fine = _c2f(net, net.concat(up, fine), 32)
    coarse = _c2f(net, net.concat(_conv_silu(net, fine, 32, 3, stride=2), coarse), 64)
    return net.model((96, 64), [_head(net, fine), _head(net, coarse)])


def _inverted(net, x, block, *, activation, inner=None, gate=None):
    """Return an inverted residual block of `block`: channels, kernel, stride."""
    channels, kernel, stride = block
    wide = activation(net.conv(x, 3 * channels))
    deep = activation(net.conv(wide, 3 * channels, kernel, stride=stride, group=3 * channels))
    if gate is not None:
        deep = net.squeeze_and_excite(deep, 8, activation=inner, gate=gate)
    narrow = net.conv(deep, channels)
    return net.op("Add", narrow, x) if stride == 1 and net.channels[x] == channels else narrow


def _conv_silu(net, x, channels, kernel=1, *, stride=1):
    return net.silu(net.conv(x, channels, kernel, stride=stride))


def _c2f(net, x, channels):
    half = channels // 2
    split = net.split(_conv_silu(net, x, channels), half)
    deep = _conv_silu(net, _conv_silu(net, split[1], half, 3), half, 3)
    return _conv_silu(net, net.concat(*split, net.op("Add", split[1], deep)), channels)


def _sppf(net, x):
    pools = [_conv_silu(net, x, net.channels[x] // 2)]
    for _ in range(3):
        pools.append(net.op("MaxPool", pools[-1], kernel_shape=[5, 5], pads=[2, 2, 2, 2]))
    return _conv_silu(net, net.concat(*pools), net.channels[x])


def _head(net, x):
    boxes = net.conv(_conv_silu(net, x, 16, 3), 16)
    scores = net.conv(_conv_silu(net, x, 16, 3), 5)
    return net.op("Reshape", net.concat(boxes, scores), net.constant([1, 21, -1], np.int64))
