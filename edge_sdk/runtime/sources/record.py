"""What all sources share: the interface, and the address that the user wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, get_type_hints
from urllib.parse import parse_qsl

from edge_sdk import records
from edge_sdk.errors import InputError
from edge_sdk.preprocess import WindowSteps
from edge_sdk.runtime.frame import Sample

OptionsT = TypeVar("OptionsT")


class Source(Protocol):
    """Where samples come from, opened; read from one thread, and closed when nobody reads any more.

    Attributes:
        name: What results and messages call it; never with a password.
        live: Whether time goes on while nobody reads.
        fps: Samples a second that it claims; 0 if it does not say.
    """

    name: str
    live: bool
    fps: float

    def read(self) -> Sample | None:
        """Return the next sample, or None at the end; a live source waits for it, with a limit.

        Raises:
            InputError: This one sample cannot be read; the next call goes on with the one after it.
            UnavailableError: The source is gone.
        """

    def close(self) -> None:
        """Give the source back; closing twice is harmless."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is, as the user wrote it.

    Attributes:
        uri: The whole text.
        place: What stands between the scheme and the options.
        options: What stands behind the `?`.
        window: How the model takes rows of sensor values, if it does.
    """

    uri: str
    place: str
    options: Mapping[str, str] = field(default_factory=dict)
    window: WindowSteps | None = None

    def read_options(self, record: type[OptionsT], *, where: str | None = None) -> OptionsT:
        """Return the options as a record of numbers and texts.

        Args:
            record: The record.
            where: What messages call the address; None shows it whole.

        Raises:
            InputError: An option is not known, or not of its kind.
        """
        kinds = get_type_hints(record)
        data = {name: _number(text) if kinds.get(name) is not str else text for name, text in self.options.items()}
        return records.read(record, data, where=where or self.uri)

    def refuse_options(self) -> None:
        """Check that there are no options.

        Raises:
            InputError: There are.
        """
        if self.options:
            raise InputError(f"{self.uri}: expected no options, got {', '.join(self.options)}")


def split_options(text: str, mark: str = "?") -> tuple[str, Mapping[str, str]]:
    """Return what stands before the options of an address, and the options.

    Args:
        text: Such as `clip.mp4` or `0?width=640&height=480`.
        mark: What the options stand behind.
    """
    place, _, options = text.partition(mark)
    return place, dict(parse_qsl(options, keep_blank_values=True))


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
