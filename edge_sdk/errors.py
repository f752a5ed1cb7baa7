"""The error families and their exit codes.

- There are four families, chosen by what the caller does next; nothing else is raised on purpose.
- A message is one line, `place: expected X, got Y`; `hint` names the cure when we know it.
- An `EdgeError` that arrives bare is a bug of ours.
"""


class EdgeError(Exception):
    """Base of every error that edge-sdk raises on purpose.

    Args:
        message: One line, `place: expected X, got Y`.
        hint: What to do about it, one line; empty when unknown.

    Attributes:
        exit_code: What the command line returns for this family.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(EdgeError):
    """Something given is wrong (model, profile, package, data, setting): fix it and call again."""

    exit_code = 3


class TrustError(EdgeError):
    """Something is not what it claims to be (digest, signature, hostile package): refuse and report."""

    exit_code = 4


class UnavailableError(EdgeError):
    """A resource is not there now (camera, sensor, broker, disk space): try again later."""

    exit_code = 5


class GateError(EdgeError):
    """It ran, was measured, and is below the bar that was set."""

    exit_code = 6
