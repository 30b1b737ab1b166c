"""In which order the axes of an array are, and how they get the order that all kernels have."""

from collections.abc import Sequence

from keras_filterwatch.kernels import Array

KERAS, TORCH, TORCH_TRANSPOSED = "HWIO", "OIHW", "IOHW"
_SPATIAL = "DHW"  # depth, height and width, in the order that kernels have them
_SMALLEST_WINDOW, _LARGEST_WINDOW = 3, 11  # taps along an axis of what must be a window


def check_layout(layout: str) -> str:
    """Returns a layout in capitals.

    Raises:
        TypeError: no text.
        ValueError: `O` or `I` is missing, or a letter comes twice.

    Example:
        >>> check_layout("oihw")
        'OIHW'
    """
    if not isinstance(layout, str):
        raise TypeError(
            f"layout: {layout!r} is no text such as 'OIHW', nor a dict of the names of arrays with "
            "such texts."
        )
    letters = layout.upper()
    if not letters.isalpha() or len(set(letters)) < len(letters) or not {"O", "I"} <= set(letters):
        raise ValueError(
            f"layout: {layout!r} cannot be read. A layout has a letter for each axis: O for the "
            "filters, I for the channels that each reads, others for height and width, such as "
            "'OIHW' in PyTorch or 'HWIO' in Keras."
        )
    return letters


def layout_of_rank(layout: str, axes: int) -> str:
    """Returns a layout for arrays of another number of axes, with `O` and `I` where they were.

    Raises:
        ValueError: a layout without height and width does not say where these stand.

    Example:
        >>> [layout_of_rank("OIHW", axes) for axes in (2, 3, 4, 5)]
        ['OI', 'OIW', 'OIHW', 'OIDHW']
        >>> layout_of_rank("OHWI", 3)
        'OWI'
    """
    if len(layout) == axes:
        return layout
    spatial = "".join(letter for letter in layout if letter not in "OI")
    if axes == 2:
        return "".join(letter for letter in layout if letter in "OI")
    if not spatial or spatial not in layout:
        raise ValueError(
            f"layout: {layout!r} does not say how {axes} axes are ordered; "
            f"{layout_of_rank(TORCH, axes)!r} and {layout_of_rank(KERAS, axes)!r} do."
        )
    others = _SPATIAL[max(0, 5 - axes) :]
    return layout.replace(spatial, others)


def arranged(array: Array, layout: str) -> Array:
    """Returns an array of a layout as a view with the axes `(*spatial, channels, filters)`.

    Example:
        >>> import numpy as np
        >>> arranged(np.zeros((16, 3, 5, 7)), "OIHW").shape
        (5, 7, 3, 16)
    """
    spatial = [letter for letter in layout if letter not in "OI"]
    if set(spatial) <= set(_SPATIAL):
        spatial.sort(key=_SPATIAL.index)
    return array.transpose([layout.index(letter) for letter in (*spatial, "I", "O")])


def other_layout(shape: Sequence[int], layout: str, biases: int | None = None) -> str:
    """Returns `"OIHW"` or `"HWIO"` if an array must have this order and not `layout`; else `""`.

    It must if only one axis has as many entries as there are biases, and this is the axis of the
    filters in the other order; or if its window in `layout` would be neither square, at most 11x11,
    nor a strip of an odd length, such as 1x7, while the other order has a square of 3 to 11.

    Args:
        shape: the shape of the array, 2 to 5 axes.
        layout: `"OIHW"` or `"HWIO"`, the order that is assumed.
        biases: how many biases belong to the array; None if that is not known.

    Example:
        >>> other_layout((64, 3, 7, 7), "HWIO"), other_layout((7, 7, 3, 64), "HWIO")
        ('OIHW', '')
        >>> other_layout((10, 784), "HWIO", biases=10)
        'OIHW'
    """
    other, filters_in_other = (TORCH, 0) if layout == KERAS else (KERAS, -1)
    if list(shape).count(biases or 0) == 1 and biases == shape[filters_in_other]:
        return other
    if len(shape) < 4:  # a long window over few channels is as usual as a short one over many
        return ""
    windows = {KERAS: shape[:-2], TORCH: shape[2:]}
    is_other = _is_square(windows[other]) and windows[other][0] >= _SMALLEST_WINDOW
    return other if is_other and not _may_be_window(windows[layout]) else ""


def _is_square(sizes: Sequence[int]) -> bool:
    return len(set(sizes)) == 1 and sizes[0] <= _LARGEST_WINDOW


def _may_be_window(sizes: Sequence[int]) -> bool:
    """Returns True for sizes that windows have, such as 3x3, 4x4, 1x7 and 3x1x1."""
    sides = [size for size in sizes if size > 1]
    return _is_square(sizes) or (_is_square(sides) and sides[0] % 2 == 1)
