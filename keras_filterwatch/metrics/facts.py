"""KernelFacts: one kernel at one step, and what several metrics need to know about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.metrics.blocks import (
    Floats,
    euclidean_norms,
    overflows_float32,
    precision,
)
from keras_filterwatch.metrics.covariance import SliceCovariance, slice_covariance
from keras_filterwatch.metrics.similarity import FilterSimilarity, filter_similarity

if TYPE_CHECKING:
    from keras_filterwatch.metrics.activity import Outputs


class Measurement(NamedTuple):
    """One score of a kernel.

    Attributes:
        number: of the layer; NaN where it is undefined, or where only filters have the score.
        filters: the number, flag or label of each filter, `(filters,)`, NaN where undefined; None
            if only the layer has the score.
    """

    number: float
    filters: Array | None = None


Measurements: TypeAlias = dict[str, Measurement]  # name of a score -> what was measured


@dataclass(frozen=True, eq=False)
class KernelFacts:
    """One kernel at one step, with what metrics compute from it, each at most once.

    Attributes:
        kernel: the kernel.
        previous: its weights at the step before; None if there was none.
        first: its weights at the first step; None if it is not known.
        outputs: the outputs of the layer's units for the probe inputs; None without a probe.
        gradient: the gradient of the probe's loss by the weights, in the kernel's shape; None
            without a probe that has targets.
        known: name -> `(filters,)`, scores of the filters that were measured before at this step.

    Example:
        >>> import numpy as np
        >>> facts = KernelFacts(Kernel("conv", "Conv2D", np.full((2, 2, 1, 3), 0.5)))
        >>> facts.norms
        array([1., 1., 1.])
        >>> facts.finite
        array([ True,  True,  True])
    """

    kernel: Kernel
    previous: Array | None = None
    first: Array | None = None
    outputs: "Outputs | None" = None
    gradient: Array | None = None
    known: Mapping[str, Array] = field(default_factory=dict)

    @cached_property
    def weights(self) -> Array:
        """The weights, `(*spatial, channels, filters)`, in a dtype whose squares stay finite."""
        stored = self.kernel.array
        if precision(stored) == np.float32 and overflows_float32(stored, self._stored_norms):
            return stored.astype(np.float64)
        return stored

    @cached_property
    def norms(self) -> Floats:
        """Norms of the filters, `(filters,)`, as a BatchNormalization behind the layer scales them.

        Not finite where a weight, or the gain of the BatchNormalization, is not.
        """
        if "norm" in self.known:
            return self.known["norm"]
        return scaled_norms(self.weight_norms, self.kernel.gain)

    @cached_property
    def weight_norms(self) -> Floats:
        """Norms of the filters, `(filters,)`, without any BatchNormalization."""
        stored = self.weights is self.kernel.array
        return self._stored_norms if stored else euclidean_norms(self.weights)

    @cached_property
    def finite(self) -> Array:
        """Which filters have a finite norm, `(filters,)`: those that did not diverge."""
        return np.isfinite(self.norms)

    @cached_property
    def finite_weights(self) -> Array:
        """The weights without the filters that diverged, `(*spatial, channels, finite filters)`."""
        return self.weights if self.finite.all() else self.weights[..., self.finite]

    @cached_property
    def similarity(self) -> FilterSimilarity:
        """The finite filters compared with each other."""
        return filter_similarity(self.finite_weights)

    @cached_property
    def covariance(self) -> SliceCovariance:
        """How the slices of the finite filters vary together."""
        return slice_covariance(self.finite_weights, self.similarity)

    def for_all_filters(self, values: Array) -> Array:
        """Returns values of the finite filters as `(filters,)`: NaN, "" or False for the others.

        Example:
            >>> import numpy as np
            >>> facts = KernelFacts(Kernel("dense", "Dense", np.array([[1.0, np.nan, 2.0]])))
            >>> facts.for_all_filters(np.array([0.5, 0.25]))
            array([0.5 ,  nan, 0.25])
        """
        if self.finite.all():
            return values
        missing = np.nan if values.dtype.kind == "f" else values.dtype.type()
        result = np.full(self.finite.shape, missing, values.dtype)
        result[self.finite] = values
        return result

    @cached_property
    def _stored_norms(self) -> Floats:
        return euclidean_norms(self.kernel.array)


@np.errstate(all="ignore")
def scaled_norms(norms: Floats, gain: Array | None) -> Floats:
    """Returns norms `(filters,)` as a BatchNormalization with this gain scales them.

    `gain`, `(filters,)`, is `|gamma| / sqrt(variance + epsilon)`; None if there is none.
    """
    return norms if gain is None else norms * np.asarray(gain, np.float64)
