"""Files of Keras models: what Keras 3 does not load by itself, and what it must not load without trust.

- `.h5` files of Keras 2 say `groups` of a DepthwiseConv2D, which has none in Keras 3: where it is 1, it means nothing.
- Lambda layers are Python code in the file. Keras refuses them unless the user trusts the file.
- A layer of the user's own is not in the file at all: its class must be imported, which `module:factory` does.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from edge_sdk.convert.record import Order
from edge_sdk.errors import InputError

_H5 = frozenset({".h5", ".hdf5"})
_CODE = ("safe_mode", "unsafe", "lambda")


def load_model(order: Order) -> Any:
    """Return the model of a file.

    Raises:
        InputError: It is no such file, has code that is not trusted, or layers that are not Keras's.
    """
    import keras

    with tempfile.TemporaryDirectory(prefix="edge-sdk-keras-") as temporary:
        path = _without_obsolete(order, Path(temporary)) if order.path.suffix in _H5 else order.path
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=not order.trusts)
        except (ValueError, TypeError, OSError, NotImplementedError, AttributeError, KeyError) as exc:
            raise _refusal(order, exc) from exc


def in_float32(model: Any) -> Any:
    """Return the model as it computes in float32; the same one where it does so anyway."""
    import keras

    if all(layer.compute_dtype in {"float32", None} or "float" not in layer.compute_dtype for layer in _flat(model)):
        return model

    def plain(layer: Any) -> Any:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    clone = keras.models.clone_model(model, clone_function=plain)
    clone.set_weights(model.get_weights())
    return clone


def without_dropout(model: Any) -> Any:
    """Return the model with no dropout in its recurrent cells: only training has it, and its seeds cannot be frozen."""
    for layer in _flat(model):
        for name in ("dropout", "recurrent_dropout"):
            if isinstance(layer.__dict__.get(name), float):
                setattr(layer, name, 0.0)
    return model


def _flat(model: Any) -> list[Any]:
    return list(model._flatten_layers(include_self=False))


def _without_obsolete(order: Order, folder: Path) -> Path:
    """Return a copy of an HDF5 file whose layers say only what Keras 3 knows.

    Raises:
        InputError: The file has weights alone, or is no HDF5 file.
    """
    import h5py

    copy = folder / f"model{order.path.suffix}"
    shutil.copyfile(order.path, copy)
    try:
        with h5py.File(copy, "r+") as file:
            if "model_config" not in file.attrs:
                raise InputError(
                    f"{order.source}: expected a whole model, got its weights alone",
                    hint="convert module:factory with --weights, where the factory returns the model",
                )
            told = file.attrs["model_config"]
            config = json.loads(told if isinstance(told, str) else told.decode())
            _clean(config)
            file.attrs["model_config"] = json.dumps(config)
    except OSError as exc:
        raise InputError(f"{order.source}: expected an HDF5 file, got another") from exc
    return copy


def _clean(config: Any) -> None:
    if isinstance(config, dict):
        if config.get("class_name") == "DepthwiseConv2D" and config.get("config", {}).get("groups") == 1:
            del config["config"]["groups"]
        config = list(config.values())
    if isinstance(config, list):
        for value in config:
            _clean(value)


def _refusal(order: Order, exc: Exception) -> InputError:
    said = " ".join(str(exc).split())
    if not order.trusts and any(word in said.lower() for word in _CODE):
        return InputError(
            f"{order.source}: expected --trust, for it has a Lambda layer, which is Python code, got none",
            hint="say --trust if you or someone you trust made this file",
        )
    if "Could not locate class" in said or "Unknown layer" in said or "custom_object" in said:
        return InputError(
            f"{order.source}: expected layers of Keras, got others: {said[:200]}",
            hint="write a function that imports their classes and returns the model: edge-sdk convert module:function",
        )
    return InputError(f"{order.source}: expected a model of Keras, got {said[:300]}")
