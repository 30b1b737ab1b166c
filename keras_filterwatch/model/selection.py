"""Which layers a user chooses: the argument `layers`, checked and matched with the kernels."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import keras

from keras_filterwatch.kernel_names import matching_kernels
from keras_filterwatch.model.watched_kernel import Note, WatchedKernel
from keras_filterwatch.model.weights import all_weights
from keras_filterwatch.text import listed, printable, suggestion

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60  # characters


def short(value: Any) -> str:
    """Returns a value for a message, in one short line; of an array its type and shape only.

    Example:
        >>> short("a" * 1000)
        "'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
        >>> import numpy as np
        >>> short(np.zeros((3, 4)))
        'ndarray of shape (3, 4)'
    """
    if isinstance(value, Sequence) or not hasattr(value, "shape") or tuple(value.shape) == ():
        return printable(_SHORT.repr(value))
    return f"{type(value).__name__} of shape {tuple(value.shape)}"


def parse_layers(layers: Any, argument: str = "layers") -> list[Any]:
    """Returns a choice of layers as a list of names, glob patterns, layers and functions.

    Args:
        layers: one of these, or several.
        argument: what the messages call it.

    Raises:
        TypeError: something that cannot choose a layer.
        ValueError: nothing at all.

    Example:
        >>> parse_layers("conv*")
        ['conv*']
        >>> parse_layers([1, 2])
        Traceback (most recent call last):
        ...
        TypeError: layers: 1 is neither a name, a glob pattern, a layer nor a function.
    """
    is_scalar = getattr(layers, "shape", None) == ()
    if isinstance(layers, str) or not isinstance(layers, Iterable) or is_scalar:
        choices = [layers]
    else:
        choices = list(layers)
    if not choices:
        raise ValueError(f"{argument}: nothing is chosen; None stands for every kernel.")
    for choice in choices:
        if isinstance(choice, type):
            raise TypeError(
                f"{argument}: {choice.__name__} is a class; for its layers take "
                f"`lambda layer: isinstance(layer, {choice.__name__})`."
            )
        if not isinstance(choice, str) and not callable(choice):  # a layer is callable
            wrong = layers if hasattr(layers, "shape") else choice
            raise TypeError(
                f"{argument}: {short(wrong)} is neither a name, a glob pattern, a layer nor a "
                "function."
            )
    return choices


class Selection(NamedTuple):
    """The kernels that a choice of layers selects.

    Attributes:
        names: the kernels' names.
        problems: a note for each part of the choice that selects none.
        notes: a note for each name that could also mean another kernel.
    """

    names: set[str]
    problems: tuple[Note, ...]
    notes: tuple[Note, ...]


def select(
    kernels: Sequence[WatchedKernel],
    skipped: Mapping[str, str],
    layers: Any,
    argument: str = "layers",
) -> Selection:
    """Selects the kernels of a model that a choice of layers asks for.

    Args:
        kernels: all kernels of the model.
        skipped: layer name -> why it cannot be watched; also by Keras's own names.
        layers, argument: as `parse_layers` takes them.
    """
    choices = parse_layers(layers, argument)
    names_by_choice = [_matching_names(kernels, choice) for choice in choices]
    selected = set().union(*names_by_choice)
    all_names = [kernel.name for kernel in kernels]
    consequence = _consequence([name for name in all_names if name in selected])
    problems = []
    for choice, names in zip(choices, names_by_choice, strict=True):
        if not names:
            what, reason = _problem(choice, all_names, skipped)
            problems.append(Note(f"{argument}: {what}", consequence, reason))
    notes = [
        Note(
            f"{argument}: {choice!r} is also what Keras calls the layer {kernel.name!r}",
            f"{choice!r} is taken, as FilterWatch names it; the other one is {kernel.name!r}",
        )
        for choice in choices
        for kernel in kernels
        if choice in all_names
        and choice in kernel.names.keras_names
        # a nested layer may have the name of one that is not nested
        and choice not in (kernel.name, kernel.names.layer_name)
    ]
    return Selection(selected, tuple(problems), tuple(notes))


def _matching_names(kernels: Sequence[WatchedKernel], choice: Any) -> list[str]:
    """Returns the names of the kernels that one name, pattern, layer or function selects."""
    if isinstance(choice, keras.Layer):
        inside = {id(weight) for weight in all_weights(choice)}
        return [kernel.name for kernel in kernels if id(kernel.variable) in inside]
    if not isinstance(choice, str):
        return [kernel.name for kernel in kernels if choice(kernel.layer)]
    return matching_kernels(choice, (kernel.names for kernel in kernels))


def _problem(choice: Any, names: list[str], skipped: Mapping[str, str]) -> tuple[str, str]:
    """Returns what is wrong with a choice that selects no kernel, and the reason if it is known."""
    if isinstance(choice, str):
        if choice in skipped:
            return f"{choice!r} cannot be watched", skipped[choice]
        return f"no kernel is called {short(choice)}; {suggestion(choice, names)}", ""
    what = f"layer {choice.name!r}" if isinstance(choice, keras.Layer) else short(choice)
    there_are = f"there are {listed(names)}" if names else "there are none"
    return f"{what} matches no kernel of this model; {there_are}", ""


def _consequence(names: list[str]) -> str:
    if not names:
        return "Nothing is watched"
    return f"Only {listed(names)} {'is' if len(names) == 1 else 'are'} watched"
