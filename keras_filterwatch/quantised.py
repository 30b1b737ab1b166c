"""QuantisedKernel: filters of a kernel in 8 bits for each weight, which are enough to draw them."""

from dataclasses import dataclass, field

import numpy as np

from keras_filterwatch.kernels import Array, Kernel

WHOLE = 2**17  # weights of a kernel up to which all its filters are kept
_PART, _FEWEST, _MOST = 2**14, 12, 2**18  # weights and filters that are kept of a larger kernel
_LEVELS = 127
_NOT_FINITE = -128


@dataclass(frozen=True, eq=False)
class QuantisedKernel:
    """The first filters of a kernel, each weight as one of 255 levels, as the record keeps them.

    All filters are kept of a kernel of up to 131,072 weights. Of a larger one it is those that fit
    into 16 KiB, at least the first 12 as far as these fit into 256 KiB.

    Attributes:
        name, layer_type, kind, image_is_guess: as `Kernel` has them.
        shape: of the whole kernel, `(*spatial, channels, filters)`.
        levels: `(*spatial, channels, kept filters)`, int8: -127 to 127 are weights, -128 stands for
            one that is not finite.
        scales: `(kept filters,)`, float32: the weight of level 1. A weight is off by half of it at
            most, which is 0.4 % of its filter's largest weight.

    Example:
        >>> kernel = Kernel("conv", "Conv2D", np.array([[[[-1.0, 0.5]]]]))
        >>> quantised = QuantisedKernel.of(kernel)
        >>> quantised.levels.tolist(), quantised.kernel().array.round(2).tolist()
        ([[[[-127, 127]]]], [[[[-1.0, 0.5]]]])
    """

    name: str
    layer_type: str
    shape: tuple[int, ...]
    levels: Array = field(repr=False)
    scales: Array = field(repr=False)
    kind: str = "unknown"
    image_is_guess: bool = False

    @classmethod
    def of(cls, kernel: Kernel, max_filters: int | None = None) -> "QuantisedKernel":
        """Returns the first filters of a kernel; `max_filters` is None for as many as are kept."""
        array = kernel.array
        filters = kept_filters(array.shape) if max_filters is None else max_filters
        weights = array[..., :filters].astype(np.float32)
        finite = np.isfinite(weights)
        all_finite = bool(finite.all())
        if not all_finite:
            weights = np.where(finite, weights, np.float32(0))
        axes = tuple(range(weights.ndim - 1))
        largest = np.abs(weights).max(axis=axes, initial=0)
        scales = largest / np.float32(_LEVELS)
        # a filter whose weights are all 0, or too small for float32, has level 0 everywhere
        divisors = np.where(scales > 0, scales, np.float32(1))
        levels = np.rint(weights / divisors).clip(-_LEVELS, _LEVELS).astype(np.int8)
        if not all_finite:
            levels[~finite] = _NOT_FINITE
        return cls(
            *(kernel.name, kernel.layer_type, array.shape, levels, scales),
            *(kernel.kind, kernel.image_is_guess),
        )

    def kernel(self) -> Kernel:
        """Returns the filters that are kept as a `Kernel` of float32; NaN where not finite."""
        with np.errstate(over="ignore", invalid="ignore"):  # of weights near the largest float32
            weights = self.levels * self.scales
        weights[self.levels == _NOT_FINITE] = np.nan
        return Kernel(
            *(self.name, self.layer_type, weights),
            kind=self.kind,
            image_is_guess=self.image_is_guess,
        )

    @property
    def filters(self) -> int:
        """How many filters are kept."""
        return int(self.levels.shape[-1])

    @property
    def has_window(self) -> bool:
        """True if filters have neighbouring taps; False for dense and 1x1 kernels."""
        return self.levels.size > 0 and any(size > 1 for size in self.shape[:-2])

    @property
    def is_whole(self) -> bool:
        """True if all filters are kept."""
        return self.levels.shape == self.shape


def kept_filters(shape: tuple[int, ...]) -> int:
    """Returns how many filters of a kernel are kept.

    Example:
        >>> kept_filters((3, 3, 64, 64)), kept_filters((3, 3, 512, 512))
        (64, 12)
    """
    *window, filters = shape
    per_filter = max(1, int(np.prod(window)))
    if per_filter * filters <= WHOLE:
        return filters
    kept = min(max(_FEWEST, _PART // per_filter), _MOST // per_filter)
    return max(1, min(filters, kept))
