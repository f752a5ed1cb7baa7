"""What results say over time: tracks of things, counts at lines and in zones, events that are heard.

Followers keep state from one outcome to the next, in seconds of the capture clock: dropped frames change how sure they
are, and not what a second is.
"""

from edge_sdk.runtime.follow.events import EventFollower, EventOptions
from edge_sdk.runtime.follow.lines import Line
from edge_sdk.runtime.follow.record import BySource, Follower
from edge_sdk.runtime.follow.tracks import TrackFollower
from edge_sdk.runtime.follow.zones import Zone

__all__ = ["BySource", "EventFollower", "EventOptions", "Follower", "Line", "TrackFollower", "Zone"]
