"""From a blank card, an image or a board that runs to a board that has proven itself (docs/decisions/0049-one-kit.md).

- Everything that a board needs travels as one folder, the kit: no step on the board needs the internet.
- Imports neither agent nor fleet: a claim comes as bytes, and how a board fares is looked at through a protocol.
"""

from edge_sdk.flash.kit import Kit, Parcel
from edge_sdk.flash.system import BoardSystem

__all__ = ["BoardSystem", "Kit", "Parcel"]
