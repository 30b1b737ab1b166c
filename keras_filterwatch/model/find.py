"""Keras model in, snapshot out: finds the kernels, names them, reads them in one axis order."""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.model import trace as tracing
from keras_filterwatch.text import suggestion

_RECURRENT = (
    *(layers.LSTM, layers.GRU, layers.SimpleRNN),
    *(layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell),
    *(layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D),
)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)


@dataclass(frozen=True, eq=False)
class Source:
    """Where a kernel comes from, and how it is brought into `(*spatial, channels, filters)`."""

    name: str
    layer: keras.Layer
    variable: keras.Variable
    arrange: Callable[[Array], Array]
    batch_norms: list[layers.BatchNormalization]
    outlets: list[tracing.Outlet]
    constraint: Callable[[Any], Any] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """`(*spatial, channels, filters)`"""
        return self.arrange(np.broadcast_to(np.int8(0), self.variable.shape)).shape

    @property
    def has_window(self) -> bool:
        """Whether a filter has neighbouring taps: false for dense and 1x1 kernels."""
        return Kernel(self.name, "", np.broadcast_to(np.int8(0), self.shape)).has_window

    def read(self) -> Kernel:
        """The kernel as it is now."""
        # with LoRA, what the layer computes with is its variable plus a product of two others
        adapted = getattr(self.layer, "lora_enabled", False)
        array = self.arrange(_to_numpy(self.layer.kernel if adapted else self.variable))
        gains = [gain for gain in map(_gain, self.batch_norms) if len(gain) == array.shape[-1]]
        # a filter that several BatchNormalizations read is alive if one lets it live
        gain = np.max(gains, axis=0) if gains else None
        trainable = self.layer.trainable and (adapted or self.variable.trainable)
        return Kernel(self.name, type(self.layer).__name__, array, gain, trainable, self._held())

    def _held(self) -> Array | None:
        """Per filter, the share of weights that their constraint would take back if they grew."""
        if self.constraint is None:
            return None
        grown = 1.01 * keras.ops.convert_to_tensor(self.variable)
        back = np.abs(_to_numpy(keras.ops.convert_to_tensor(self.constraint(grown)) - grown))
        taken = self.arrange(back) > 1e-3 * np.abs(self.arrange(_to_numpy(grown)))
        return taken.mean(axis=tuple(range(taken.ndim - 1)))


@dataclass(frozen=True, eq=False)
class Watched:
    """The kernels of a model that are watched, in the order in which it uses them.

    Attributes:
        sources: what `read` reads.
        skipped: layer name -> why a layer with weights is not watched.
        problems: what is wrong with the choice of layers, a sentence each.
    """

    sources: tuple[Source, ...]
    skipped: dict[str, str]
    problems: tuple[str, ...]

    @property
    def variables(self) -> list[tuple[str, int]]:
        """What is watched, to be compared: two searches that find the same are equal."""
        return [(source.name, id(source.variable)) for source in self.sources]

    def read(self, step: int) -> Snapshot:
        """The kernels as they are now: views of the model's weights where the backend allows it."""
        return Snapshot(step, tuple(source.read() for source in self.sources), self.skipped)


def snapshot(model: keras.Layer, layers: Any = None, step: int = 0) -> Snapshot:
    """The kernels of a built model as they are now.

    Takes and raises what `find` does, and ValueError if no kernel is as `wanted` asks.
    """
    watched = find(model, layers)
    if watched.problems:
        raise ValueError(" ".join(watched.problems))
    return watched.read(step)


def load(path: str | os.PathLike[str]) -> keras.Model:
    """A model saved as `.keras` or `.h5`."""
    if os.fspath(path).endswith(".weights.h5"):
        raise ValueError(
            f"{path} holds weights without the model they belong to: build the model, call "
            "model.load_weights(path), and pass the model."
        )
    return keras.saving.load_model(path, compile=False)


