"""Keras model in, kernels out: finds the kernels of a model and names them."""

import warnings
from collections.abc import Mapping
from functools import partial
from itertools import starmap
from typing import Any

import keras

from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernel_layouts import Layout
from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.model import trace
from keras_filterwatch.model.kernel_images import guess_note, with_images
from keras_filterwatch.model.layouts import RECURRENT, kernels_of
from keras_filterwatch.model.selection import parse_layers, select, short
from keras_filterwatch.model.watched_kernel import Note, WatchedKernel, WatchedLayers
from keras_filterwatch.model.weights import Owner, all_weights, owners
from keras_filterwatch.sources.frameworks import check_is_keras_3
from keras_filterwatch.text import described, listed

_MANY_WEIGHTS = 12  # names of weights in a reason


def is_model(value: Any) -> bool:
    """Returns True for a Keras model or layer."""
    return isinstance(value, keras.Layer)


def find(
    model: keras.Layer,
    layers: Any = None,
    argument: str = "layers",
    window: Mapping[str, Window] | None = None,
    inputs: Any = None,
) -> WatchedLayers:
    """Finds the kernels of a built model.

    Args:
        model: any Keras model or layer that has its weights.
        layers: None for all kernels; a kernel's or layer's name, a glob pattern, a layer (with
            all that it contains), a function `layer -> bool`, or several of these.
        argument: what the messages call `layers`.
        window: the images that layers read flattened, as `image_windows.parse_windows` takes
            them. Where it does not name a layer that reads the input of the model as
            `(batch, numbers)`, their size is guessed.
        inputs: some inputs of the model, which show whether a guess is right; None for none.

    Raises:
        TypeError: no Keras model, or `layers` or `window` is none of these.
        ValueError: the model has no weights yet, or `window` has a size that no image has.
    """
    check_is_keras_3(model)
    if not is_model(model):
        raise TypeError(f"a Keras model is needed; got {type(model).__name__}.")
    if not model.built and not all_weights(model):
        raise ValueError(
            f"model {model.name!r} has no weights yet: call it on data, or model.build(shape)."
        )
    flow, notes = _flow(model)
    kernels: list[WatchedKernel] = []
    skipped: dict[str, str] = {}
    reasons: dict[str, str] = {}  # by Keras's names too
    for owner in owners(model, undivided=RECURRENT):
        try:
            reason, variables = _kernel_variables(owner)
        except Exception as error:  # properties of a layer of the user's own
            reason, variables = f"its kernel cannot be read: {described(error)}", []
        if reason:
            skipped[owner.name] = reasons[owner.name] = reason
            reasons[owner.keras_name] = reason
        kernels += [
            _watched_kernel(owner, suffix, variable, layout, flow)
            for suffix, variable, layout in variables
        ]
    kernels, guesses, problems = with_images(model, kernels, flow, window, inputs)
    if flow:
        last = len(flow.order)
        kernels.sort(key=lambda kernel: flow.order.get(id(kernel.layer), last))
    if layers is None:
        return WatchedLayers(tuple(kernels), skipped, problems, notes, guesses)
    selection = select(kernels, reasons, layers, argument)
    for kernel in kernels:
        if kernel.name not in selection.names:
            skipped[kernel.name] = "not among the chosen layers"
    return WatchedLayers(
        tuple(kernel for kernel in kernels if kernel.name in selection.names),
        skipped,
        selection.problems + problems,
        notes + selection.notes,
        {name: guess for name, guess in guesses.items() if name in selection.names},
    )


def selected_kernel(model: keras.Model, layer: Any = None) -> WatchedKernel:
    """Returns the one kernel whose outputs are asked for: of several, the first with a window.

    Args:
        model: any built Keras model.
        layer: as the `layers` of `find`. A kernel of exactly this name comes before others.

    Raises:
        TypeError: no Keras model, or `layer` cannot choose a layer.
        ValueError: no weights yet, no such layer, or none with outputs that can be recorded.
    """
    if layer is not None:
        try:
            parse_layers(layer, "layer")
        except TypeError as error:
            raise TypeError(f"{error} It is the second argument, behind the model.") from None
    watched = find(model, layer, "layer")
    _check_choice(watched)
    kernels = [kernel for kernel in watched.kernels if kernel.output_sites]
    if not kernels:
        names = listed(kernel.name for kernel in watched.kernels)
        reasons = " ".join(map(str, watched.notes)) or f"Its kernels: {names or 'none'}."
        raise ValueError(
            f"model {model.name!r} has no layer with a kernel whose outputs can be recorded. "
            f"{reasons}"
        )
    for note in watched.notes:
        warnings.warn(str(note), stacklevel=3)
    kernels = [kernel for kernel in kernels if layer in (kernel.keras_name, kernel.name)] or kernels
    return next((kernel for kernel in kernels if kernel.has_window), kernels[0])


