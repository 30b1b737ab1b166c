"""Is it still moving? The size of the last step, and the rotation since the first one."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, filter_products, precision
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

UPDATE = {"update": "Size of the change since the last step, relative to the weights."}
ROTATION = {"rotation": "1 - cosine to the weights at the start: 0 is where they began."}
AT_REST = 2e-4  # rotation below which training has not changed the weights
_FLOAT32_ROTATION = 1e-7  # smaller rotations of kernels that are read in float32 are rounding noise


def measure_update(facts: KernelFacts) -> Measurements:
    """Measures `update`, the relative change since the previous step; nothing without one."""
    if facts.previous is None:
        return {}
    return {"update": Measurement(*update_ratio(facts.weights, facts.previous))}


def measure_rotation(facts: KernelFacts) -> Measurements:
    """Measures `rotation`, the change of direction since the first step; nothing without one."""
    if facts.first is None:
        return {}
    return {"rotation": Measurement(*rotation(facts.weights, facts.first))}


@np.errstate(all="ignore")
def update_ratio(now: Array, before: Array) -> tuple[float, Floats]:
    """Returns ||now - before|| / ||before||, of the layer and of each filter, `(filters,)`.

    Both arrays are `(*spatial, channels, filters)`. The rule of thumb of the CS231n course is 1e-3
    per optimiser step; over an epoch of T steps expect between sqrt(T) and T times that. NaN where
    the weights before were all zero.

    Example:
        >>> import numpy as np
        >>> update_ratio(np.array([[3.0, 1.0], [4.5, 1.0]]), np.array([[3.0, 1.0], [4.0, 1.0]]))[1]
        array([0.1, 0. ])
    """
    sums = np.zeros((2, now.shape[-1]))
    for columns, (new, old) in blocks(now, before):
        change = new - old
        sums[:, columns] += filter_products(change, change), filter_products(old, old)
    return float(_ratio(sums.sum(axis=1))), _ratio(sums)


@np.errstate(all="ignore")
def rotation(now: Array, first: Array) -> tuple[float, Floats]:
    """Returns 1 - cos of the angle between the weights now and at first (0 to 2).

    Both arrays are `(*spatial, channels, filters)`; the results are the layer's number and that of
    each filter, `(filters,)`. 0 means still in the initial direction, 1 at right angles to it
    (Carbonnelle & De Vleeschouwer 2018). NaN where either is zero. In kernels of more than 65,536
    weights of at most 32 bits, rotations below 1e-7 are returned as 0.

    Example:
        >>> import numpy as np
        >>> rotation(np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 0.0]]))[1]
        array([1., 0.])
    """
    sums = np.zeros((3, now.shape[-1]))
    for columns, (new, old) in blocks(now, first):
        pairs = ((new, old), (new, new), (old, old))
        sums[:, columns] += [filter_products(*pair) for pair in pairs]
    smallest = _FLOAT32_ROTATION if precision(now, first) == np.float32 else 0
    return float(_one_minus_cosine(sums.sum(axis=1), smallest)), _one_minus_cosine(sums, smallest)


def _ratio(sums: Floats) -> Floats:
    change, before = sums
    return np.asarray(np.sqrt(change / np.where(before > 0, before, np.nan)))


def _one_minus_cosine(sums: Floats, smallest: float) -> Floats:
    product, now, first = sums
    norms = np.sqrt(now) * np.sqrt(first)
    cosine = product / np.where(norms > 0, norms, np.nan)
    rotation = 1 - np.clip(cosine, -1, 1)
    return np.asarray(np.where(rotation < smallest, 0, rotation))
