"""Programs that run on the board, by its own Python, before anything of ours is there.

- They are sent as text: each is one file, with Python's standard library alone.
- They speak the Python of the oldest board that is to be told why it is too old: 3.6, JetPack 4. So annotations are
  quoted, and a test parses them by that grammar.
- They read a request (one line of JSON), then bytes, and answer with one line of JSON.
"""
