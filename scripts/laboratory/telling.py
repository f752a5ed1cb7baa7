"""How a program in the emulated machine tells what its steps gave: one line, found by its mark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

MARK = "lab-result "
"""What stands before what the program gives back."""


def tell(steps: Mapping[str, Callable[[], Any]]) -> None:
    """Take steps in their order, and print what each gave, or how it failed: the others go on."""
    print(MARK + json.dumps({name: _attempt(step) for name, step in steps.items()}), flush=True)


def _attempt(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Exception as exc:  # noqa: BLE001  told by name, and asserted on
        return {"failed": f"{type(exc).__name__}: {exc}"}
