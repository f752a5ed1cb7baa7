"""What runs on the board, as root, by the board's own `python3`: it makes the board what its kit says.

- Python's standard library alone, 3.10 or newer: nothing is installed yet. `board_program.py` packs these modules into
  one file, `first_boot.pyz`.
- Every step may be cut off at any moment and done again. What counts is on the disk before anything acts on it.
- An environment is made beside the one in use, and is in use only once it is whole: `current` is exchanged by rename.
- What the system cannot take (Wi-Fi without a network manager) is told, and does not keep the model from running.
"""
