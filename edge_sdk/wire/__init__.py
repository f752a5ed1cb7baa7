"""What device and fleet say to each other: topics, messages, releases. Pure: no broker, disk or clock (docs/wire.md).

- Messages are JSON documents with a `schema`; a field that this version does not know is passed over, a schema that it
  does not know is refused.
- What names a file or a topic is checked when a record is built, so that a message cannot lead anywhere else.
"""

from edge_sdk.wire.document import decode, encode
from edge_sdk.wire.topics import Channel, Place

__all__ = ["Channel", "Place", "decode", "encode"]
