"""How a step ends that did not succeed."""

from __future__ import annotations


class StepError(Exception):
    """A step cannot be done, now or with this kit.

    Args:
        reason: One line, `place: expected X, got Y`.
        is_final: Whether trying again changes nothing: the kit, the board or the claim is the wrong one.

    Attributes:
        is_final: The same.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(" ".join(reason.split()))
        self.is_final = is_final
