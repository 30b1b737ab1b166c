"""Gives the Dense kernels of a model the axes of the images that they read flattened."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import keras

from keras_filterwatch.image_guess import GuessedImage, guess_image
from keras_filterwatch.image_windows import (
    Reader,
    Window,
    assign_images,
    size_text,
    with_image_axes,
)
from keras_filterwatch.model.flat_inputs import image_shape, input_read
from keras_filterwatch.model.trace import Flow, symbolic_inputs
from keras_filterwatch.model.watched_kernel import Note, WatchedKernel


def with_images(
    model: keras.Layer,
    kernels: Iterable[WatchedKernel],
    flow: Flow | None,
    window: Mapping[str, Window] | None = None,
    inputs: Any = None,
) -> tuple[list[WatchedKernel], dict[str, GuessedImage], tuple[Note, ...]]:
    """Returns kernels with the axes of the images that they read, and which of these are guesses.

    What `window` says comes first, then what the layers before a Dense layer do, then a guess.

    Args:
        model: the model.
        kernels: all its kernels, each `(*spatial, channels, filters)`.
        flow: the flow of data through the model; None if it is not known.
        window: the images, as `image_windows.parse_windows` takes them.
        inputs: some inputs of the model, which show whether a guess is right; None for none.

    Returns:
        The kernels; kernel name -> guess; and a note for each part of `window` that cannot be used.

    Raises:
        TypeError, ValueError: as `parse_windows`.
    """
    kernels = list(kernels)
    readers = [Reader(kernel.names, kernel.kind, kernel.shape) for kernel in kernels]
    assigned, problems = assign_images(window or {}, readers)
    arrays = [] if flow is None or inputs is None else _in_order(model, inputs)
    guesses = {}
    images: dict[str, tuple[int, ...] | None] = {}
    for kernel in kernels:
        if flow is None or kernel.kind != "dense" or len(kernel.shape) != 2:
            continue
        image = image_shape(flow, kernel.layer)
        if image and math.prod(image) == kernel.shape[0]:
            images[kernel.name] = image
        elif kernel.name not in assigned:
            guess = _guess(kernel, flow, arrays)
            if guess:
                guesses[kernel.name], images[kernel.name] = guess, guess.shape
    images |= assigned
    kernels = [
        _with_image(kernel, images[kernel.name]) if kernel.name in images else kernel
        for kernel in kernels
    ]
    return kernels, guesses, tuple(Note(each, "This window is not used") for each in problems)


def guess_note(name: str, guess: GuessedImage) -> Note:
    """Returns what a user should know about a guess.

    Example:
        >>> note = guess_note("dense", GuessedImage((28, 28, 1), is_confirmed=False))
        >>> note.what
        "'dense' reads 784 numbers, taken as the pixels of an image of 28x28x1"
    """
    what = (
        f"{name!r} reads {math.prod(guess.shape)} numbers, taken as the pixels of an image of "
        f"{size_text(guess.shape)}"
    )
    remedy = f"pass window={{{name!r}: (height, width, channels)}}, or None for no image"
    if guess.is_confirmed:
        reason = "numbers that are neighbours in such an image are alike in the probe's inputs"
        return Note(what, f"If that is wrong, {remedy}", reason)
    doubt = "If they are something else, its pictures and noise score mean nothing"
    return Note(what, f"{doubt}: {remedy}")


def _with_image(kernel: WatchedKernel, image: tuple[int, ...] | None) -> WatchedKernel:
    arrange = kernel.arrange
    return replace(kernel, arrange=lambda array: with_image_axes(arrange(array), image))


def _in_order(model: keras.Layer, inputs: Any) -> list[Any]:
    """Returns arrays for the inputs of a model in the order of `Flow.inputs`.

    Empty where it is not known which array is for which input.
    """
    args, kwargs = symbolic_inputs(model)
    structure = args[0] if args else kwargs
    if isinstance(structure, Mapping) and isinstance(inputs, Mapping):
        # each backend has its own order of the items of a dict
        inputs = {key: inputs[key] for key in structure} if set(structure) <= set(inputs) else []
    elif isinstance(inputs, Mapping) and len(inputs) > 1:
        return []
    return list(keras.tree.flatten(inputs))


def _guess(kernel: WatchedKernel, flow: Flow, arrays: list[Any]) -> GuessedImage | None:
    """Returns the image that a kernel may read, if it reads one of the model's inputs."""
    place = input_read(flow, kernel.layer)
    if place is None:
        return None
    # which of two inputs of one shape a layer reads is not certain on each backend
    is_alone = sum(each.shape == flow.inputs[place].shape for each in flow.inputs) == 1
    is_known = is_alone and len(arrays) == len(flow.inputs)
    return guess_image(kernel.shape[0], arrays[place] if is_known else None)
