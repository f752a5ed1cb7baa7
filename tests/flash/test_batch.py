from __future__ import annotations

import pytest

from edge_sdk.errors import InputError
from edge_sdk.flash.batch import Result, Results, Row, read_batch


def written(tmp_path, text):
    path = tmp_path / "devices.csv"
    path.write_bytes(text.encode())
    return path


def test_rows_are_read_with_their_groups(tmp_path):
    path = written(tmp_path, "\ufeffdevice, target,groups\r\npress-4,a.img,hall-2; night\r\npress-5,ssh://pi@b,\r\n")
    assert read_batch(path) == (Row("press-4", "a.img", groups=("hall-2", "night")), Row("press-5", "ssh://pi@b"))


def test_one_drive_may_take_all_cards(tmp_path):
    path = written(tmp_path, "device\npress-4\npress-5\n")
    assert [row.device for row in read_batch(path, target="/dev/sdb")] == ["press-4", "press-5"]
    named = written(tmp_path, "device,target\npress-4,/dev/sdb\npress-5,/dev/sdb\n")
    assert len(read_batch(named)) == 2


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("device,target\npress-4,a.img\npress-4,b.img\n", "device: expected each once, got 'press-4' 2 times"),
        ("device,target\na,a.img\nb,a.img\n", "target: expected each once, got 'a.img' 2 times"),
        ("device\npress-4\n", "line 2: target: expected where it goes, got nothing"),
        ("device,target\n../x,a.img\n", "line 2: device or group: expected letters"),
        ("device,target\na,a.img,more\n", "line 2: expected 2 columns, got more"),
        ("device,where\na,b\n", "expected the columns device, target"),
        ("device,device\na,b\n", "expected the columns device, target"),
        ("device,target\n", "expected at least one board, got none"),
        ("", "expected the columns device"),
    ],
)
def test_a_mistake_is_told_before_the_first_board(tmp_path, text, wrong):
    with pytest.raises(InputError) as caught:
        read_batch(written(tmp_path, text))
    assert wrong in str(caught.value)


def test_text_that_is_not_utf8_is_told(tmp_path):
    (tmp_path / "devices.csv").write_bytes(b"device\npr\xe4sse\n")
    with pytest.raises(InputError, match="expected CSV in UTF-8"):
        read_batch(tmp_path / "devices.csv")


def test_results_outlive_the_batch_and_say_who_is_done(tmp_path):
    batch = tmp_path / "devices.csv"
    results = Results(batch)
    results.add(Result("a", "a.img", "failed", "no, room", "", 1))
    results.add(Result("a", "a.img", "flashed", "", "0f", 2))
    results.add(Result("b", "b.img", "failed", 'it said "no"\nand went', "", 3))
    again = Results(batch)
    assert again.is_done("a", wanted="flashed")
    assert not again.is_done("a", wanted="proven")
    assert not again.is_done("b", wanted="flashed")
    assert not again.is_done("c", wanted="flashed")
    again.add(Result("b", "b.img", "proven", "", "0f", 4))
    assert Results(batch).is_done("b", wanted="flashed")


def test_a_file_that_holds_no_results_is_told(tmp_path):
    (tmp_path / "devices.results.csv").write_text("device,state\na,flown\n")
    with pytest.raises(InputError, match="state: expected one of 'flashed'"):
        Results(tmp_path / "devices.csv")
