"""From what a source delivers to what the model takes, declared once and used by calibration and by the runtime."""

from edge_sdk.preprocess.image import prepare_image
from edge_sdk.preprocess.record import ImageSteps, Preprocess
from edge_sdk.preprocess.restore import restore_image
from edge_sdk.preprocess.window import cut_windows, prepare_window
from edge_sdk.preprocess.window_record import WindowSteps

__all__ = ["ImageSteps", "Preprocess", "WindowSteps", "cut_windows", "prepare_image", "prepare_window", "restore_image"]
