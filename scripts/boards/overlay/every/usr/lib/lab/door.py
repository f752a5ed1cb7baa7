"""Run commands of the laboratory: one JSON line each way. Not a part of any board's system but of an emulated one's."""

import json
import subprocess
import sys
import tty
from pathlib import Path

with Path(sys.argv[1]).open("r+b", buffering=0) as line:
    tty.setraw(line.fileno())
    received = b""
    while data := line.read(4096):
        received += data
        while b"\n" in received:
            asked, _, received = received.partition(b"\n")
            command = json.loads(asked)
            done = subprocess.run(command, shell=True, check=False, capture_output=True, stdin=subprocess.DEVNULL)
            out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
            line.write(json.dumps({"rc": done.returncode, "out": out, "err": err}).encode() + b"\n")
