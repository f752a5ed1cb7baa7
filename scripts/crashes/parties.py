"""What is tried: one line a party, with how many faults it tries in the whole form and in the small one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scripts.crashes import clock, damage, disk, kills, whole
from scripts.crashes.fault import Party


class Share(NamedTuple):
    """How often a party tries."""

    tries: Party
    whole: int
    small: int


PARTIES: Mapping[str, Share] = {
    "lines": Share(kills.at_lines, 600, 10),
    "moments": Share(kills.at_moments, 400, 8),
    "row": Share(kills.in_a_row, 120, 4),
    "cuts": Share(kills.as_power_cuts, 300, 5),
    "files": Share(damage.damaged_files, 1000, 12),
    "links": Share(damage.all_links_lost, 36, 2),
    "disk": Share(disk.full_disks, 320, 0),
    "limit": Share(disk.limited_files, 60, 1),
    "whole": Share(whole.whole_agents, 40, 0),
    "clock": Share(clock.wrong_clocks, 16, 2),
}
