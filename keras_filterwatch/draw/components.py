"""The picture `components`: the principal components of a layer's filters."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, cut_note
from keras_filterwatch.draw.grid import cell_grid, split_in_rows
from keras_filterwatch.draw.layer_argument import check_layer, window_kernel
from keras_filterwatch.draw.run_argument import recorded_scores, source_at
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel

_COLUMNS = 7  # 28 components fill four rows
_MAX_WINDOWS = 2**16  # windows of a large kernel that are compared


def components(
    source: Any,
    layer: Any = None,
    count: int = 28,
    *,
    step: int | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns the first principal components of a layer's filters, with their shares of variance.

    Filters of one or three channels are compared whole, as in the picture of the patch embedding
    in Dosovitskiy et al. (2021); of deeper layers, the windows of all channels. The components of
    good filters are smooth, and the first have most of the variance; those of random filters look
    like sand and share it evenly. Signs mean nothing; each component has its own scale.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels; or a `Run`.
        layer: the kernel's name, or, of a model, the layer or a pattern. If None, or if several
            kernels match, the first with a window larger than 1 is drawn.
        count: how many components are drawn at most.
        step: of a `Run`, the step to draw, or the last one. Of other sources it is for the caption.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer.

    Raises:
        TypeError: `layer` is no name, pattern or layer, or `window` is no dict of sizes.
        ValueError: no kernel has that name, none has a window, weights are not finite, `count`
            is below 1, a `Run` has no such step, or a layer cannot read an image of the size that
            `window` says.

    Example:
        >>> picture = components({"conv": np.eye(9).reshape(3, 3, 1, 9)}, count=3)
        >>> picture.width > 0
        True
    """
    check_layer(components, layer)
    if count < 1:
        raise ValueError(f"count: one component or more is needed; got {count}.")
    kernel = window_kernel(source_at(source, step, layer), layer, window)
    samples, description = _samples(kernel)
    if not np.isfinite(samples).all():
        raise ValueError(
            "weights that are not finite have no components, and draw.filters shows them in "
            f"magenta; kernel {kernel.name!r} has some."
        )
    cell_format = windows.window_format(kernel.spatial, 60, min_tap_size=2)
    columns = min(_COLUMNS, cell_format.columns)
    patterns, shares = principal_components(samples.reshape(len(samples), -1), count)
    total = len(patterns)
    patterns = patterns.reshape(-1, *samples.shape[1:])[: columns * cell_format.rows]
    shares = shares[: len(patterns)]
    cells = [
        windows.cells(
            pattern[cell_format.taps][np.newaxis],
            float(np.abs(pattern).max()) or 1.0,
            cell_format.tap_size,
        )[0]
        for pattern in patterns
    ]
    grid = cell_grid(
        split_in_rows(cells, columns),
        row_labels=[str(i + 1) for i in range(0, len(patterns), columns)],
        cell_labels=split_in_rows([f"{share:.1%}" for share in shares], columns),
    )
    scores = recorded_scores(source, step)
    caption = [
        kernel.name,
        f"principal components of {description}",
        "" if step is None else f"step {step}",
    ]
    notes = [
        f"below: share of the variance, {shares.sum():.0%} in all",
        "each on its own scale",
        cut_note(len(patterns), total, "components"),
        cut_note(kernel.filters, scores[kernel.name].shape[-1], "filters") if scores else "",
        cell_format.note,
    ]
    return add_caption(grid, caption, notes).convert("RGB")


def principal_components(samples: Array, count: int) -> tuple[Array, Array]:
    """Returns the first principal components and their shares of the variance.

    Args:
        samples: `(samples, numbers)`.
        count: how many components are needed at most.

    Returns:
        The components `(components, numbers)`, each of length 1, and shares from 0 to 1, which
        are all 0 where the samples do not differ.

    Example:
        >>> samples = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> principal_components(samples, 2)[1].round(3).tolist()
        [0.9, 0.1]
    """
    centred = samples - samples.mean(axis=0)
    _, singular_values, patterns = np.linalg.svd(centred, full_matrices=False)
    variances = np.square(singular_values)
    return patterns[:count], variances[:count] / (variances.sum() or 1.0)


def _samples(kernel: Kernel) -> tuple[Array, str]:
    """Returns the windows that are compared, `(windows, *spatial, channels)`, and what they are."""
    if windows.fits_one_cell(kernel):
        return np.moveaxis(kernel.array, -1, 0).astype(np.float64), f"{kernel.filters} filters"
    slices = kernel.array.reshape(*kernel.spatial, 1, -1)
    every = -(-slices.shape[-1] // _MAX_WINDOWS)
    description = f"{slices.shape[-1]} windows" + (f", 1 of {every}" if every > 1 else "")
    return np.moveaxis(slices[..., ::every], -1, 0).astype(np.float64), description
