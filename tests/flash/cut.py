"""Runs a Python program and cuts its power: `cut.py PATTERN N PROGRAM …` kills it at the N-th doing that fits.

What it does to the disk, and the programs that it starts, are Python's audit events: a line of event and arguments.
Its process group dies with it, as everything does without power. With N of 0 all doings are listed on stderr instead.
"""

import os
import re
import runpy
import signal
import sys

_DOINGS = {"open", "os.rename", "os.remove", "os.symlink", "os.mkdir", "os.rmdir", "os.chmod", "subprocess.Popen"}
pattern, at = re.compile(sys.argv[1]), int(sys.argv[2])
sys.argv = sys.argv[3:]
seen = 0


def doing(event: str, arguments: tuple[object, ...]) -> None:
    global seen  # noqa: PLW0603  a hook has nowhere else to keep it
    is_reading = event == "open" and (not isinstance(arguments[2], int) or not arguments[2] & (os.O_WRONLY | os.O_RDWR))
    if event not in _DOINGS or is_reading:
        return
    line = f"{event} {' '.join(map(str, arguments))}"
    if pattern.search(line) is None:
        return
    seen += 1
    if at == 0:
        os.write(2, f"{line[:200]}\n".encode())
    elif seen == at:
        os.killpg(0, signal.SIGKILL)


sys.addaudithook(doing)
runpy.run_path(sys.argv[0], run_name="__main__")
