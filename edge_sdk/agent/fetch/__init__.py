"""Where a board's metadata and packages come from: HTTP(S), the broker, a folder. None of them is trusted."""

from edge_sdk.agent.fetch.folder import FolderSource
from edge_sdk.agent.fetch.http import HttpSource, Tls
from edge_sdk.agent.fetch.mqtt import MqttSource
from edge_sdk.agent.fetch.source import Source
from edge_sdk.agent.fetch.sources import FirstOf

__all__ = ["FirstOf", "FolderSource", "HttpSource", "MqttSource", "Source", "Tls"]
