"""The worker: a child of the agent that runs the model, so that a native crash is an event and not the end.

- `messages`: what the two say to each other, JSON lines over its standard input and output.
- `child`, `listening`, `pulse`: the child. Only they import the runtime.
- `process`, `vigil`, `supervisor`: the agent's side. The agent itself loads no model and no library for one.
"""
