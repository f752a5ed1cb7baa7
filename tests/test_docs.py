"""What the pages say: links lead somewhere, Python compiles, commands and their options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from edge_sdk.cli import app

ROOT = Path(__file__).parents[1]
COMMAND = get_command(app)  # made once: it takes a tenth of a second
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, *languages: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """Return the words of each `edge-sdk` command in the page's shell blocks."""
    text = "\n".join(blocks(page, "sh", "bash", "console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").strip() for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("edge-sdk ")]


@pages
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    files = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]
    assert [file for file in files if not (page.parent / file).exists()] == []


@pages
def test_python_compiles(page):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


@pages
def test_commands_exist_with_their_options(page):
    for words in commands(page):
        command = COMMAND
        for word in words[1:]:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert given or not hasattr(command, "commands"), f"{' '.join(words)} names no command"
        assert given <= known | {"--help", "-h"}, f"{' '.join(words)} has unknown options"
