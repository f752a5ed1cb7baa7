"""Our records have the layout that the compiler of this machine gives the kernel's header."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_sdk.runtime.sources.v4l2 import layouts

HEADER = Path("/usr/include/linux/videodev2.h")
CALLS = {
    "VIDIOC_QUERYCAP": layouts.QUERYCAP,
    "VIDIOC_ENUM_FMT": layouts.ENUM_FMT,
    "VIDIOC_G_FMT": layouts.G_FMT,
    "VIDIOC_S_FMT": layouts.S_FMT,
    "VIDIOC_REQBUFS": layouts.REQBUFS,
    "VIDIOC_QUERYBUF": layouts.QUERYBUF,
    "VIDIOC_QBUF": layouts.QBUF,
    "VIDIOC_DQBUF": layouts.DQBUF,
    "VIDIOC_STREAMON": layouts.STREAMON,
    "VIDIOC_STREAMOFF": layouts.STREAMOFF,
    "VIDIOC_G_PARM": layouts.G_PARM,
    "VIDIOC_S_PARM": layouts.S_PARM,
    "VIDIOC_ENUM_FRAMESIZES": layouts.ENUM_FRAMESIZES,
    "VIDIOC_ENUM_FRAMEINTERVALS": layouts.ENUM_FRAMEINTERVALS,
}
CONSTANTS = {
    "V4L2_BUF_TYPE_VIDEO_CAPTURE": layouts.BUFFER_TYPE_CAPTURE,
    "V4L2_MEMORY_MMAP": layouts.MEMORY_MMAP,
    "V4L2_CAP_VIDEO_CAPTURE": layouts.CAN_CAPTURE,
    "V4L2_CAP_VIDEO_CAPTURE_MPLANE": layouts.CAN_CAPTURE_PLANES,
    "V4L2_CAP_STREAMING": layouts.CAN_STREAM,
    "V4L2_CAP_TIMEPERFRAME": layouts.CAN_SET_RATE,
    "V4L2_BUF_FLAG_ERROR": layouts.IS_BROKEN,
    "V4L2_BUF_FLAG_TIMESTAMP_MASK": layouts.CLOCK_MASK,
    "V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC": layouts.CLOCK_MONOTONIC,
    "V4L2_BUF_FLAG_TSTAMP_SRC_MASK": layouts.STAMPED_MASK,
    "V4L2_BUF_FLAG_TSTAMP_SRC_SOE": layouts.STAMPED_AT_EXPOSURE,
    "V4L2_FRMSIZE_TYPE_DISCRETE": layouts.DISCRETE,
    "V4L2_PIX_FMT_MJPEG": layouts.fourcc_number("MJPG"),
    "V4L2_PIX_FMT_Y10": layouts.fourcc_number("Y10"),
}
PLACES = {
    "struct v4l2_capability, device_caps": layouts.Capability.device_caps,
    "struct v4l2_fmtdesc, pixelformat": layouts.FormatDescription.pixelformat,
    "struct v4l2_frmsizeenum, discrete.height": (layouts.FrameSize.size, 4),
    "struct v4l2_frmsizeenum, stepwise.max_height": (layouts.FrameSize.size, 16),
    "struct v4l2_frmivalenum, discrete": layouts.FrameInterval.shortest,
    "struct v4l2_format, fmt.pix.bytesperline": (layouts.Format.fmt, layouts.PixelFormat.bytesperline.offset),
    "struct v4l2_streamparm, parm.capture.timeperframe": (
        layouts.Parameters.parm,
        layouts.CaptureParameters.timeperframe.offset,
    ),
    "struct v4l2_buffer, timestamp.tv_usec": (layouts.Buffer.timestamp, ctypes.sizeof(ctypes.c_long)),
    "struct v4l2_buffer, sequence": layouts.Buffer.sequence,
    "struct v4l2_buffer, m.offset": layouts.Buffer.m,
    "struct v4l2_buffer, length": layouts.Buffer.length,
}


def values_of(expressions, folder):
    """Return what the compiler says that expressions are."""
    lines = "\n".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in expressions)
    source = folder / "layout.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <sys/time.h>\n#include <linux/videodev2.h>\n"
        f"int main(void) {{\n{lines}\n}}\n"
    )
    subprocess.run(["gcc", "-o", folder / "layout", source], check=True)
    return [int(line) for line in subprocess.check_output([folder / "layout"], text=True).split()]


@pytest.mark.skipif(not HEADER.exists() or not shutil.which("gcc"), reason="no C compiler with linux/videodev2.h")
def test_numbers_and_places_are_those_of_the_kernel_s_header(tmp_path):
    places = {f"offsetof({place})": at for place, at in PLACES.items()}
    expected = {**CALLS, **CONSTANTS}
    for place, at in places.items():
        expected[place] = at[0].offset + at[1] if isinstance(at, tuple) else at.offset
    assert dict(zip(expected, values_of(expected, tmp_path), strict=True)) == expected


def test_the_letters_of_a_pixel_format_come_back():
    assert layouts.fourcc_name(layouts.fourcc_number("MJPG")) == "MJPG"
    assert layouts.fourcc_name(layouts.fourcc_number("Y10")) == "Y10"
