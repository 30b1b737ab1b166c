"""All models of keras.applications, saved and read again: are the kernels those of the model?

    python -m benchmarks.saved_applications [NAME ...]

Prints a line for each model, with what differs. The exit code is 1 if anything does.
"""

import gc
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from keras_filterwatch.files.keras.keras_archive import read_architecture, read_keras_archive
from keras_filterwatch.files.keras.keras_weights import read_keras_weights
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.model.find import find

_FIELDS = ("layer_type", "kind", "trainable", "image_is_guess")


def names() -> list[str]:
    """Returns the names of all models of keras.applications."""
    return sorted(
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    )


def randomise_norms(model: keras.Model) -> None:
    """Gives each BatchNormalization random factors and variances, so that no gain is 1."""
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(rng.uniform(0.5, 2, weight.shape))


def differences(
    model: keras.Model, names: Sequence[str], kernels: Iterable[Kernel]
) -> Iterator[str]:
    """Yields in what the kernels of a file differ from those that are found in a model.

    Args:
        model: the model, with the names of layers that the file has.
        names: those of all kernels in the file.
        kernels: the same kernels, read.
    """
    watched = find(model)
    guesses = {name for name, guess in watched.guesses.items() if not guess.is_confirmed}
    expected_names = [kernel.keras_name for kernel in watched.kernels]
    if [*names] != expected_names:
        missing, more = sorted({*expected_names} - {*names}), sorted({*names} - {*expected_names})
        yield f"missing {missing[:5]}, more {more[:5]}" if missing or more else "another order"
        return
    for found, other in zip(kernels, watched.kernels, strict=True):
        expected = replace(other.read(), image_is_guess=other.name in guesses)
        yield from (f"{found.name}: {what}" for what in _differing(found, expected))


def _differing(found: Kernel, expected: Kernel) -> Iterator[str]:
    for field in _FIELDS:
        if getattr(found, field) != getattr(expected, field):
            yield f"{field} {getattr(found, field)!r}, not {getattr(expected, field)!r}"
    if found.array.dtype != expected.array.dtype:
        yield f"dtype {found.array.dtype}, not {expected.array.dtype}"
    for field in ("array", "gain", "constrained_share"):
        here, there = getattr(found, field), getattr(expected, field)
        if here is None or there is None:
            if here is not there:
                yield f"{field} is {'missing' if here is None else 'there, but not in the model'}"
        elif not np.array_equal(here, there):
            yield f"{field} differs"


def compare(name: str, folder: Path) -> list[str]:
    """Saves one model with random weights, reads it again and returns what differs."""
    keras.utils.clear_session()
    model = getattr(keras.applications, name)(weights=None)
    randomise_norms(model)
    archive, weights = folder / "model.keras", folder / "model.weights.h5"
    model.save(archive)
    model.save_weights(weights)
    del model
    keras.utils.clear_session()  # names begin anew, as in a fresh process
    model = keras.saving.load_model(archive, compile=False)
    with ExitStack() as stack:
        files = (
            read_keras_archive(archive, stack),
            read_keras_weights(weights, stack, read_architecture(archive)),
        )
        found = [
            f"{file.format}: {what}"
            for file in files
            for what in differences(
                *(model, [kernel.name for kernel in file.kernels]),
                (kernel.read() for kernel in file.kernels),
            )
        ]
        print(f"{name}: {len(files[0].kernels)} kernels, {len(found)} differences", flush=True)
    for what in found[:20]:
        print(f"    {what}")
    return found


def main(arguments: Sequence[str]) -> int:
    """Compares the models that are named, or all of them."""
    count = 0
    for name in arguments or names():
        with tempfile.TemporaryDirectory() as folder:
            count += len(compare(name, Path(folder)))
        gc.collect()
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
