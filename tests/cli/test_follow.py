from __future__ import annotations

import pytest

from edge_sdk.cli.follow import told_followers
from edge_sdk.errors import InputError
from edge_sdk.runtime.follow import EventFollower, TrackFollower

NOTHING = {"track": False, "lines": (), "zones": (), "events": None, "quiet": ()}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"track": True}, TrackFollower),
        ({"lines": ["door=1,2,3.5,4"], "zones": ["bay=0,0,10,10", "corner=0,0,5,0,0,5"]}, TrackFollower),
        ({"events": 0.7, "quiet": ["silence"]}, EventFollower),
    ],
)
def test_what_is_asked_for_is_followed(told, kind):
    assert type(told_followers(**{**NOTHING, **told})()) is kind


def test_nothing_is_followed_unasked():
    assert told_followers(**NOTHING) is None


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"lines": ["door=1,2,3"]}, "--line: expected NAME=x1,y1,x2,y2 in pixels, got 'door=1,2,3'"),
        ({"lines": ["1,2,3,4"]}, "--line: expected NAME=x1,y1,x2,y2 in pixels, got '1,2,3,4'"),
        ({"lines": ["a=1,2,3,4,5,6"]}, "--line: expected NAME=x1,y1,x2,y2 in pixels, got 'a=1,2,3,4,5,6'"),
        ({"zones": ["bay=1,b"]}, "--zone: expected NAME=x1,y1,x2,y2[,x3,y3,…] in pixels, got 'bay=1,b'"),
        ({"zones": ["bay=1,1,1,1"]}, "zone bay: expected three different corners or more, got 1"),
        ({"events": 0.5, "track": True}, "--events: expected it alone, got --track, --line or --zone too"),
        ({"quiet": ["silence"]}, "--quiet-class: expected --events too, got none"),
    ],
)
def test_what_is_wrong_is_told(told, message):
    with pytest.raises(InputError) as caught:
        told_followers(**{**NOTHING, **told})
    assert str(caught.value) == message
