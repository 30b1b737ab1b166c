"""WatchedKernel: where a kernel of a model comes from, and how it is read as it is now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from keras_filterwatch.image_guess import GuessedImage
from keras_filterwatch.kernel_names import KernelNames
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.trace import OutputSite

_GROWTH = 1.01  # the factor by which weights are enlarged, to see which of them a constraint limits


@dataclass(frozen=True, eq=False)
class WatchedKernel:
    """The variable that holds a kernel, with what is needed to read it.

    Attributes:
        name: the kernel's name, unique in its model.
        keras_name: the same with the names that Keras shows, unique too.
        layer_name: the name of its layer alone, as the last part of `name` has it.
        layer: the layer that owns the variable.
        variable: the variable.
        kind: how the layer uses the kernel, as in `Kernel.kind`.
        arrange: brings the variable's array into `(*spatial, channels, filters)`.
        batch_norms: the BatchNormalizations that scale the layer's filters.
        output_sites: where the layer's outputs can be recorded, one for each use of the layer;
            none if that is not known.
        constraint: the constraint of the variable, if it has one.
    """

    name: str
    keras_name: str
    layer_name: str
    layer: keras.Layer
    variable: keras.Variable
    kind: str
    arrange: Callable[[Array], Array]
    batch_norms: list[layers.BatchNormalization]
    output_sites: list[OutputSite]
    constraint: Callable[[Any], Any] | None

    @property
    def names(self) -> KernelNames:
        """All names that may stand for the kernel."""
        return KernelNames(self.name, self.layer_name, (self.keras_name, self.layer.name))

    @property
    def shape(self) -> tuple[int, ...]:
        """`(*spatial, channels, filters)`"""
        return self.arrange(np.broadcast_to(np.int8(0), self.variable.shape)).shape

    @property
    def has_window(self) -> bool:
        """True if filters have neighbouring taps; False for dense and 1x1 kernels."""
        return Kernel(self.name, "", np.broadcast_to(np.int8(0), self.shape)).has_window

    @property
    def channels_first(self) -> bool:
        """True if the layer's images have their channels before height and width."""
        return getattr(self.layer, "data_format", "") == "channels_first"

    def read(self) -> Kernel:
        """Returns the kernel as it is now: a view of the weights where the backend allows it."""
        # with LoRA, what the layer computes with is its variable plus a product of two others
        adapted = getattr(self.layer, "lora_enabled", False)
        array = self.arrange(to_numpy(self.layer.kernel if adapted else self.variable))
        gains = [gain for gain in map(_gain, self.batch_norms) if len(gain) == array.shape[-1]]
        return Kernel(
            self.name,
            type(self.layer).__name__,
            array,
            # a filter that several BatchNormalizations read is alive if one lets it live
            gain=np.max(gains, axis=0) if gains else None,
            trainable=self.layer.trainable and (adapted or self.variable.trainable),
            constrained_share=self._constrained_share(),
            kind=self.kind,
        )

    def _constrained_share(self) -> Array | None:
        """Returns, per filter, the share of weights that their constraint keeps from growing."""
        if self.constraint is None:
            return None
        enlarged = _GROWTH * keras.ops.convert_to_tensor(self.variable)
        change = keras.ops.convert_to_tensor(self.constraint(enlarged)) - enlarged
        removed_growth = self.arrange(np.abs(to_numpy(change)))
        is_constrained = removed_growth > 1e-3 * np.abs(self.arrange(to_numpy(enlarged)))
        return is_constrained.mean(axis=tuple(range(is_constrained.ndim - 1)))


def _gain(norm: layers.BatchNormalization) -> Array:
    """Returns the factor by which a BatchNormalization scales each filter."""
    variance = to_numpy(norm.moving_variance).astype(np.float64)
    gamma = to_numpy(norm.gamma).astype(np.float64) if norm.scale else np.float64(1)
    with np.errstate(all="ignore"):  # weights that diverged are reported elsewhere
        return np.abs(gamma) / np.sqrt(variance + norm.epsilon)


class Note(NamedTuple):
    """What is wrong with a choice of layers, or is not known about a model, and what that means.

    Attributes:
        what: what is wrong or not known, without a full stop.
        consequence: what that means for what is watched, without a full stop.
        reason: the error behind it, or why a layer cannot be watched; `""` without one.
    """

    what: str
    consequence: str
    reason: str = ""

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"FilterWatch: {self.what}{reason}. {self.consequence}."


@dataclass(frozen=True, eq=False)
class WatchedLayers:
    """The kernels of a model that are watched, in the order in which the model uses them.

    Attributes:
        kernels: the watched kernels; `read` returns their weights.
        skipped: layer name -> why a layer with weights is not watched.
        problems: what is wrong with the choice of layers, or with `window`.
        notes: what is not known about the model; its kernels are watched all the same.
        guesses: kernel name -> the image that it reads, where that is a guess.
    """

    kernels: tuple[WatchedKernel, ...]
    skipped: Mapping[str, str]
    problems: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()
    guesses: Mapping[str, GuessedImage] = field(default_factory=dict)

    @property
    def variables(self) -> list[tuple[str, int]]:
        """Name and identity of each watched variable: equal if two models share what is watched."""
        return [(kernel.name, id(kernel.variable)) for kernel in self.kernels]

    def read(self, step: int) -> Snapshot:
        """Returns the kernels as they are now: views of the weights where the backend allows it."""
        guesses = {name for name, guess in self.guesses.items() if not guess.is_confirmed}
        kernels = (
            replace(kernel.read(), image_is_guess=kernel.name in guesses) for kernel in self.kernels
        )
        return Snapshot(step, tuple(kernels), self.skipped)
