"""What was kept, as other programs take it: `coco`, `yolo`, `classes` (folders and a CSV), `pictures` or `arrays`.

- What the model said is the first guess of a label, to be corrected by people; the score stands beside it where the
  form has a place for it.
- The export is there whole or not at all: it is made beside its place, synced, and renamed. What is there is never
  touched.
- Each file is checked against its digest; what was dropped meanwhile or is broken is left out, and counted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

from edge_sdk.errors import InputError
from edge_sdk.files import read_bytes, require_free_space, sha256_hex, unwritable
from edge_sdk.runtime.kept.record import KnownModel, Piece, read_model
from edge_sdk.tasks import BOXED, TaskKind

Form = Literal["coco", "yolo", "classes", "pictures", "arrays"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported.

    Attributes:
        place: The folder.
        form: Of what is in it.
        count: How many samples.
        broken: How many were left out since they are gone or not what their side files say.
        files: The files that list them.
    """

    place: str
    form: Form
    count: int
    broken: int
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Samples to be exported, of one task.

    Attributes:
        task: What their models are for.
        labels: Class names by index: those of the models one after the other, each once.
        columns: Names of a window's columns; empty for pictures.
        pieces: They, the oldest first.
    """

    task: TaskKind
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    pieces: tuple[Piece, ...]


Writer = Callable[[Sorted, Path], Sequence[str]]
"""Writes the files that list samples into a folder, where pictures lie in `images`; returns their names."""
_WRITERS: Mapping[Form, str] = {
    "coco": "coco.write_coco",
    "yolo": "yolo.write_yolo",
    "classes": "classes.write_classes",
    "pictures": "classes.write_pictures",
    "arrays": "arrays.write_arrays",
}
IMAGES = "images"
_SPARE_BYTES = 1 << 20


def export_kept(pieces: Sequence[Piece], place: Path, form: Form | None = None) -> Exported:
    """Write kept samples for other programs.

    Args:
        pieces: Of one folder; see `read_kept`.
        place: A folder that is not there yet.
        form: Of the export; None takes `coco` for boxes, `classes` for classes and anomalies, `arrays` for windows and
            `pictures` for what is left.

    Raises:
        InputError: There is something at the place, the samples do not fit the form, or all of them are broken.
        UnavailableError: The disk is full, or the place cannot be written.
    """
    if place.exists():
        raise InputError(f"{place}: expected nothing there, got a file or a folder", hint="name another place")
    kept = _sorted(pieces)
    chosen = form or _usual_form(kept)
    _require_fit(kept, chosen)
    require_free_space(place.absolute().parent, sum(piece.kept.size_bytes for piece in pieces) + _SPARE_BYTES)
    with _appearing(place) as part:
        whole = tuple(piece for piece in kept.pieces if _copied(piece, part, is_picture=chosen != "arrays"))
        if not whole:
            raise InputError(f"{pieces[0].path.parent}: expected samples that are whole, got none")
        file, _, name = _WRITERS[chosen].partition(".")
        write: Writer = getattr(import_module(f"edge_sdk.runtime.kept.{file}"), name)
        names = write(Sorted(kept.task, kept.labels, kept.columns, whole), part)
    return Exported(
        str(place), chosen, len(whole), len(pieces) - len(whole), tuple(str(place / name) for name in names)
    )


def _sorted(pieces: Sequence[Piece]) -> Sorted:
    folder = pieces[0].path.parent
    models = [read_model(folder, sha256) for sha256 in dict.fromkeys(str(piece.outcome["model"]) for piece in pieces)]
    kinds = {(model.task, model.columns) for model in models}
    if len(kinds) > 1:
        raise InputError(
            f"{folder}: expected samples of one task, got {', '.join(sorted(task for task, _ in kinds))}",
            hint="keep the samples of each package in a folder of its own",
        )
    return Sorted(models[0].task, _names(models), models[0].columns, tuple(pieces))


def _names(models: Sequence[KnownModel]) -> tuple[str, ...]:
    """Return the class names of all models; those of the first keep their indices."""
    return tuple(dict.fromkeys(name for model in models for name in model.labels))


def _usual_form(kept: Sorted) -> Form:
    if kept.columns:
        return "arrays"
    if kept.task in BOXED:
        return "coco"
    return "classes" if kept.task in {"classification", "anomaly"} else "pictures"


def _require_fit(kept: Sorted, form: Form) -> None:
    fits = {
        "coco": not kept.columns and kept.task in BOXED,
        "yolo": not kept.columns and kept.task in {"detection", "pose"},
        "classes": not kept.columns and kept.task in {"classification", "anomaly"},
        "pictures": not kept.columns,
        "arrays": bool(kept.columns),
    }
    if not fits[form]:
        what = "windows" if kept.columns else "pictures"
        able = ", ".join(form for form, does in fits.items() if does)
        raise InputError(f"format: expected {able} for {what} of {kept.task}, got {form}")


def _copied(piece: Piece, part: Path, *, is_picture: bool) -> bool:
    """Copy a picture, or look at a window; return whether it is whole."""
    try:
        data = read_bytes(piece.data_path, max_bytes=piece.kept.size_bytes)
    except InputError:
        return False
    if sha256_hex(data) != piece.kept.sha256:
        return False
    if is_picture:
        _write(part / IMAGES / piece.kept.file, data)
    return True


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as exc:
        raise unwritable(path, exc) from exc


@contextmanager
def _appearing(place: Path) -> Iterator[Path]:
    """Lend a folder that appears at `place` only if the block ends without an error."""
    part = place.absolute().parent / f".{place.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        yield part
        os.sync()  # of thousands of files one by one: minutes on a card
        part.rename(place)
    except OSError as exc:
        raise unwritable(place, exc) from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)
