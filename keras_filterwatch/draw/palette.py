"""Pictures in 256 colours: one palette for all frames of a GIF, so that no colour flickers."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_filterwatch.kernels import Array

_COLOURS = 256
_EXACT_GREYS = 16  # enough for grounds, text and the grey of zero
_GREY_STEP = 8  # between other greys


def in_one_palette(frames: Sequence[Image.Image]) -> list[Image.Image]:
    """Returns RGB pictures in the mode `"P"`, all with the same palette.

    Up to 256 colours stay as they are. Of more, the greys that fill most of the frames stay, which
    are those of grounds, text and zero. Other greys become the nearest of up to 48 greys, and
    colours the mean of similar ones.

    Example:
        >>> frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
        >>> [frame.convert("RGB").getpixel((0, 0)) for frame in in_one_palette(frames)]
        [(255, 0, 0), (0, 0, 255)]
    """
    parts = [np.unique(_packed(frame), return_counts=True) for frame in frames]
    colours, places = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    counts = np.bincount(places.ravel(), np.concatenate([part[1] for part in parts]))
    palette, indexes = _palette(_unpacked(colours), counts)
    index_of_colour = np.zeros(2**24, np.uint8)
    index_of_colour[colours] = indexes
    results = []
    for frame in frames:
        result = Image.fromarray(index_of_colour[_packed(frame)])
        result.putpalette(palette.astype(np.uint8).tobytes())
        results.append(result)
    return results


def _palette(colours: Array, counts: Array) -> tuple[Array, Array]:
    """Returns a palette `(colours, 3)` and, for each of the given colours, its place in it."""
    indexes = np.arange(len(colours))
    if len(colours) <= _COLOURS:
        return colours, indexes
    is_grey = (colours == colours[:, :1]).all(axis=1)
    greys, grey_counts = colours[is_grey, 0].astype(int), counts[is_grey]
    most_frequent = greys[np.argsort(-grey_counts, kind="stable")[:_EXACT_GREYS]]
    levels = np.unique([*most_frequent, *range(0, 256, _GREY_STEP)])
    indexes[is_grey] = np.abs(greys[:, np.newaxis] - levels).argmin(axis=1)
    quantized = Image.fromarray(colours[np.newaxis, ~is_grey].astype(np.uint8)).quantize(
        _COLOURS - len(levels), Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
    )
    means = np.array(quantized.getpalette("RGB")).reshape(-1, 3)[: _COLOURS - len(levels)]
    indexes[~is_grey] = len(levels) + np.asarray(quantized).ravel()
    return np.concatenate([np.stack([levels] * 3, axis=-1), means]), indexes


def _packed(frame: Image.Image) -> Array:
    """Returns each pixel's colour as one number."""
    red, green, blue = np.moveaxis(np.asarray(frame.convert("RGB")).astype(np.uint32), -1, 0)
    packed: Array = red << 16 | green << 8 | blue
    return packed


def _unpacked(colours: Array) -> Array:
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1)
