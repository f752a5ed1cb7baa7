"""An engine with one operator wrong, as engines really get them wrong: `mode` says which. Loaded by its path."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops import op_average_pool, op_conv, op_leaky_relu, op_quantize_linear, op_resize, op_round

from edge_sdk.convert.engines.reference import mended_operators


class RoundHalfUp(op_round.Round):
    """Rounds halves up, where ONNX rounds them to the even one."""

    def _run(self, x):
        return (np.floor(x + 0.5).astype(x.dtype),)


class QuantizeDown(op_quantize_linear._CommonQuantizeLinear):
    """Cuts, where ONNX rounds."""

    def _run(self, x, scale, zero_point=None, **attributes):
        return super()._run(x - np.asarray(scale) / 2, scale, zero_point, **attributes)


class ConvPadsOtherSide(op_conv.Conv):
    """Pads the other side, as a framework with SAME_LOWER does."""

    def _run(self, x, w, b=None, **attributes):
        pads = attributes["pads"]
        half = len(pads) // 2
        return super()._run(x, w, b, **{**attributes, "pads": [*pads[half:], *pads[:half]]})


class AverageCountsPads(op_average_pool.AveragePool_19):
    """Divides by the whole window, pads and all."""

    def _run(self, x, **attributes):
        return super()._run(x, **{**attributes, "count_include_pad": 1})


class ResizeFromTheCorner(op_resize.Resize):
    """Takes corners for centres."""

    def _run(self, x, *others, **attributes):
        return super()._run(x, *others, **{**attributes, "coordinate_transformation_mode": "asymmetric"})


class LeakyByDefault(op_leaky_relu.LeakyRelu):
    """Overlooks the attribute, and takes the default."""

    def _run(self, x, alpha=None):
        return super()._run(x, alpha=0.01)


WRONG = {
    "Round": RoundHalfUp,
    "QuantizeLinear": QuantizeDown,
    "Conv": ConvPadsOtherSide,
    "AveragePool": AverageCountsPads,
    "Resize": ResizeFromTheCorner,
    "LeakyRelu": LeakyByDefault,
}


def versions():
    return {"broken": "1.0"}


def open_model(order):
    match order.mode:
        case "crash":
            os.kill(os.getpid(), signal.SIGILL)
        case "hang":
            time.sleep(600)
        case "refuse":
            raise NotImplementedError("no such operator:\nConv")
    outputs = list(order.outputs)
    if order.mode == "only its own outputs" and len(outputs) > 2:
        raise ValueError("takes two outputs")
    wrong = WRONG["Conv" if order.mode == "only its own outputs" else order.mode]
    wrong = type(order.mode if order.mode in WRONG else "Conv", (wrong,), {"op_domain": ""})
    model = onnx.load(order.model)
    evaluator = ReferenceEvaluator(model, new_ops=[wrong, *mended_operators(model)])
    return lambda feed: dict(zip(outputs, evaluator.run(None, feed), strict=True))
