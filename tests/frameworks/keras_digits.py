"""Models of Keras, trained in seconds on scikit-learn's digits."""

from __future__ import annotations

import numpy as np

SHAPES = {"dense": (64,), "cnn": (8, 8, 1), "lstm": (8, 8), "dropout": (8, 8), "gru": (8, 8), "bidirectional": (8, 8)}
"""What each kind takes: a vector, a picture, or eight rows of eight pixels."""


def trained(kind, pixels, classes):
    """Return a model of a kind, trained on pixels [N, 64] from 0 to 1."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    body = {
        "dense": [layers.Dense(32, activation="relu"), layers.Dropout(0.1)],
        "cnn": [
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
        "lstm": [layers.LSTM(24, return_sequences=True), layers.LSTM(16)],
        "dropout": [layers.LSTM(24, recurrent_dropout=0.1)],
        "gru": [layers.GRU(24)],
        "bidirectional": [layers.Masking(), layers.Bidirectional(layers.LSTM(16))],
    }[kind]
    model = keras.Sequential([keras.Input(SHAPES[kind], name="digit"), *body, layers.Dense(10, name="logits")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(shaped(kind, pixels), classes, epochs=6, batch_size=64, verbose=0)
    return model


def shaped(kind, pixels):
    """Return pixels [N, 64] as a kind takes them."""
    return pixels.reshape(len(pixels), *SHAPES[kind]).astype(np.float32)
