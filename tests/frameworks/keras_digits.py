"""Models of Keras, trained in seconds on scikit-learn's digits, once a run of the tests."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.frameworks.conftest import TRAINED, read_digits

SHAPES = {"dense": (64,), "cnn": (8, 8, 1), "lstm": (8, 8), "gru": (8, 8), "bidirectional": (8, 8), "dropout": (8, 8)}
"""What each kind takes: a vector, a picture, or eight rows of eight pixels."""
QUICK = tuple(pytest.param(kind, marks=pytest.mark.quick) for kind in ("dense", "cnn", "lstm"))
RECURRENT = frozenset({"lstm", "gru", "bidirectional", "dropout"})


@cache
def trained(kind):
    """Return a model of a kind, trained on the first digits."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    body = {
        "dense": lambda: [layers.Dense(32, activation="relu"), layers.Dropout(0.1)],
        "cnn": lambda: [
            layers.Conv2D(8, 3, padding="same", use_bias=False, name="first"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(name="pool"),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="second"),
            layers.GlobalAveragePooling2D(),
        ],
        "lstm": lambda: [layers.LSTM(24, return_sequences=True), layers.LSTM(16)],
        "gru": lambda: [layers.GRU(24)],
        "bidirectional": lambda: [layers.Masking(), layers.Bidirectional(layers.LSTM(16))],
        "dropout": lambda: [layers.LSTM(24, recurrent_dropout=0.1)],
    }[kind]()
    model = keras.Sequential([keras.Input(SHAPES[kind], name="digit"), *body, layers.Dense(10, name="logits")])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pixels, classes = read_digits()
    epochs = 8 if kind == "dense" else 20
    model.fit(shaped(kind, pixels[:TRAINED]), classes[:TRAINED], epochs=epochs, batch_size=64, verbose=0)
    return model


def unrolled(model):
    """Return a model whose recurrent layers are plain operators, a copy of them for each step."""
    import keras

    def plain(layer):
        told = {"unroll": True} if hasattr(layer, "unroll") else {}
        return layer.__class__.from_config({**layer.get_config(), **told})

    clone = keras.models.clone_model(model, clone_function=plain)
    clone.set_weights(model.get_weights())
    return clone


def shaped(kind, pixels):
    """Return pixels [N, 64] as a kind takes them."""
    return pixels.reshape(len(pixels), *SHAPES[kind]).astype(np.float32)


def held_out(kind):
    """Return the test set as a kind takes it."""
    return shaped(kind, read_digits()[0][TRAINED:])


def on_the_test_set(kind, folder):
    """Write the test set; return what `converted` takes to compare on all of it."""
    np.save(folder / "test.npy", held_out(kind))
    return {"inputs": str(folder / "test.npy"), "samples": len(held_out(kind))}


def share_right(answers):
    """Return the share of answers [N, 10] that name the right digit of the test set."""
    return (answers.argmax(1) == read_digits()[1][TRAINED:]).mean()
