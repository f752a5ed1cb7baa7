"""Networks of known shape and no sense (their weights are zeros), to time by the cost model."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from edge_sdk.quantize.clean import clean_model
from edge_sdk.quantize.graph import Graph


class _Net:
    def __init__(self, channels, size):
        self.nodes, self.weights = [], []
        self.last, self.channels, self.size = "x", channels, size
        self.input = helper.make_tensor_value_info("x", 1, [1, channels, size, size])

    def conv(self, out, kernel, stride=1, group=1, *, relu=True):
        name = f"conv{len(self.nodes)}"
        weight = np.zeros((out, self.channels // group, kernel, kernel), np.float32)
        self.weights.append(numpy_helper.from_array(weight, f"{name}.w"))
        given = {"strides": [stride] * 2, "pads": [kernel // 2] * 4, "group": group, "kernel_shape": [kernel] * 2}
        self.nodes.append(helper.make_node("Conv", [self.last, f"{name}.w"], [name], name, **given))
        self.last, self.channels = name, out
        return self.relu() if relu else name

    def relu(self):
        name = f"relu{len(self.nodes)}"
        self.nodes.append(helper.make_node("Relu", [self.last], [name], name))
        self.last = name
        return name

    def add(self, other):
        name = f"add{len(self.nodes)}"
        self.nodes.append(helper.make_node("Add", [self.last, other], [name], name))
        self.last = name
        return self.relu()

    def pool(self):
        name = f"pool{len(self.nodes)}"
        given = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
        self.nodes.append(helper.make_node("MaxPool", [self.last], [name], name, **given))
        self.last = name

    def classes(self, count):
        self.nodes.append(helper.make_node("GlobalAveragePool", [self.last], ["mean"], "mean"))
        self.nodes.append(helper.make_node("Flatten", ["mean"], ["flat"], "flat"))
        self.weights.append(numpy_helper.from_array(np.zeros((self.channels, count), np.float32), "classes.w"))
        self.nodes.append(helper.make_node("Gemm", ["flat", "classes.w"], ["y"], "classes"))
        output = helper.make_tensor_value_info("y", 1, [1, count])
        graph = helper.make_graph(self.nodes, "net", [self.input], [output], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        return Graph(clean_model(model, where="net", max_opset=20))


def mobilenet_v1():
    """Return a network of the shape of MobileNet v1: 0.57 thousand million multiply-accumulates at 224 x 224."""
    net = _Net(3, 224)
    net.conv(32, 3, 2)
    for out, stride in [
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ]:
        net.conv(net.channels, 3, stride, net.channels)
        net.conv(out, 1)
    return net.classes(1000)


def resnet18():
    """Return a network of the shape of ResNet-18: 1.8 thousand million multiply-accumulates at 224 x 224."""
    net = _Net(3, 224)
    net.conv(64, 7, 2)
    net.pool()
    for out in (64, 64, 128, 128, 256, 256, 512, 512):
        source, channels = net.last, net.channels
        stride = 1 if out == channels else 2
        net.conv(out, 3, stride)
        main = net.conv(out, 3, relu=False)
        if out != channels:
            net.last, net.channels = source, channels
            source = net.conv(out, 1, stride, relu=False)
            net.last = main
        net.add(source)
    return net.classes(1000)
