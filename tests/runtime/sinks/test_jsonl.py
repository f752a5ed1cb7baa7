from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing

import numpy as np
import pytest

from edge_sdk.errors import InputError, UnavailableError
from edge_sdk.runtime import Run, open_sink
from edge_sdk.runtime.frame import Outcome, Sample, Timings
from edge_sdk.tasks import TensorResult
from tests.fakes import Replay
from tests.runtime.models import card

SOURCE = Replay([])
SAMPLE = Sample(np.zeros((2, 2, 3), np.uint8), 3, 5, "file", "clip.mp4")


def outcome(value=1.0, *, source="clip.mp4"):
    result = TensorResult({"y": np.array([value])})
    return Outcome(3, 5, "file", source, "ab", result, (), Timings(1.0, 2.00049, 3.0), None)


def test_each_result_is_a_line(tmp_path, colors):
    sink = open_sink(f"jsonl:{tmp_path}/new/results.jsonl", SOURCE)
    Run(colors, Replay([card("red"), card("blue")]), sinks=[sink]).execute()
    rows = [json.loads(line) for line in (tmp_path / "new/results.jsonl").read_text().splitlines()]
    assert [row["value"]["classes"][0]["label"] for row in rows] == ["red", "blue"]


def test_a_line_has_the_fields_that_are_promised(tmp_path):
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl", SOURCE)
    sink.write(SAMPLE, outcome())
    assert json.loads((tmp_path / "r.jsonl").read_text()) == {
        "seq": 3,
        "captured_ns": 5,
        "clock": "file",
        "source": "clip.mp4",
        "model": "ab",
        "age_ms": None,
        "timings": {"preprocess_ms": 1.0, "infer_ms": 2.0, "decode_ms": 3.0},
        "value": {"tensors": {"y": [1.0]}},
    }


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_json_cannot_say_is_null(tmp_path, value):
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl", SOURCE)
    sink.write(SAMPLE, outcome(value))
    assert json.loads((tmp_path / "r.jsonl").read_text())["value"] == {"tensors": {"y": [None]}}


def test_a_name_that_is_no_text_is_written(tmp_path):
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl", SOURCE)
    sink.write(SAMPLE, outcome(source="b\udcff.jpg"))
    assert json.loads((tmp_path / "r.jsonl").read_bytes())["source"] == "b\udcff.jpg"


@pytest.mark.parametrize(("before", "after"), [("{}\n", ["{}"]), ('{}\n{"seq": 1', ["{}", '{"seq": 1'])])
def test_a_file_that_is_there_is_continued_on_a_new_line(tmp_path, before, after):
    (tmp_path / "r.jsonl").write_text(before)
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl", SOURCE)
    sink.write(SAMPLE, outcome())
    *kept, last = (tmp_path / "r.jsonl").read_text().splitlines()
    assert kept == after
    assert json.loads(last)["seq"] == 3


def test_a_full_disk_is_told():
    sink = open_sink("jsonl:/dev/full", SOURCE)
    with pytest.raises(UnavailableError, match=r"^/dev/full: expected room to write, got a full disk$"):
        sink.write(SAMPLE, outcome())
    sink.close()
    sink.close()


def test_a_line_that_the_disk_cuts_short_is_taken_back(tmp_path):
    program = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from tests.runtime.sinks.test_jsonl import *
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
sink = open_sink("jsonl:{tmp_path}/r.jsonl", SOURCE)
try:
    while True:
        sink.write(SAMPLE, outcome())
except UnavailableError as exc:
    print(exc)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == f"{tmp_path}/r.jsonl: expected room to write, got a full disk\n"
    text = (tmp_path / "r.jsonl").read_text()
    assert 700 < len(text) < 1000
    assert text.endswith("}\n")


@pytest.mark.parametrize("uri", ["jsonl", "jsonl:", "csv:x", "console:x", ""])
def test_a_sink_that_is_not_understood_is_told(uri):
    with pytest.raises(InputError) as caught:
        open_sink(uri, SOURCE)
    assert str(caught.value).startswith(
        "sink: expected console, none, jsonl:PATH, jsonl:-, mqtt://HOST/TOPIC, video:PATH, keep:FOLDER, "
        f"record:FOLDER or web:PORT, got '{uri}'"
    )


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match=r"file/r.jsonl: expected a place to write, got File exists$"):
        open_sink(f"jsonl:{tmp_path}/file/r.jsonl", SOURCE)


def test_a_full_file_makes_room_for_a_new_one(tmp_path):
    size = len(json.dumps(outcome().to_data()).encode()) + 1
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl?max_mb={2.5 * size / 1e6:.9f}&keep=2", SOURCE)
    for value in range(9):
        sink.write(SAMPLE, outcome(float(value)))
    kept = [tmp_path / name for name in ("r.jsonl.2", "r.jsonl.1", "r.jsonl")]
    values = [[json.loads(line)["value"]["tensors"]["y"][0] for line in path.read_text().splitlines()] for path in kept]
    assert values == [[4, 5], [6, 7], [8]]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_restart_continues_the_file_in_hand(tmp_path):
    uri = f"jsonl:{tmp_path}/r.jsonl?max_mb=1"
    for value in (1.0, 2.0):
        with closing(open_sink(uri, SOURCE)) as sink:
            sink.write(SAMPLE, outcome(value))
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 2


def test_keeping_none_keeps_the_file_in_hand_alone(tmp_path):
    sink = open_sink(f"jsonl:{tmp_path}/r.jsonl?max_mb=0.000001&keep=0", SOURCE)
    for value in (1.0, 2.0):
        sink.write(SAMPLE, outcome(value))
    assert [path.name for path in tmp_path.iterdir()] == ["r.jsonl"]
    assert json.loads((tmp_path / "r.jsonl").read_text())["value"]["tensors"]["y"] == [2.0]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("jsonl:r.jsonl?max_mb=0", "max_mb: expected more than 0, got 0"),
        ("jsonl:r.jsonl?keep=-1", "keep: expected 0 or more, got -1"),
        ("jsonl:-?max_mb=1", "expected a file for max_mb, got the standard output"),
        ("jsonl:r.jsonl?colour=red", "colour"),
    ],
)
def test_a_wrong_option_is_refused(uri, message):
    with pytest.raises(InputError) as refused:
        open_sink(uri, SOURCE)
    assert message in str(refused.value)
