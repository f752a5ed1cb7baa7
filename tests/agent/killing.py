"""What a child of a test has to be killed at the n-th step that leaves a mark on a board's disk."""

WATCH = """
import os, sys
from pathlib import Path

left = 0
def watch(event, arguments):
    global left
    if event in {"open", "os.rename", "os.remove", "os.symlink", "sqlite3.connect"} and "board-" in str(arguments):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
"""
