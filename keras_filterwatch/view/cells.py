"""Recorded weights as the page draws them: the documents `kernel` and `strip`."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.view.values import rounded


class Cells(NamedTuple):
    """The filters of a kernel, each with a window of two axes.

    Attributes:
        levels: `(filters, height, width, channels)`, int8.
        depth: slices of a window of three axes that lie side by side in `width`; else 1.
    """

    levels: Array
    depth: int


def cells(kernel: QuantisedKernel) -> Cells:
    """Returns the recorded filters of a kernel, one after the other.

    A window of one axis gets height 1. Of more axes than two, all but the last two lie side by
    side: `width` is their product. A kernel without a window has height and width 1.

    Example:
        >>> levels = np.arange(6, dtype=np.int8).reshape(3, 1, 2)  # a window of 3, two filters
        >>> kernel = QuantisedKernel("conv", "Conv1D", (3, 1, 2), levels, np.ones(2, np.float32))
        >>> cells(kernel).levels[1].tolist()
        [[[1], [3], [5]]]
    """
    *spatial, channels, filters = kernel.levels.shape
    window = [1] * (2 - len(spatial)) + spatial
    *outer, height, width = window
    depth = int(np.prod(outer, dtype=int))
    levels = kernel.levels.reshape(depth, height, width, channels, filters)
    levels = levels.transpose(4, 1, 0, 2, 3).reshape(filters, height, depth * width, channels)
    return Cells(np.ascontiguousarray(levels), depth)


def kernel_document(kernel: QuantisedKernel) -> dict[str, Any]:
    """Returns the document `kernel`: the recorded weights of a layer at a step.

    Example:
        >>> levels = np.zeros((5, 5, 3, 8), np.int8)
        >>> kernel = QuantisedKernel("conv", "Conv2D", levels.shape, levels, np.ones(8, np.float32))
        >>> document = kernel_document(kernel)
        >>> document["filters"], document["height"], document["width"], document["channels"]
        (8, 5, 5, 3)
    """
    return {"filters": kernel.filters, **_as_document(cells(kernel), kernel.scales)}


def strip_document(
    kernels: Sequence[tuple[int, QuantisedKernel]], place: int
) -> dict[str, Any] | None:
    """Returns the document `strip`: one filter at several steps; None if it was not recorded.

    Args:
        kernels: step and kernel, in ascending order. Kernels of another shape than the last one are
            left out.
        place: of the filter.

    Example:
        >>> levels = np.zeros((5, 5, 3, 8), np.int8)
        >>> kernel = QuantisedKernel("conv", "Conv2D", levels.shape, levels, np.ones(8, np.float32))
        >>> strip_document([(0, kernel), (3, kernel)], 7)["steps"]
        [0, 3]
    """
    shape = kernels[-1][1].levels.shape if kernels else (0,)
    same = [(step, kernel) for step, kernel in kernels if kernel.levels.shape == shape]
    if not 0 <= place < shape[-1]:
        return None
    each = [_one_filter(kernel, place) for _, kernel in same]
    levels = np.concatenate([part.levels for part in each])
    scales = np.array([kernel.scales[place] for _, kernel in same])
    return {
        "steps": [step for step, _ in same],
        **_as_document(Cells(levels, each[0].depth), scales),
    }


def _one_filter(kernel: QuantisedKernel, place: int) -> Cells:
    """Returns one filter of a kernel."""
    levels, scales = kernel.levels[..., [place]], kernel.scales[[place]]
    return cells(
        QuantisedKernel(kernel.name, kernel.layer_type, kernel.shape, levels, scales, kernel.kind)
    )


def _as_document(part: Cells, scales: Array) -> dict[str, Any]:
    _, height, width, channels = part.levels.shape
    return {
        "height": height,
        "width": width,
        "channels": channels,
        "depth": part.depth,
        "levels": base64.b64encode(part.levels.tobytes()).decode(),
        # a scale may be infinite where weights are; levels say which ones
        "scales": rounded(np.nan_to_num(scales.astype(np.float64), posinf=0, neginf=0)).tolist(),
    }
