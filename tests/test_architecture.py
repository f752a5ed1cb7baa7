"""The floors of the building: this list is the architecture diagram.

- Imports go down only; rooms on one floor do not import each other.
- A vendor library is imported in its own places only, whatever the depth of the import statement.
- `edge_sdk/__init__.py` is the face of the building: it shows rooms, and only `cli` looks at it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FLOORS = (
    ("errors", "version"),
    ("extras", "files", "metadata", "records", "tensors", "transform", "clock", "page", "service"),
    ("profiles", "preprocess", "media", "tasks"),
    ("package", "wire", "session", "broker", "outbox", "samples"),
    ("quantize", "runtime", "convert"),
    ("agent", "fleet", "flash", "doctor"),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
VENDORS = {
    "MNN": ("convert/engines/mnn",),
    "ai_edge_litert": ("convert/engines/litert", "convert/tflite"),
    "cv2": ("convert/engines/opencv", "preprocess", "media", "runtime/sources", "runtime/sinks", "runtime/draw"),
    "cryptography": ("agent", "fleet"),
    "h5py": ("convert/keras_files",),
    "joblib": ("convert/sklearn",),
    "keras": ("convert/keras", "convert/keras_files"),
    "ncnn": ("convert/engines/ncnn",),
    "onnx": ("quantize", "convert"),
    "onnx2tf": ("convert/engines/litert",),
    "onnx2torch": ("convert/engines/torch",),
    "onnxruntime": ("session", "quantize"),
    "openvino": ("convert/engines/openvino",),
    "paho": ("broker",),
    "packaging": ("flash/wheels",),
    "rich": ("cli",),
    "segno": ("flash/labels",),
    "skl2onnx": ("convert/sklearn",),
    "sklearn": ("convert/sklearn",),
    "tensorflow": ("convert/tf_graph", "convert/tensorflow", "convert/keras"),
    "tf2onnx": ("convert/tf_graph", "convert/tflite"),
    "torch": ("convert",),
    "tuf": ("agent", "fleet"),
    "tvm": ("convert/engines/tvm",),
    "typer": ("cli",),
    "xgboost": ("convert/sklearn",),
}
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base", "manager", "mixins"}
PACKAGE = Path(__file__).parents[1] / "edge_sdk"


def violations(package: Path) -> list[str]:
    """Return what in the tree of `edge_sdk` breaks the rules, a line each."""
    return [
        f"{path.relative_to(package)}: {wrong}"
        for path in sorted(package.rglob("*.py"))
        for wrong in _of(path, package)
    ]


def _of(path: Path, package: Path) -> Iterator[str]:
    place = path.relative_to(package).with_suffix("").as_posix()
    room = place.split("/")[0]
    yield from (f"'{part}' is a drawer, not a name" for part in place.split("/") if part in BANNED_NAMES)
    if room in {"__init__", "__main__"}:
        return
    if room not in FLOOR:
        yield "is in no room of FLOORS"
        return
    for target in _imports(path):
        vendor, _, inner = target.partition(".")
        if not vendor:
            yield "imports relatively"
        elif vendor == "edge_sdk":
            yield from _downward(room, inner.split(".")[0])
        elif not any(f"{place}/".startswith(f"{allowed}/") for allowed in VENDORS.get(vendor, (place,))):
            yield f"imports {vendor}"


def _downward(room: str, other: str) -> Iterator[str]:
    if other not in FLOOR:
        if room != "cli":
            yield "imports edge_sdk itself, the face"
    elif other != room and FLOOR[other] >= FLOOR[room]:
        yield f"imports {other}, which is not below {room}"


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            yield from ([f"edge_sdk.{alias.name}" for alias in node.names] if start == "edge_sdk" else [start])


def test_imports_go_down_and_vendors_stay_in_their_rooms():
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("path", "source", "wrong"),
    [
        ("files.py", "import edge_sdk.session", "imports session, which is not below files"),
        ("files.py", "from edge_sdk import records", "imports records, which is not below files"),
        (
            "tasks/boxes.py",
            "def f():\n    from edge_sdk.media import read_image",
            "imports media, which is not below tasks",
        ),
        ("tasks/boxes.py", "from . import record", "imports relatively"),
        ("session.py", "from edge_sdk import __version__", "imports edge_sdk itself, the face"),
        ("session.py", "import edge_sdk", "imports edge_sdk itself, the face"),
        ("session.py", "if True:\n    import onnx.helper", "imports onnx"),
        ("runtime/loop.py", "import cv2", "imports cv2"),
        ("package.py", "from rich.console import Console", "imports rich"),
        ("quantize/utils.py", "", "'utils' is a drawer, not a name"),
        ("attic.py", "", "is in no room of FLOORS"),
    ],
)
def test_a_violation_is_found(tmp_path, path, source, wrong):
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(source)
    assert violations(tmp_path) == [f"{path}: {wrong}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("tasks/boxes.py", "from edge_sdk.tasks.record import Score\nfrom edge_sdk import files"),
        ("runtime/sources/camera.py", "import cv2"),
        ("session.py", "import onnxruntime, numpy"),
        ("cli/output.py", "import edge_sdk, rich"),
        ("__init__.py", "from edge_sdk.package import ModelPackage"),
    ],
)
def test_what_the_rules_allow_passes(tmp_path, path, source):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source)
    assert violations(tmp_path) == []
