"""Kernel and Snapshot: the weights of a network at one step of its training."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LARGE = 2**16  # weights; larger kernels that are stored in float32 are also read in float32
_SMALLEST_SCALED = 1e-30  # float32 cannot scale a kernel whose largest weight is smaller
KINDS = ("conv", "depthwise", "transposed", "dense", "custom", "unknown")


@dataclass(frozen=True, eq=False)
class Kernel:
    """One kernel, in Keras's axis order.

    Attributes:
        name: unique in its model and readable, such as `"block1/conv"`.
        layer_type: the Keras class that owns the kernel, such as `"Conv2D"`; `""` if unknown.
        array: the weights, axes `(*spatial, channels, filters)`, as a read-only view. Depthwise:
            channels 1. Dense: no spatial axes, or `(height, width, channels, units)` when the
            layer reads a flattened image.
        gain: per filter, `(filters,)`, the factor by which a BatchNormalization behind the layer
            scales it, `|gamma| / sqrt(variance + epsilon)`; None where none follows.
        trainable: whether training may change the kernel; False in a frozen layer.
        constrained_share: per filter, `(filters,)`, the share of the weights, 0 to 1, that a
            constraint keeps from growing; None without a constraint.
        kind: how the layer uses the kernel, one of `KINDS`: `"conv"`, `"depthwise"`,
            `"transposed"`, `"dense"` (also EinsumDense and attention), `"custom"` (a layer class
            that Keras does not ship) or `"unknown"` (an array without a layer).
        image_is_guess: True if the spatial axes of a dense kernel come from a guess that nothing
            confirms.

    Raises:
        ValueError: fewer than two axes, a dtype that holds no real numbers, an unknown kind, or
            a gain that does not have one number per filter.

    Example:
        >>> import numpy as np
        >>> kernel = Kernel("conv", "Conv2D", np.zeros((3, 3, 1, 8)), kind="conv")
        >>> kernel.spatial, kernel.channels, kernel.filters
        ((3, 3), 1, 8)
    """

    name: str
    layer_type: str
    array: Array
    gain: Array | None = None
    trainable: bool = True
    constrained_share: Array | None = None
    kind: str = "unknown"
    image_is_guess: bool = False

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.ndim < 2:
            raise ValueError(
                f"kernel {self.name!r} has shape {array.shape}: a kernel needs at least the axes "
                "(channels, filters), with spatial axes before them."
            )
        if array.dtype.kind not in "fiubV":  # V: bfloat16, float8 and similar types
            raise ValueError(
                f"kernel {self.name!r} has dtype {array.dtype}: real numbers are needed."
            )
        if self.kind not in KINDS:
            raise ValueError(f"kernel {self.name!r} has kind {self.kind!r}; there are {KINDS}.")
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
        """True if filters have neighbouring taps; False for dense and 1x1 kernels."""
        return self.array.size > 0 and any(size > 1 for size in self.spatial)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All watched kernels at one step.

    Attributes:
        step: 0 is the initial state, `e + 1` the state after epoch `e`.
        kernels: in the order in which the network uses them.
        skipped: layer name -> why a layer with weights is not watched.

    Raises:
        ValueError: two kernels have one name.

    Example:
        >>> import numpy as np
        >>> snapshot = Snapshot(0, (Kernel("conv", "Conv2D", np.ones((3, 3, 1, 4))),))
        >>> [kernel.name for kernel in snapshot.kernels]
        ['conv']
    """

    step: int
    kernels: tuple[Kernel, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = Counter(kernel.name for kernel in self.kernels)
        repeated = sorted(name for name, count in counts.items() if count > 1)
        if repeated:
            raise ValueError(f"kernel names must be unique; these came more than once: {repeated}.")

    def copied(self, buffers: dict[str, Array] | None = None) -> "Snapshot":
        """Returns the snapshot in memory of its own, which training does not change.

        `buffers` maps kernel names to arrays. An array of the right shape and dtype is overwritten
        and used; otherwise a new one is made and added.
        """
        buffers = {} if buffers is None else buffers
        return replace(self, kernels=tuple(_copied(kernel, buffers) for kernel in self.kernels))

    def condensed(self) -> "Snapshot":
        """Returns a copy that keeps directions in half the memory: large kernels in float16.

        Each kernel is scaled so that small weights keep their digits too; from a kernel to its
        copy, 1 - cosine is about 4e-8.
        """
        return replace(self, kernels=tuple(_condensed(kernel) for kernel in self.kernels))


def _copied(kernel: Kernel, buffers: dict[str, Array]) -> Kernel:
    buffer = buffers.get(kernel.name)
    if buffer is None or (buffer.shape, buffer.dtype) != (kernel.array.shape, kernel.array.dtype):
        buffers[kernel.name] = buffer = np.empty_like(kernel.array)
    np.copyto(buffer, kernel.array)
    return replace(kernel, array=buffer)


def _condensed(kernel: Kernel) -> Kernel:
    array = kernel.array
    if array.dtype != np.float32 or array.size <= LARGE:
        return _copied(kernel, {})
    highest = float(max(array.max(), -array.min()))
    if not _SMALLEST_SCALED < highest < np.inf:
        return _copied(kernel, {})
    half = np.empty(array.shape, np.float16)
    scale = 2.0 ** (15 - np.frexp(highest)[1])  # a power of two loses no digit
    np.multiply(array, np.float32(scale), out=half, casting="same_kind")
    return replace(kernel, array=half)
