"""Is it still moving? The size of the last step, and how far the weights turned since the start."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, precision, products

_RESOLVED = 1e-7  # smaller rotations of large kernels are lost in single precision


@np.errstate(all="ignore")
def update_ratio(now: Array, before: Array) -> tuple[float, Floats]:
    """||now - before|| / ||before||, of the layer and per filter `(filters,)`.

    CS231n's rule of thumb is 1e-3 per optimiser step; over an epoch of T steps expect between
    sqrt(T) and T times that. NaN where the weights before were zero.
    """
    sums = np.zeros((2, now.shape[-1]))
    for columns, (new, old) in blocks(now, before):
        step = new - old
        sums[:, columns] += products(step, step), products(old, old)
    return float(_ratio(sums.sum(axis=1))), _ratio(sums)


@np.errstate(all="ignore")
def rotation(now: Array, first: Array) -> tuple[float, Floats]:
    """1 - cos of the angle between the weights now and at first, of the layer and per filter.

    0 still at its initialisation, 1 at right angles to it (Carbonnelle & De Vleeschouwer 2018).
    NaN where either is zero. Of large kernels in single precision, 0 if below 1e-7.
    """
    sums = np.zeros((3, now.shape[-1]))
    for columns, (new, old) in blocks(now, first):
        sums[:, columns] += products(new, old), products(new, new), products(old, old)
    resolved = _RESOLVED if precision(now, first) == np.float32 else 0
    return float(_turn(sums.sum(axis=1), resolved)), _turn(sums, resolved)


def _ratio(sums: Floats) -> Floats:
    moved, size = sums
    return np.asarray(np.sqrt(moved / np.where(size > 0, size, np.nan)))


def _turn(sums: Floats, resolved: float) -> Floats:
    product, now, first = sums
    lengths = np.sqrt(now) * np.sqrt(first)
    cosine = product / np.where(lengths > 0, lengths, np.nan)
    turn = 1 - np.clip(cosine, -1, 1)
    return np.asarray(np.where(turn < resolved, 0, turn))
