"""KernelChange: how far the weights of a layer are apart in two networks, and which filters are."""

import math
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import blocks, filter_products
from keras_filterwatch.metrics.motion import rotation, update_ratio

_LEVELS = 127  # on each side of zero, in a record
_ROUNDING = 1e-6  # relative change below which weights differ by rounding alone
_ABOVE_QUANTISATION = 1.5  # times the error of recorded weights, from which a change is one


@dataclass(frozen=True, eq=False)
class KernelChange:
    """The difference between two kernels.

    Attributes:
        rotation: 1 - cosine between them, 0 to 2; NaN if it is undefined.
        filter_rotations: the same of each filter, `(filters,)`.
        changed_filters: the numbers of the filters that changed, most changed first.
        is_unchanged: True if the kernels are the same but for rounding, or for the 8 bits of a
            record.
    """

    rotation: float
    filter_rotations: Array
    changed_filters: tuple[int, ...]
    is_unchanged: bool


@np.errstate(all="ignore")
def kernel_change(a: Array, b: Array, recorded: tuple[bool, bool] = (False, False)) -> KernelChange:
    """Returns the difference between two kernels `(*spatial, channels, filters)`.

    If one of them has the first filters only, as in a record, only these are compared. A filter
    whose weights are all zero, or not finite, in one of both has changed most.

    Args:
        a, b: the kernels.
        recorded: whether a and b come from a record, with 255 levels for the weights of a filter:
            differences that this can explain do not count.

    Example:
        >>> a = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
        >>> change = kernel_change(a, a * [1.0, -1.0, 0.0])
        >>> change.changed_filters, change.filter_rotations
        ((2, 1), array([ 0.,  2., nan]))
    """
    filters = min(a.shape[-1], b.shape[-1])
    a, b = a[..., :filters], b[..., :filters]
    squares_a, squares_b = _squares(a), _squares(b)
    errors = np.zeros(filters)
    for array, is_recorded in zip((a, b), recorded, strict=True):
        errors += _squared_errors(array) if is_recorded else 0
    change, filter_changes = update_ratio(b, a)
    layer_rotation, filter_rotations = rotation(b, a)
    same = (filter_changes <= _least(errors, squares_a)) | ((squares_a == 0) & (squares_b == 0))
    is_unchanged = bool(same.all() or change <= _least(errors.sum(), squares_a.sum()))
    # undefined rotations stay undefined
    same_direction = same | is_unchanged
    filter_rotations = np.where(same_direction, filter_rotations * 0, filter_rotations)
    has_weights_a, has_weights_b = np.isfinite(squares_a), np.isfinite(squares_b)
    has_weights_a &= squares_a > 0
    has_weights_b &= squares_b > 0
    # filters that have weights in one of both only come before any rotation, which is 2 at most
    rank = np.where(has_weights_a ^ has_weights_b, 3, filter_rotations)
    order = np.lexsort((-filter_changes, -rank))
    can_tell = has_weights_a | has_weights_b
    return KernelChange(
        layer_rotation * 0 if is_unchanged else layer_rotation,
        filter_rotations,
        tuple(int(f) for f in order if can_tell[f] and not same_direction[f]),
        is_unchanged,
    )


def _squares(array: Array) -> Array:
    """Returns the sum of the squared weights of each filter."""
    squares = np.zeros(array.shape[-1])
    for columns, (block,) in blocks(array):
        squares[columns] += filter_products(block, block)
    return squares


def _squared_errors(array: Array) -> Array:
    """Returns the expected squared error of each filter, if its weights are of a record.

    Rounding to levels that are a step apart has a mean squared error of step^2 / 12.
    """
    axes = tuple(range(array.ndim - 1))
    steps = np.abs(array.astype(np.float64)).max(axis=axes, initial=0) / _LEVELS
    errors: Array = math.prod(array.shape[:-1]) * np.square(steps) / 12
    return errors


def _least(errors: Array, squares: Array) -> Array:
    """Returns the relative change from which it is one."""
    return np.maximum(_ROUNDING, _ABOVE_QUANTISATION * np.sqrt(errors / squares))