def find(model: keras.Layer, wanted: Any = None) -> Watched:
    """Finds the kernels of a built model.

    Args:
        model: any Keras model or layer that has its weights.
        wanted: None for all; a kernel's or layer's name, a glob pattern, a layer (with all that
            it contains), a function `layer -> bool`, or several of these.

    Raises:
        TypeError, ValueError: no Keras model, or one without weights yet.
    """
    if not isinstance(model, keras.Layer):
        raise TypeError(f"a Keras model is needed; got {type(model).__name__}.")
    if not model.built and not model.weights:
        raise ValueError(
            f"model {model.name!r} has no weights yet: call it on data, or model.build(shape)."
        )
    flow = _flow(model)
    sources: list[Source] = []
    skipped: dict[str, str] = {}
    for name, layer, own in _owners(model):
        try:
            kernels = dict(_kernels(layer, own))
            reason = _unfit(layer, own, kernels)
        except Exception as error:  # properties of a layer of the user's own
            reason = f"its kernel cannot be read: {type(error).__name__}: {error}"
        if reason:
            skipped[name] = reason
            continue
        for suffix, variable in kernels.items():
            # the depthwise half of a separable convolution has no outputs of its own
            seen = None if suffix == "/depthwise_kernel" else flow
            norms = seen.batch_norms(layer) if seen else []
            outlets = seen.outlets(layer) if seen else []
            arrange = _arrangement(layer, suffix, variable, flow)
            constraint = getattr(layer, f"{suffix.strip('/') or 'kernel'}_constraint", None)
            source = Source(name + suffix, layer, variable, arrange, norms, outlets, constraint)
            sources.append(source)
    if flow:
        sources.sort(key=lambda source: flow.order.get(id(source.layer), len(flow.order)))
    if wanted is None:
        return Watched(tuple(sources), skipped, ())
    chosen, problems = _choose(sources, skipped, wanted)
    others = {source.name: "not among the chosen layers" for source in sources}
    skipped |= {name: reason for name, reason in others.items() if name not in chosen}
    return Watched(tuple(s for s in sources if s.name in chosen), skipped, problems)


def _flow(model: keras.Layer) -> tracing.Flow | None:
    try:
        return tracing.trace(model)
    except Exception as error:  # a model's own code runs here: anything can come
        reason = str(error).split("Error encountered:")[-1].strip()  # without Keras's preface
        warnings.warn(
            f"FilterWatch could not follow the data through {model.name!r} ({reason}). Its kernels "
            "are watched all the same, but dead filters are judged without the "
            "BatchNormalization behind them, and Dense layers have no image axes.",
            stacklevel=2,
        )
        return None


def _owners(model: keras.Layer) -> Iterator[tuple[str, keras.Layer, list[keras.Variable]]]:
    """Each layer with weights of its own, under a unique name: the path to it in the model."""
    taken: set[str] = set()
    seen: set[int] = set()

    def walk(layer: keras.Layer, path: str) -> Iterator[Any]:
        if id(layer) in seen:
            return
        seen.add(id(layer))
        parts = [] if isinstance(layer, _RECURRENT) else _sublayers(layer)
        theirs = {id(weight) for part in parts for weight in part.weights}
        own = [weight for weight in layer.weights if id(weight) not in theirs]
        if own or (path and not layer.built):
            yield _unique(path or layer.name, taken), layer, own
        for part in parts:
            yield from walk(part, f"{path}/{part.name}" if path else part.name)

    yield from walk(model, "")


def _sublayers(layer: keras.Layer) -> list[keras.Layer]:
    return list(layer._flatten_layers(include_self=False, recursive=False))


def _unique(name: str, taken: set[str]) -> str:
    candidates = (name if i == 0 else f"{name}_{i}" for i in range(len(taken) + 1))
    free = next(candidate for candidate in candidates if candidate not in taken)
    taken.add(free)
    return free


def _kernels(layer: keras.Layer, own: list[keras.Variable]) -> Iterator[tuple[str, keras.Variable]]:
    if isinstance(layer, _SEPARABLE):
        yield "/depthwise_kernel", layer.depthwise_kernel
        yield "/pointwise_kernel", layer.pointwise_kernel
        return
    attribute = getattr(layer, "kernel", None)
    found = [weight for weight in own if weight is attribute or weight.name == "kernel"]
    for i, weight in enumerate(found):
        yield f"/{weight.name}_{i}" if i else "", weight


def _unfit(
    layer: keras.Layer, own: list[keras.Variable], kernels: dict[str, keras.Variable]
) -> str:
    """Why a layer is not watched; empty if it is."""
    if isinstance(layer, _RECURRENT):
        return "recurrent: its kernel holds gates, not filters"
    if not own:
        return "not built: the model has not used it"
    if not kernels:
        return f"{type(layer).__name__} has no kernel, only {', '.join(w.name for w in own)}"
    for kernel in kernels.values():
        if not keras.backend.is_float_dtype(kernel.dtype):
            return f"its kernel is of dtype {kernel.dtype}, not of real numbers"
        if not 2 <= len(kernel.shape) <= 5:
            return f"its kernel has shape {tuple(kernel.shape)}; 2 to 5 axes can be read"
    return ""


