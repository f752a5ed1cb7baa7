"""Trees of /sys with real bytes, as the kernel lays them out."""

from __future__ import annotations

import os
import struct


def lay(folder, files):
    """Write files below a folder, by their path."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text}\n")
    return folder


def accelerometer(root, *, clock="realtime"):
    """Lay out an accelerometer of two axes with a buffer; return its folder and an end to write scans to."""
    folder = root / "sys/bus/iio/devices/iio:device0"
    lay(
        folder,
        {
            "name": "accel3d",
            "sampling_frequency": "100",
            "current_timestamp_clock": clock,
            "in_accel_scale": "0.5",
            "in_accel_y_offset": "4",
            "buffer/enable": "0",
            "buffer/length": "2",
            "trigger/current_trigger": "",
            "scan_elements/in_accel_x_en": "0",
            "scan_elements/in_accel_x_index": "0",
            "scan_elements/in_accel_x_type": "le:s12/16>>4",
            "scan_elements/in_accel_y_en": "0",
            "scan_elements/in_accel_y_index": "1",
            "scan_elements/in_accel_y_type": "be:u16/32>>8",
            "scan_elements/in_accel_z_en": "1",
            "scan_elements/in_accel_z_index": "2",
            "scan_elements/in_accel_z_type": "le:s16/16>>0",
            "scan_elements/in_timestamp_en": "0",
            "scan_elements/in_timestamp_index": "3",
            "scan_elements/in_timestamp_type": "le:s64/64>>0",
        },
    )
    (root / "dev").mkdir()
    os.mkfifo(root / "dev/iio:device0")
    return folder, os.open(root / "dev/iio:device0", os.O_RDWR)


def scan(x, y, stamp_ns):
    """Pack a scan of both axes: 2 bytes, 2 of room, 4 bytes, 8 bytes of stamp."""
    return struct.pack("<H2x", (x << 4) & 0xFFFF) + struct.pack(">I", y << 8) + struct.pack("<q", stamp_ns)
