"""Write the pages of `docs/` that are made from the code: `cli.md` and `errors.md`.

They come from names, help texts and defaults, not from rendered help, so that no release of typer changes them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from edge_sdk.cli import INTERRUPTED, app
from edge_sdk.errors import EdgeError

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- made by scripts/docs: change the code, not this page -->"


def cli_page() -> Iterator[str]:
    """Yield the lines of the page of the command line."""
    yield from ("# The command line", "", MADE, "", app.info.help or "", "")
    yield "The answer goes to stdout, all else to stderr. Exit codes are told in [errors.md](errors.md)."
    for name, command in _commands("edge-sdk", get_command(app)):
        yield from _section(name, command)


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, one in inner.items():
        yield from _commands(f"{name} {word}", one)


def _section(name: str, command: Any) -> Iterator[str]:
    text, _, example = (command.help or "").partition("Example:")
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    yield from ("", f"## {' '.join([name, *map(_placeholder, arguments)])}", "", " ".join(text.split()))
    if example:
        yield from ("", "```sh", " ".join(example.split()), "```")
    yield from ("", "| | |", "|---|---|")
    yield from (f"| `{_placeholder(one)}` | {one.help or ''} |" for one in arguments)
    yield from (f"| {_flags(one)} | {_meaning(one)} |" for one in options)


def _placeholder(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _flags(option: Any) -> str:
    return ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))


def _meaning(option: Any) -> str:
    said = [option.help or ""]
    if option.required:
        said.append("Required.")
    elif option.default not in (None, False, (), [], "") and option.show_default and not callable(option.default):
        said.append(f"Default: `{getattr(option.default, 'value', option.default)}`.")
    return " ".join(said).replace("|", "\\|")


def errors_page() -> Iterator[str]:
    """Yield the lines of the page of errors and exit codes."""
    yield from ("# Errors and exit codes", "", MADE, "")
    yield "edge-sdk raises four families of errors on purpose. Each says what to do next, in a program and in a shell."
    yield "On the command line an error is `error: place: expected X, got Y` and, where the cure is known, `hint: …`."
    yield from ("", "| Exit code | Error | Meaning |", "|---|---|---|")
    yield "| 0 | | success |"
    yield f"| {EdgeError.exit_code} | `EdgeError` | {_first_line(EdgeError)} One that arrives bare is a bug of ours. |"
    yield "| 2 | | usage: the command line itself is wrong |"
    families = sorted(EdgeError.__subclasses__(), key=lambda family: family.exit_code)
    yield from (f"| {family.exit_code} | `{family.__name__}` | {_first_line(family)} |" for family in families)
    yield f"| {INTERRUPTED} | | interrupted by Ctrl-C |"


def _first_line(family: type[EdgeError]) -> str:
    return (family.__doc__ or "").splitlines()[0]


def main() -> int:
    """Write the pages, or with `--check` tell which are out of date."""
    pages = {"cli.md": cli_page, "errors.md": errors_page}
    texts = {DOCS / name: "\n".join(page()) + "\n" for name, page in pages.items()}
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"error: {path.relative_to(DOCS.parent)}: expected what the code says, got another text")
        if stale:
            print("hint: run scripts/docs")
        return bool(stale)
    for path in stale:
        path.write_text(texts[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
