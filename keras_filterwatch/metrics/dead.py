"""Is it dead? Filters whose weights are too small to matter, as BatchNormalization leaves them."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, euclidean_norms
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements, scaled_norms

DESCRIPTIONS = {
    "norm": "Median norm of the filters, as a BatchNormalization behind them leaves it.",
    "dead": "Share of the filters whose norm is below a tenth of the median.",
}
_SHARE_OF_MEDIAN = 0.1  # under the usual initialisers no filter of 64 falls below it


def measure(facts: KernelFacts) -> Measurements:
    """Measures `norm` and `dead`, of the layer and of each filter, `(filters,)`.

    The layer's norm is the median of the finite ones; `dead` is a share, 0 to 1, and 0 is good.
    """
    dead = dead_filters(facts.norms)
    norms = facts.norms[facts.finite]
    return {
        "norm": Measurement(float(np.median(norms)) if norms.size else np.nan, facts.norms),
        "dead": Measurement(float(dead.mean()) if dead.size else np.nan, dead),
    }


def filter_norms(array: Array, gain: Array | None = None) -> Floats:
    """Returns the Euclidean norm of each filter of `(*spatial, channels, filters)`, `(filters,)`.

    `gain`, `(filters,)`, is `|gamma| / sqrt(variance + epsilon)` of a BatchNormalization behind the
    layer. It scales the filters, so their own norms mean nothing and the result is norm times gain.
    A norm is not finite where a weight is not.

    Example:
        >>> import numpy as np
        >>> filter_norms(np.ones((2, 2, 1, 3)), gain=np.array([0.0, 1.0, 2.5]))
        array([0., 2., 5.])
    """
    return scaled_norms(euclidean_norms(array), gain)


def dead_filters(norms: Array) -> Array:
    """Returns which filters are dead by weight: their norm is 0, or below a tenth of the median.

    `norms` and the result are `(filters,)`. Healthy layers have no dead filter. A filter whose norm
    is not finite is not dead.

    Example:
        >>> import numpy as np
        >>> dead_filters(np.array([1.0, 1.2, 0.01]))
        array([False, False,  True])
    """
    finite = norms[np.isfinite(norms)]
    median = float(np.median(finite)) if finite.size else 0.0
    return np.asarray((norms == 0) | (norms < _SHARE_OF_MEDIAN * median))
