"""Runs a page of docs/how_to as a reader does who copies all of it into one folder.

- Python blocks come first, in the order of the page. A block that begins with `# NAME.py` becomes that file; others are
  scripts, and run.
- Then come the commands of shell blocks and tables, in the order of the page: `edge-sdk …` and `python NAME.py`. Each
  must exit with 0. An extra that `pip install` names must exist.
- What a page only speaks of (pictures, a model of the reader's) is put into the folder by the test before.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how_to"
LIMIT_S = 600
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_IN_TABLE = re.compile(r"^\|.*`(edge-sdk [^`]+)`.*\|$", re.MULTILINE)
_COMMAND = re.compile(r"^(?:\$ )?((?:edge-sdk|python|pip) .*)$", re.MULTILINE)
_FILE = re.compile(r"# (\w+\.py)\b")
_EXTRAS = re.compile(r"edge-sdk\[([\w,-]+)\]")
_EDGE_SDK = ("-c", "import sys; from edge_sdk.cli import main; sys.argv[0] = 'edge-sdk'; main()")


def run_page(name: str, folder: Path) -> str:
    """Run the page `docs/how_to/NAME.md` in a folder; return what its commands said."""
    text = (PAGES / f"{name}.md").read_text()
    for language, block in _BLOCK.findall(text):
        if language == "python":
            _keep_or_run(block, folder)
    told = [_run(words, folder) for words in commands_of(text)]
    assert told, f"{name}.md has no command"
    return "\n".join(told)


def commands_of(text: str) -> list[list[str]]:
    """Return the words of each command of a page, in order."""
    found: dict[int, str] = {at.start(1): at[1] for at in _IN_TABLE.finditer(text)}
    for block in _BLOCK.finditer(text):
        if block[1] in {"sh", "bash", "console"}:
            lines = block[2].replace("\\\n", "  ")  # as long as before: the place in the page is the order
            found |= {block.start(2) + at.start(1): at[1] for at in _COMMAND.finditer(lines)}
    return [shlex.split(found[place], comments=True) for place in sorted(found)]


def _keep_or_run(block: str, folder: Path) -> None:
    if named := _FILE.match(block):
        (folder / named[1]).write_text(block)
    else:
        _python(("-c", block), folder)


def _run(words: list[str], folder: Path) -> str:
    program, *arguments = words
    if program == "pip":
        _require_extras(" ".join(arguments))
        return ""
    return _python(arguments if program == "python" else (*_EDGE_SDK, *arguments), folder)


def _python(arguments: list[str] | tuple[str, ...], folder: Path) -> str:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, f"{shlex.join(arguments)}: exit code {done.returncode}\n{told}"
    return told


def _require_extras(arguments: str) -> None:
    known = set(re.findall(r"^([\w-]+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    for extras in _EXTRAS.findall(arguments):
        assert set(extras.split(",")) <= known, f"pip install {arguments}: expected extras of pyproject.toml"
