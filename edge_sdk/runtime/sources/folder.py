"""Picture files: `pictures/`, `folder:pictures`, `picture.jpg`; one a second, in the order of their names."""

from __future__ import annotations

from pathlib import Path

from edge_sdk.media import list_images, read_image
from edge_sdk.runtime.frame import Sample
from edge_sdk.runtime.sources.record import Address


class Folder:
    """The pictures of a folder, or one picture. A picture that cannot be read is told by its name, and passed over."""

    live = False
    fps = 1.0

    def __init__(self, address: Address) -> None:
        """List the pictures.

        Raises:
            InputError: The folder is not there, or has no pictures.
        """
        address.refuse_options()
        place = Path(address.place)
        self.name = address.place
        self._paths = (place,) if place.is_file() else list_images(place)
        self._next = 0

    def read(self) -> Sample | None:
        """Return the next picture; see `Source.read`."""
        if self._next >= len(self._paths):
            return None
        seq, self._next = self._next, self._next + 1
        path = self._paths[seq]
        return Sample(read_image(path), seq, captured_ns=seq * 1_000_000_000, clock="file", source=str(path))

    def close(self) -> None:
        """Read no more."""
        self._next = len(self._paths)
