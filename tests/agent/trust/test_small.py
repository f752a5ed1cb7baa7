import subprocess
import sys

_SOURCE = """
import sys
import edge_sdk.agent.trust, edge_sdk.agent.fetch, edge_sdk.agent.time_floor
print(*sorted({"tuf", "securesystemslib", "cryptography", "numpy", "onnxruntime", "cv2"} & sys.modules.keys()))
"""


def test_trust_and_fetching_bring_nothing_heavy_into_the_agent():
    assert subprocess.check_output([sys.executable, "-c", _SOURCE], text=True).split() == []
