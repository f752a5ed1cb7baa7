"""The only room that talks MQTT: topics and bytes, over paho.

- What is published counts as taken when the broker has acknowledged it; a few may be on their way, others wait.
- Credentials and certificates come from a file, never from an address.
- `Listener` and `Publisher` serve one topic each, and leave connecting again to paho; `link.Link` is for programs that
  run for months: it has one thread of ours, tells all that happens, and promises nothing that it has not seen.
"""

from edge_sdk.broker.access import Access, read_access
from edge_sdk.broker.address import Topic, Will
from edge_sdk.broker.listener import Listener, Message
from edge_sdk.broker.publisher import Publisher

__all__ = ["Access", "Listener", "Message", "Publisher", "Topic", "Will", "read_access"]
