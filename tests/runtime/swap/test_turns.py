from __future__ import annotations

import sys

from edge_sdk.runtime.swap.turns import short_turns


def test_turns_are_short_until_the_last_block_ends():
    usual_s = sys.getswitchinterval()
    first, second = short_turns(), short_turns()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() < usual_s
    second.__exit__(None, None, None)
    assert sys.getswitchinterval() == usual_s