def snapshot(
    model: keras.Layer,
    layers: Any = None,
    step: int = 0,
    window: Mapping[str, Window] | None = None,
) -> Snapshot:
    """Returns the kernels of a built model as they are now; warns of what is not known about it.

    Args:
        model: any Keras model or layer that has its weights.
        layers, window: as `find` takes them.
        step: the step of the snapshot.

    Raises:
        TypeError, ValueError: as `find`; or no kernel is as `layers` and `window` ask.
    """
    watched = find(model, layers, "layer", window)  # as those who draw call it
    _check_choice(watched)
    for note in (*watched.notes, *starmap(guess_note, watched.guesses.items())):
        warnings.warn(str(note), stacklevel=2)
    return watched.read(step)


def _check_choice(watched: WatchedLayers) -> None:
    """Raises ValueError if the choice of layers, or `window`, has problems."""
    if watched.problems:
        sentences = (
            ": ".join(filter(None, (what, reason))) for what, _, reason in watched.problems
        )
        raise ValueError(" ".join(f"{sentence}." for sentence in sentences))


def _flow(model: keras.Layer) -> tuple[trace.Flow | None, tuple[Note, ...]]:
    """Returns the flow of data through a model, or a note that says what is lost without it."""
    try:
        return trace.trace(model), ()
    except Exception as error:  # a model's own code runs here, so anything can be raised
        note = Note(
            f"the data could not be traced through the layers of {short(model.name)}",
            "Its kernels are watched, but dead filters are judged without the BatchNormalization "
            "behind them, Dense layers have no image axes, and the outputs of layers cannot be "
            "recorded",
            described(error),
        )
        return None, (note,)


def _kernel_variables(owner: Owner) -> tuple[str, list[tuple[str, keras.Variable, Layout]]]:
    """Returns why a layer is not watched, or an empty reason and what `kernels_of` returns."""
    if isinstance(owner.layer, RECURRENT):
        return "recurrent: its kernel holds gates, not filters", []
    if not owner.weights:
        return "not built: the model has not used it", []
    kernels = kernels_of(owner.layer, owner.weights)
    if not kernels:
        names = [weight.name for weight in owner.weights]
        others = ", ..." if len(names) > _MANY_WEIGHTS else ""
        only = ", ".join(names[:_MANY_WEIGHTS]) + others
        return f"{type(owner.layer).__name__} has no kernel, only {only}", []
    for _, variable, _ in kernels:
        if not keras.backend.is_float_dtype(variable.dtype):
            return f"its kernel is of dtype {variable.dtype}, not of real numbers", []
        if not 2 <= len(variable.shape) <= 5:
            return f"its kernel has shape {tuple(variable.shape)}; 2 to 5 axes can be read", []
    return "", kernels


def _watched_kernel(
    owner: Owner, suffix: str, variable: keras.Variable, layout: Layout, flow: trace.Flow | None
) -> WatchedKernel:
    layer = owner.layer
    has_outputs = flow is not None and layout.has_outputs
    return WatchedKernel(
        owner.name + suffix,
        owner.keras_name + suffix,
        owner.layer_name,
        layer,
        variable,
        layout.kind,
        partial(_arranged, layout, getattr(layer, "equation", "")),
        batch_norms=flow.batch_norms(layer) if flow and has_outputs else [],
        output_sites=flow.output_sites(layer) if flow and has_outputs else [],
        constraint=variable.constraint,
    )


def _arranged(layout: Layout, equation: str, array: Array) -> Array:
    return layout.arrange(array, equation)
