"""A board starts fast: importing the runtime loads no heavy library, and costs little beside NumPy."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, time
start_s = time.process_time()
import numpy
numpy_s = time.process_time() - start_s
import edge_sdk.runtime
ours_s = time.process_time() - start_s - numpy_s
print(numpy_s, ours_s, *{"cv2", "onnx", "onnxruntime", "rich", "typer"} & set(sys.modules))
"""


def test_importing_the_runtime_loads_nothing_heavy():
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert [heavy for _, _, *heavy in runs] == [[]] * 3
    assert min(float(ours_s) / float(numpy_s) for numpy_s, ours_s in runs) < 2.5
