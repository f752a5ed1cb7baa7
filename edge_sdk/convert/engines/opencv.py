"""OpenCV's dnn module, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from edge_sdk.convert.engines.child import Feed, Order, Run


def versions() -> dict[str, str]:
    """Return OpenCV's version."""
    import cv2

    return {"opencv": str(cv2.__version__)}


def open_model(order: Order) -> Run:
    """Open a model."""
    import cv2

    net = cv2.dnn.readNetFromONNX(str(order.model))
    names = list(net.getUnconnectedOutLayersNames())

    def run(values: Feed) -> Feed:
        for name, array in values.items():
            net.setInput(array, name)
        return {name: np.array(array) for name, array in zip(names, net.forward(names), strict=True)}

    return run
