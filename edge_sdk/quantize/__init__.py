"""Float ONNX, a profile and samples in; one variant a family, within an accuracy budget, and a report out."""

from edge_sdk.quantize.declare import ImageFlags, class_names_from_file, preprocess_from_file
from edge_sdk.quantize.job import check_data, quantize
from edge_sdk.quantize.plan import plan_of_file
from edge_sdk.quantize.request import QuantRequest

__all__ = [
    "ImageFlags",
    "QuantRequest",
    "check_data",
    "class_names_from_file",
    "plan_of_file",
    "preprocess_from_file",
    "quantize",
]
