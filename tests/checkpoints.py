"""Checkpoints that the tests of series share: written by a real training, or of made-up arrays."""

import keras
import numpy as np
from trainings import LEARNING, fit, network

import keras_filterwatch as fw

EPOCHS = 6


def train(folder, model=None, rate=LEARNING, epochs=EPOCHS):
    """Trains with FilterWatch, and saves model and weights after each epoch; returns `folder`.

    `watched` has the record, `models` and `weights` the checkpoints, beginning with the initial
    state, `training.csv` the logs, and `model.json` the architecture.
    """
    model = model or network(rate)
    for name in ("models", "weights"):
        (folder / name).mkdir(parents=True)
    model.save(folder / "models/00.keras")
    model.save_weights(folder / "weights/00.weights.h5")
    (folder / "model.json").write_text(model.to_json())
    fit(
        model,
        fw.FilterWatch(folder / "watched"),
        keras.callbacks.ModelCheckpoint(folder / "models/{epoch:02d}.keras"),
        keras.callbacks.ModelCheckpoint(
            folder / "weights/{epoch:02d}.weights.h5", save_weights_only=True
        ),
        keras.callbacks.CSVLogger(folder / "training.csv"),
        epochs=epochs,
    )
    return folder


def arrays(step, filters=8, seed=0):
    """Two kernels that turn with the step from one noise to another."""
    random = np.random.default_rng(seed)
    both = random.standard_normal((2, 5, 5, 3, filters)).astype("float32")
    head = random.standard_normal((2, filters, 16)).astype("float32")
    angle = step / 10
    return {
        "conv": both[0] * np.float32(np.cos(angle)) + both[1] * np.float32(np.sin(angle)),
        "head": head[0] * np.float32(np.cos(angle)) + head[1] * np.float32(np.sin(angle)),
    }


def save(folder, *steps, name="{step:02d}.npz", **options):
    """Saves `arrays` of some steps; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name.format(step=step) for step in steps]
    for path, step in zip(paths, steps, strict=True):
        np.savez(path, **arrays(step, **options))
    return paths
