"""What is watched: the kernels of a network at one step of its training."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LARGE = 2**16  # weights; single precision will do for larger kernels that are stored so
_TINY = 1e-30  # single precision cannot scale smaller ones


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel, in Keras's own axis order.

    Attributes:
        name: unique in its model and readable, such as `"block1/conv"`.
        layer_type: the Keras class that owns it, such as `"Conv2D"`; `""` if unknown.
        array: the weights, axes `(*spatial, channels, filters)`, as a read-only view. Depthwise:
            channels 1. Dense: no spatial axes, or `(height, width, channels, units)` when it
            reads a flattened image.
        gain: per filter, what a BatchNormalization behind the layer multiplies it by,
            `|gamma| / sqrt(variance + epsilon)`; None where none follows.
        trainable: whether training may change it: false in a frozen layer.
        held: per filter, the share of weights that a constraint keeps from growing; None without.
    """

    name: str
    layer_type: str
    array: Array
    gain: Array | None = None
    trainable: bool = True
    held: Array | None = None

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim < 2:
            raise ValueError(
                f"kernel {self.name!r} has shape {array.shape}: a kernel needs at least the axes "
                "(channels, filters), with spatial axes before them."
            )
        if array.dtype.kind not in "fiubV":  # V: bfloat16, float8 and their kin
            raise ValueError(
                f"kernel {self.name!r} has dtype {array.dtype}: real numbers are needed."
            )
        view = array.view()
        view.flags.writeable = False
        object.__setattr__(self, "array", view)
        if self.gain is not None and np.shape(self.gain) != array.shape[-1:]:
            raise ValueError(
                f"kernel {self.name!r} has {array.shape[-1]} filters, its gain has shape "
                f"{np.shape(self.gain)}: one number per filter is needed."
            )

    @property
    def spatial(self) -> tuple[int, ...]:
        """Size of the window, such as `(3, 3)`; `()` for a dense kernel."""
        return self.array.shape[:-2]

    @property
    def channels(self) -> int:
        """How many inputs a filter reads at each position."""
        return int(self.array.shape[-2])

    @property
    def filters(self) -> int:
        """How many outputs the layer has."""
        return int(self.array.shape[-1])

    @property
    def has_window(self) -> bool:
        """Whether there are filters with neighbouring taps: not in dense and 1x1 kernels."""
        return self.array.size > 0 and any(size > 1 for size in self.spatial)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All watched kernels at one step.

    Attributes:
        step: 0 is the initial state, `e + 1` the state after epoch `e`.
        kernels: in the order in which the network uses them.
        skipped: layer name -> why a layer with weights is not watched.
    """

    step: int
    kernels: tuple[Kernel, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [kernel.name for kernel in self.kernels]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"kernel names must be unique; more than once came {twice}.")

    def copied(self, room: dict[str, Array] | None = None) -> "Snapshot":
        """The same snapshot in memory of its own: it stays as it is while training goes on.

        `room` holds arrays by kernel name, which are written where they fit, and added where not.
        """
        room = {} if room is None else room
        return replace(self, kernels=tuple(_copied(kernel, room) for kernel in self.kernels))

    def condensed(self) -> "Snapshot":
        """A copy that keeps directions, in half the memory: large kernels in half precision.

        Scaled so that small weights keep their digits too; from a kernel to its copy, 1 - cosine is
        about 4e-8.
        """
        return replace(self, kernels=tuple(_condensed(kernel) for kernel in self.kernels))


def _copied(kernel: Kernel, room: dict[str, Array]) -> Kernel:
    there = room.get(kernel.name)
    if there is None or (there.shape, there.dtype) != (kernel.array.shape, kernel.array.dtype):
        room[kernel.name] = there = np.empty_like(kernel.array)
    np.copyto(there, kernel.array)
    return replace(kernel, array=there)


def _condensed(kernel: Kernel) -> Kernel:
    array = kernel.array
    if array.dtype != np.float32 or array.size <= LARGE:
        return _copied(kernel, {})
    highest = float(max(array.max(), -array.min()))
    if not _TINY < highest < np.inf:
        return _copied(kernel, {})
    half = np.empty(array.shape, np.float16)
    scale = 2.0 ** (15 - np.frexp(highest)[1])  # by a power of two, which loses no digit
    np.multiply(array, np.float32(scale), out=half, casting="same_kind")
    return replace(kernel, array=half)


def nearest(name: str, names: Iterable[str]) -> str:
    """For a message about a name that is not there: those like it, or else all."""
    names = list(names)
    near = difflib.get_close_matches(str(name), names, cutoff=0.4)
    return f"did you mean {' or '.join(map(repr, near))}" if near else f"there are {names}"