def _arrangement(
    layer: keras.Layer, suffix: str, variable: keras.Variable, flow: tracing.Flow | None
) -> Callable[[Array], Array]:
    if isinstance(layer, _DEPTHWISE) or suffix == "/depthwise_kernel":
        return _depthwise
    if isinstance(layer, _TRANSPOSED):
        return _transposed
    if isinstance(layer, layers.EinsumDense):
        return partial(_contracted, equation=layer.equation)
    image = flow.image_shape(layer) if flow and isinstance(layer, layers.Dense) else None
    if image and len(variable.shape) == 2 and variable.shape[0] == math.prod(image):
        return partial(_imaged, image=image)
    return np.asarray


def _depthwise(array: Array) -> Array:
    """(*spatial, channels, multiplier): each output reads one channel."""
    return array.reshape(*array.shape[:-2], 1, -1)


def _transposed(array: Array) -> Array:
    """(*spatial, filters, channels)"""
    return array.swapaxes(-1, -2)


def _imaged(array: Array, image: tuple[int, ...]) -> Array:
    """(height * width * channels, units)"""
    return array.reshape(*image, -1)


def _contracted(array: Array, equation: str) -> Array:
    """As `"abc,cde->abde"` says: axes that the output lacks are channels, the others filters."""
    inputs, output = equation.replace(" ", "").split("->")
    names = inputs.split(",")[1]
    channels = [axis for axis, name in enumerate(names) if name not in output]
    filters = [axis for axis, name in enumerate(names) if name in output]
    sizes = [int(np.prod([array.shape[axis] for axis in part])) for part in (channels, filters)]
    return array.transpose(channels + filters).reshape(sizes)


def _to_numpy(variable: keras.Variable) -> Array:
    tensor = keras.ops.stop_gradient(keras.ops.convert_to_tensor(variable))
    try:
        return np.asarray(tensor)  # no copy where the backend's memory can be shared
    except TypeError:
        return np.asarray(keras.ops.convert_to_numpy(tensor))


def _gain(norm: layers.BatchNormalization) -> Array:
    variance = _to_numpy(norm.moving_variance).astype(np.float64)
    gamma = _to_numpy(norm.gamma).astype(np.float64) if norm.scale else np.float64(1)
    with np.errstate(all="ignore"):  # weights that diverged are reported elsewhere
        return np.abs(gamma) / np.sqrt(variance + norm.epsilon)


def wishes(layers: Any) -> list[Any]:
    """A choice of layers as a list, checked.

    Raises:
        TypeError, ValueError: what cannot choose a layer, and nothing at all.
    """
    one = isinstance(layers, str) or not isinstance(layers, Iterable)
    several = [layers] if one else list(layers)
    if not several:
        raise ValueError("layers: nothing is chosen; None stands for every kernel.")
    for wish in several:
        if isinstance(wish, type):
            raise TypeError(
                f"layers: {wish.__name__} is a class; for its layers take "
                f"`lambda layer: isinstance(layer, {wish.__name__})`."
            )
        if not isinstance(wish, str) and not callable(wish):  # a layer is callable
            raise TypeError(
                f"layers: {wish!r} is neither a name, a glob pattern, a layer nor a function."
            )
    return several


def _choose(
    sources: list[Source], skipped: dict[str, str], wanted: Any
) -> tuple[set[str], tuple[str, ...]]:
    """Names of the wanted kernels, and what is wrong with the wishes."""
    chosen: set[str] = set()
    problems = []
    for wish in wishes(wanted):
        found = {source.name for source in sources if _meets(source, wish)}
        chosen |= found
        if not found:
            problems.append(_unmet(wish, [source.name for source in sources], skipped))
    return chosen, tuple(problems)


def _meets(source: Source, wish: Any) -> bool:
    if isinstance(wish, str):
        inside = source.name.startswith(wish + "/")
        names = (source.name, source.layer.name)
        return inside or any(name == wish or fnmatchcase(name, wish) for name in names)
    if isinstance(wish, keras.Layer):
        return any(weight is source.variable for weight in wish.weights)
    return bool(wish(source.layer))


def _unmet(wish: Any, names: list[str], skipped: dict[str, str]) -> str:
    if not isinstance(wish, str):
        what = f"layer {wish.name!r}" if isinstance(wish, keras.Layer) else f"{wish!r}"
        return f"{what} matches no kernel of this model; there are {names}."
    if wish in skipped:
        return f"{wish!r} cannot be watched: {skipped[wish]}."
    return f"no kernel is called {wish!r}; {suggestion(wish, names)}."
