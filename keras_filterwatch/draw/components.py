"""Kernel in, its principal components out: what a large bank of filters is made of."""

from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.draw.filter_sheet import chosen, is_whole
from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.sources import snapshot_of

_ACROSS = 7  # of 28, four full rows
_SLICES = 2**16  # that are read of a large kernel


def components(source: Any, layer: Any = None, count: int = 28) -> Image.Image:
    """The first principal components of a layer's filters, and what share of them each explains.

    Filters of one or three channels are compared whole, as in the picture of the patch embedding in
    Dosovitskiy et al. (2021); of deeper layers, the windows of all channels. Random filters share
    theirs evenly. Signs mean nothing; each component has its own scale.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        layer: as for `filters`.
        count: how many, at most.

    Raises:
        ValueError: no layer of that name, none with a window, or weights that are not finite.
    """
    if count < 1:
        raise ValueError(f"count: one component or more is needed; got {count}.")
    kernel = chosen(snapshot_of(source, layer), source, layer)
    windows, what = _windows(kernel)
    if not np.isfinite(windows).all():
        raise ValueError(f"{kernel.name} has weights that are not finite: they have no components.")
    spatial, nth, thinned = canvas.thinned(kernel.spatial)
    size, across, down = canvas.layout(spatial, 60, least=2)
    across = min(_ACROSS, across)
    patterns, shares = principal(windows.reshape(len(windows), -1), count)
    asked, patterns = len(patterns), patterns.reshape(-1, *windows.shape[1:])[: across * down]
    shares = shares[: len(patterns)]
    starts = range(0, len(patterns), across)
    tiles = [canvas.tile(each[nth], float(np.abs(each).max()) or 1.0, size) for each in patterns]
    grid = canvas.grid_of(
        [tiles[i : i + across] for i in starts],
        [str(i + 1) for i in starts],
        captions=[[f"{share:.1%}" for share in shares[i : i + across]] for i in starts],
    )
    caption = [kernel.name, f"principal components of {what}"]
    notes = [
        f"below: share of the variance, {shares.sum():.0%} in all",
        "each on its own scale",
        canvas.first(len(patterns), asked, "components"),
        thinned,
    ]
    return canvas.page(grid, caption, notes)


def principal(rows: Array, count: int) -> tuple[Array, Array]:
    """The first components `(components, numbers)`, of length 1, and their shares of the variance.

    Of rows that all are one, there is nothing to explain: their shares are 0.
    """
    _, strengths, components = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    variances = np.square(strengths)
    return components[:count], variances[:count] / (variances.sum() or 1.0)


def _windows(kernel: Kernel) -> tuple[Array, str]:
    """What is compared, `(many, *spatial, channels)`, and its name."""
    if is_whole(kernel):
        return np.moveaxis(kernel.array, -1, 0).astype(np.float64), f"{kernel.filters} filters"
    slices = kernel.array.reshape(*kernel.spatial, 1, -1)
    nth = -(-slices.shape[-1] // _SLICES)
    what = f"{slices.shape[-1]} windows" + (f", 1 of {nth}" if nth > 1 else "")
    return np.moveaxis(slices[..., ::nth], -1, 0).astype(np.float64), what
