from __future__ import annotations

import pytest

from edge_sdk.agent.config import AgentConfig, OutboxRoom, Updates, read_config
from edge_sdk.agent.home_assistant_link import Neighbour
from edge_sdk.errors import InputError


def write(folder, text):
    (folder / "agent.toml").write_text(text)
    return folder


def test_one_source_is_enough(tmp_path):
    assert read_config(write(tmp_path, 'sources = ["camera:0"]')) == AgentConfig(sources=("camera:0",))


def test_all_that_can_be_said(tmp_path):
    text = """
        sources = ["camera:0", "camera:1"]
        sinks = ["web:8080"]
        profile = "raspberry-pi-5"
        policy = "newest"
        score_threshold = 0.4
        rate_hz = 5
        memory_mb = 500
        [updates]
        check_s = 600
        by = ["broker"]
        folder = "/media/usb"
        [outbox]
        results_mb = 16
        [home_assistant]
        broker = "mqtt://localhost"
    """
    config = read_config(write(tmp_path, text))
    assert config.updates == Updates(600, ("broker",), "/media/usb")
    assert config.home_assistant == Neighbour("mqtt://localhost")
    assert config.outbox == OutboxRoom(results_mb=16)
    assert config.patience.max_memory_bytes == 500_000_000
    begin = config.begin(tmp_path)
    assert begin.max_memory_bytes == 1_000_000_000 + (512 << 20)
    assert begin.outbox == str(tmp_path / "outbox.db")
    assert begin.outbox_bytes == {
        "results": 16_000_000,
        "events": 8_000_000,
        "metrics": 8_000_000,
        "diagnostics": 4_000_000,
    }
    assert (begin.package, begin.sources, begin.rate_hz) == ("", ("camera:0", "camera:1"), 5)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", ["sources: expected a list, got nothing"]),
        ("sources = []", ["sources: expected at least one, got none"]),
        ('sources = ["a"]\nsinc = []', ["sinc: unknown key; did you mean 'sinks'?"]),
        ('sources = ["a"]\n[updates]\nby = ["mail"]\ncheck_s = 0.5', ["updates.by[0]: expected"]),
        ('sources = ["a"]\n[updates]\ncheck_s = 0.5', ["updates.check_s: expected 1 or more, got 0.5"]),
        ('sources = ["a"]\n[outbox]\nresults_mb = 0', ["outbox.results_mb: expected 0.1 or more, got 0"]),
        ('sources = ["a"]\nrate_hz = -1\nscore_threshold = "x"', ["score_threshold: expected"]),
        ('sources = ["a"]\nprofile = "rasberry-pi-5"', ["rasberry-pi-5"]),
        ("sources = [", ["expected TOML"]),
    ],
)
def test_every_mistake_is_told_with_its_place(tmp_path, text, mistakes):
    with pytest.raises(InputError) as failure:
        read_config(write(tmp_path, text))
    for mistake in mistakes:
        assert mistake in str(failure.value)


def test_a_board_without_settings_is_told_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"agent\.toml: expected the agent's settings, got nothing there") as failure:
        read_config(tmp_path)
    assert failure.value.hint == "docs/how_to/agent.md"
