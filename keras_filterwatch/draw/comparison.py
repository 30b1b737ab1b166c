"""The picture of a comparison: the filters that changed most, left in a and right in b."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note
from keras_filterwatch.draw.colours import colour_limit
from keras_filterwatch.draw.grid import cell_grid, join_pictures
from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.text import listed, suggestion

if TYPE_CHECKING:
    from keras_filterwatch.comparison import Comparison, LayerComparison

MAX_FILTERS = 32
MAX_CHANNELS = 8  # of each filter, on each side

_ROWS = 8  # of filters that are drawn whole, below each other
_SPACE_BETWEEN_PAIRS = 16
_LABEL_WIDTH = 70  # pixels, at most, for a filter's number and rotation


def draw_comparison(comparison: "Comparison", layer: str | None = None) -> Image.Image:
    """Returns the picture that `Comparison.draw` describes.

    Args:
        comparison: what `compare` returned.
        layer: the name of the layer; None for the most changed one that has a window.

    Raises:
        ValueError: there is no such layer, or it cannot be drawn.

    Example:
        >>> from keras_filterwatch.comparison import compare
        >>> before, after = ({"conv": np.full((3, 3, 1, 8), level)} for level in (1.0, 2.0))
        >>> draw_comparison(compare(before, after)).width > 0
        True
    """
    compared, kernel_a, kernel_b = _layer_to_draw(comparison, layer)
    kept = min(kernel_a.filters, kernel_b.filters)
    changed = [number for number in compared.changed_filters if number < kept]
    numbers = (changed or [*range(kept)])[:MAX_FILTERS]
    is_whole = windows.fits_one_cell(kernel_a)
    picture, limit, notes = (_whole_filters if is_whole else _matrix)(
        (kernel_a.array, kernel_b.array), kernel_a, numbers, compared
    )
    caption = [
        ", ".join(dict.fromkeys((compared.name, compared.name_in_b))),
        f"{compared.a.layer_type} {'x'.join(map(str, compared.a.shape))}".strip(),
        f"rotation {compared.rotation:.2g}",
        *(
            f"{side}: {name}{_noise(scores)}"
            for side, name, scores in zip(
                ("left", "right"), comparison.names, (compared.a, compared.b), strict=True
            )
        ),
    ]
    count, total = len(changed), compared.a.shape[-1]
    notes = [
        "before each pair: filter, its rotation" if is_whole else "rows: filter, its rotation",
        cut_note(len(numbers), count, "changed filters", "most changed")
        or f"{count or 'none'} of {total} filters changed",
        cut_note(kept, total, "filters are known"),
        *notes,
    ]
    scale = colour_scale(limit, coloured=is_whole and kernel_a.channels == 3)
    return add_caption(picture, caption, notes, scale).convert("RGB")


def _layer_to_draw(
    comparison: "Comparison", layer: str | None
) -> "tuple[LayerComparison, Kernel, Kernel]":
    """Returns the layer to draw, and its kernels. Raises ValueError if it cannot be drawn."""
    if layer is not None and layer not in comparison:
        raise ValueError(f"no layer {layer!r} was compared; {suggestion(layer, comparison)}.")
    candidates = comparison.by_change if layer is None else [comparison[layer]]
    reasons = {each.name: _why_not_drawn(each) for each in candidates}
    for each in candidates:
        if not reasons[each.name] and each.kernel_a and each.kernel_b:
            return each, each.kernel_a, each.kernel_b
    if layer is not None:
        raise ValueError(f"{layer!r} cannot be drawn: {reasons[layer]}.")
    raise ValueError(
        f"there is nothing to draw: no layer among [{listed(reasons)}] has a window larger than 1 "
        "and weights that are known in both. Dense layers that read an image have a window where "
        "fw.compare(..., window={name: (height, width, channels)}) says so."
    )


def _why_not_drawn(layer: "LayerComparison") -> str:
    if layer.a.shape != layer.b.shape:
        return (
            f"its kernels have the shapes {layer.a.shape} and {layer.b.shape}; fw.draw.filters "
            "draws each of them"
        )
    if layer.kernel_a is None or layer.kernel_b is None:
        return (
            "its weights are not known in both. A FilterWatch has those of its last step; a Run, "
            "which fw.read returns, those of the layers that were drawn, at each step"
        )
    if not layer.kernel_a.has_window:
        return "it has no window larger than 1"
    return ""


def _whole_filters(
    arrays: tuple[Array, Array], kernel: Kernel, numbers: Sequence[int], layer: "LayerComparison"
) -> tuple[Image.Image, float, list[str]]:
    """Returns pairs of cells that each show a whole filter, the colour limit, and notes."""
    cell_format = _format(kernel, 60, columns=2)
    weights = [np.moveaxis(array[cell_format.taps][..., numbers], -1, 0) for array in arrays]
    both = np.stack(weights, axis=1).astype(np.float64)  # (filters, 2, *spatial, channels)
    limit = colour_limit(both)
    pairs = [[*windows.cells(pair, limit, cell_format.tap_size)] for pair in both]
    width = 2 * (pairs[0][0].shape[1] + windows.SPACE) + _LABEL_WIDTH + _SPACE_BETWEEN_PAIRS
    beside = max(1, windows.MAX_SIDE // width)
    rows = min(cell_format.rows, max(_ROWS, -(-len(pairs) // beside)))
    drawn = range(min(len(pairs), rows * beside))
    labels = _row_labels(numbers, layer)
    blocks = [
        cell_grid(
            pairs[start : min(start + rows, len(drawn))],
            row_labels=labels[start : min(start + rows, len(drawn))],
            column_labels=["a", "b"],
        )
        for start in range(0, len(drawn), rows)
    ]
    picture = join_pictures([blocks], _SPACE_BETWEEN_PAIRS, align_right=False)
    return picture, limit, [cell_format.note]


def _matrix(
    arrays: tuple[Array, Array], kernel: Kernel, numbers: Sequence[int], layer: "LayerComparison"
) -> tuple[Image.Image, float, list[str]]:
    """Returns a row for each filter: its strongest channels in a, the same in b."""
    cell_format = _format(kernel, 18, columns=2)
    numbers = numbers[: cell_format.rows]
    both = np.stack([array[cell_format.taps][..., numbers] for array in arrays]).astype(np.float64)
    with np.errstate(all="ignore"):
        strengths = np.square(both).sum(axis=(*range(both.ndim - 2), -1))
    strengths[~np.isfinite(strengths)] = np.inf  # channels that diverged must be in the picture
    most = max(1, min(MAX_CHANNELS, cell_format.columns // 2))
    channels = np.argsort(-strengths, kind="stable")[:most]
    both = both[..., channels, :]
    limit = colour_limit(both)
    grids = []
    for side, weights in enumerate(both):
        rows = [
            [*windows.cells(each[..., np.newaxis], limit, cell_format.tap_size)]
            for each in np.moveaxis(weights, (-1, -2), (0, 1))
        ]
        grids.append(
            cell_grid(
                rows,
                row_labels=[] if side else _row_labels(numbers, layer),
                column_labels=[str(channel) for channel in channels],
            )
        )
    picture = join_pictures([grids], _SPACE_BETWEEN_PAIRS, align_right=False)
    cut = cut_note(len(channels), kernel.channels, "channels", "strongest")
    return picture, limit, ["columns: channels", cut, cell_format.note]


def _format(kernel: Kernel, target: int, columns: int) -> windows.WindowFormat:
    """Returns how windows are drawn so that so many fit beside each other."""
    cell_format = windows.window_format(kernel.spatial, target, min_tap_size=2)
    if cell_format.columns >= columns:
        return cell_format
    # a window of twice the size leaves room for two of these
    larger = tuple(columns * size for size in kernel.spatial)
    return windows.window_format(larger, columns * target, min_tap_size=1)


def _row_labels(numbers: Sequence[int], layer: "LayerComparison") -> list[str]:
    """Returns such as "12: 0.43" for each filter."""
    rotations = layer.filter_rotations
    labels = []
    for number in numbers:
        is_known = number < len(rotations) and np.isfinite(rotations[number])
        labels.append(f"{number}: {rotations[number]:.2g}" if is_known else f"{number}: -")
    return labels


def _noise(scores: LayerScores) -> str:
    return f", noise {scores['noise']:.2f}" if "noise" in scores else ""
