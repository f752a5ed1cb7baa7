"""The systemd unit, as systemd itself understands it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_sdk.agent.unit import UnitOptions, unit

systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def analyze(tmp_path, *arguments, options):
    path = tmp_path / "edge-sdk-agent.service"
    path.write_text(unit(options))
    return subprocess.run(["systemd-analyze", *arguments, str(path)], capture_output=True, text=True, check=False)


@systemd
@pytest.mark.parametrize("folder", ["/var/lib/edge-sdk", "/srv/edge"])
def test_systemd_understands_every_line(tmp_path, folder):
    options = UnitOptions(Path("/bin/true"), Path(folder), user="root", groups=("video",), memory_mb=600)
    told = analyze(tmp_path, "verify", options=options)
    assert (told.returncode, [line for line in told.stderr.splitlines() if "edge-sdk-agent" in line]) == (0, [])


@systemd
def test_systemd_calls_its_exposure_low(tmp_path):
    told = analyze(tmp_path, "security", "--offline=true", "--threshold=25", options=UnitOptions(Path("/bin/true")))
    assert told.returncode == 0, told.stdout[-300:] + told.stderr


def test_what_it_says_of_the_board():
    text = unit(UnitOptions(Path("/opt/edge/bin/edge-sdk"), memory_mb=600))
    assert "ExecStart=/opt/edge/bin/edge-sdk agent run --state /var/lib/edge-sdk\n" in text
    assert "\nStateDirectory=edge-sdk\n" in text and "ReadWritePaths" not in text
    assert "\nMemoryMax=600000000\n" in text and "\nProtectHome=yes\n" in text
    elsewhere = unit(UnitOptions(Path("/home/pi/.venv/bin/edge-sdk"), Path("/srv/edge")))
    assert "\nReadWritePaths=/srv/edge\n" in elsewhere and "StateDirectory" not in elsewhere
    assert "MemoryMax" not in elsewhere and "\nProtectHome=read-only\n" in elsewhere
