"""What all commands share: their help, how errors and bugs end, what the terminal is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.main import get_command

import edge_sdk
from edge_sdk.cli import app, main, output

GOLDENS = Path(__file__).parents[1] / "goldens" / "help"
RENDERED_BY = "0.29."
HEAVY = {"numpy", "cv2", "onnx", "onnxruntime"}
WITH_BOOM = "import edge_sdk.cli as cli\ncli.app.command('boom')({body})\ncli.main()"


def commands(command=None, words=()):
    """Return the words of each command, by the command."""
    command = command or get_command(app)
    inner = getattr(command, "commands", {})
    below = {found: one for word, part in inner.items() for found, one in commands(part, (*words, word)).items()}
    return below or {words: command}


COMMANDS = commands()


@pytest.fixture
def edge_sdk_command(monkeypatch, capsys):
    """Run `edge-sdk`; return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["edge-sdk", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def boom(body, *options):
    """Run a command that does `body`, in a process of its own."""
    source = WITH_BOOM.format(body=body)
    command = [sys.executable, "-c", source, *options, "boom"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.skipif(not typer.__version__.startswith(RENDERED_BY), reason=f"help as typer {RENDERED_BY}x renders it")
@pytest.mark.parametrize("words", [(), *COMMANDS], ids=lambda words: "-".join(words) or "edge-sdk")
def test_the_help_is_the_golden_one(edge_sdk_command, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = edge_sdk_command(*words, "--help")
    golden = GOLDENS / f"{'-'.join(('edge-sdk', *words))}.txt"
    if "EDGE_SDK_REFRESH" in os.environ:
        golden.write_text(out)
    assert (code, err) == (0, "")
    assert out == golden.read_text(), "if this is what it should be: EDGE_SDK_REFRESH=1 pytest tests/cli/test_main.py"


def test_no_golden_help_is_left_over():
    names = {f"{'-'.join(('edge-sdk', *words))}.txt" for words in [(), *COMMANDS]}
    assert {path.name for path in GOLDENS.iterdir()} == names


@pytest.mark.parametrize("words", COMMANDS, ids="-".join)
def test_each_help_starts_with_a_verb_and_ends_with_an_example(words):
    text, _, example = (COMMANDS[words].help or "").partition("Example: ")
    assert re.match(r"(Check|Convert|List|Make|Measure|Put|Quantize|Run|Show|Tell|Write) ", text)
    assert example.split()[: 1 + len(words)] == ["edge-sdk", *words]
    assert "json" in {parameter.name.removeprefix("as_") for parameter in COMMANDS[words].params}


@pytest.mark.parametrize("arguments", [["--help"], ["quantize", "--help"], ["--version"], ["profiles", "list"]])
def test_what_needs_no_numbers_imports_nothing_heavy(arguments):
    source = f"""
import sys
from edge_sdk.cli import main
try:
    main()
except SystemExit as ended:
    print(ended.code or 0, *sorted({HEAVY} & sys.modules.keys()), file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", source, *arguments], capture_output=True, text=True, check=True)
    assert ended.stderr == "0\n"


def test_the_version_is_told(edge_sdk_command):
    assert edge_sdk_command("--version") == (0, f"edge-sdk {edge_sdk.__version__}\n", "")


def test_without_a_command_the_help_is_shown(edge_sdk_command):
    code, out, err = edge_sdk_command()
    assert code in {0, 2}
    assert "quantize" in out + err


def test_a_bug_is_one_line():
    body = "lambda: int('no\\n number')"
    code, out, err = boom(body)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        r"error: internal: ValueError: invalid literal for int() with base 10: 'no\n number'",
        "hint: this is a bug of edge-sdk; -vv shows where",
    ]
    assert "Traceback" in boom(body, "-vv")[2]


def test_what_the_system_refuses_is_one_line():
    code, out, err = boom("lambda: open('/proc/self/mem/x')")
    assert (code, out) == (5, "")
    assert err == "error: /proc/self/mem/x: expected what can be used, got Not a directory\n"


def test_several_mistakes_are_a_line_each(edge_sdk_command, tmp_path):
    (tmp_path / "p.toml").write_text("name = 3\n")
    code, out, err = edge_sdk_command("profiles", "check", str(tmp_path / "p.toml"))
    assert (code, out) == (3, "")
    assert len(err.splitlines()) > 3
    assert all(line.startswith(f"error: {tmp_path}/p.toml: ") for line in err.splitlines())


def test_what_others_wrote_cannot_drive_the_terminal(capsys):
    output.note("\x1b[2Jcleared\udcff")
    output.emit(None, ["\x9b31m red"], as_json=False)
    assert capsys.readouterr() == ("\ufffd31m red\n", "\ufffd[2Jcleared\ufffd\n")


def test_a_table_is_aligned():
    lines = list(output.table(("name", "size"), [("a", "1"), ("longer", "23")]))
    assert lines == ["name    size", "a       1", "longer  23"]


def test_progress_is_shown_on_a_terminal_only(capsys):
    with output.progress("measuring", 3) as advance:
        advance(3)
    assert capsys.readouterr() == ("", "")
