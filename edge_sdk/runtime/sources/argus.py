"""The pipeline of a Jetson's camera: sensor and image processor (Argus), scaler, and the newest picture."""

from __future__ import annotations

from fractions import Fraction

_MOST_DENOMINATOR = 1001


def argus_pipeline(
    number: int, sensor_wh: tuple[int, int], *, fps: float, size_wh: tuple[int, int] | None = None
) -> tuple[str, ...]:
    """Return a pipeline's words, to be followed by a sink that takes NV12.

    Args:
        number: Of the sensor.
        sensor_wh: What the image processor delivers; Argus takes the sensor mode that is nearest.
        fps: Pictures a second.
        size_wh: What the scaler makes of it; None leaves it.
    """
    rate = Fraction(fps).limit_denominator(_MOST_DENOMINATOR)
    sensor = f"video/x-raw(memory:NVMM),width={sensor_wh[0]},height={sensor_wh[1]},format=NV12"
    width, height = size_wh or sensor_wh
    return (
        *("nvarguscamerasrc", f"sensor-id={number}", "!"),
        *(f"{sensor},framerate={rate.numerator}/{rate.denominator}", "!"),
        *("nvvidconv", "!", f"video/x-raw,width={width},height={height},format=NV12"),
    )
