"""The wheels that a board installs, collected on the laptop, so that the board needs no internet.

- What is wanted: edge-sdk itself as it is installed here, all that it requires on the board, and pip's own wheel, since
  Debian and Ubuntu ship no pip with their Python.
- Distributions that the board keeps, such as a vendor's onnxruntime for its GPU, do not come, nor what only they need.
"""

from edge_sdk.flash.wheels.collect import Wheels, collect

__all__ = ["Wheels", "collect"]
