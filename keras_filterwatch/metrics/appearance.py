"""What does it look like? Edges, blobs, colours, checkerboards: a label for each 2-D filter."""

import math
from functools import cache

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics import noise
from keras_filterwatch.metrics.blocks import Floats, blocks, products

_BLOB = 0.5  # dc above which a filter is flat
_NUMBERS = 2**18  # weights of the random filters that a quantile is taken from
_WIDE, _FEW = 9, 8  # taps along an axis, and channels, up to which they are drawn


@np.errstate(all="ignore")
def measure(
    array: Array, dead: Array, dc: Array, geary_c: Array
) -> tuple[dict[str, float], dict[str, Array]]:
    """All of this file for a kernel `(height, width, channels, filters)`; empty for other windows.

    `dead`, `dc` and `geary_c`, `(filters,)`, are what the other questions were answered with.
    Returns the means over the layer's filters of `coherence` and, of three channels, `chroma`;
    per filter, `(filters,)`, the same, the `orientation` and the `labels`. A label is the first
    that fits of dead, blob, edge, colour and checkered; what fits none is noise-like, or
    unclassified where the window is below 5x5, too small to tell.
    """
    *spatial, channels, _ = array.shape
    if len(spatial) != 2 or min(spatial) < 2 or 0 in array.shape:
        return {}, {}
    filters: dict[str, Array] = dict(zip(("coherence", "orientation"), edges(array), strict=True))
    bound = bounds(*spatial, channels)
    looks = {
        "dead": dead > 0,
        "blob": dc > _BLOB,
        "edge": filters["coherence"] > bound["coherence"],
        "colour": np.zeros(len(dead), bool),
        "checkered": geary_c > bound["geary_c"],
    }
    if channels == 3:
        filters["chroma"] = chroma(array)
        looks["colour"] = filters["chroma"] > bound["chroma"]
    rest = "noise-like" if min(spatial) >= 5 else "unclassified"
    means = {k: float(np.nanmean(v)) for k, v in filters.items() if not np.isnan(v).all()}
    means.pop("orientation", None)  # angles have no such mean
    filters["labels"] = np.select(list(looks.values()), list(looks), rest)
    return means, filters


@np.errstate(all="ignore")
def edges(array: Array) -> tuple[Floats, Floats]:
    """Coherence and orientation of the filters of `(height, width, channels, filters)`.

    From the structure tensor (Bigun & Granlund 1987), summed over window and channels, with
    gradients averaged over 2x2 taps. Coherence: 0 no direction, 1 one direction; .80 for Sobel's
    filter, 1 for a ramp. Orientation: the direction in which the weights change, radians in
    [0, pi): 0 from left to right, as across an upright edge. NaN for a flat filter.
    """
    sums = np.zeros((3, array.shape[-1]))
    for columns, (block,) in blocks(array):
        window = block.reshape(*array.shape[:2], *block.shape[1:])
        # a gradient over 2x2 taps is the sum, and the difference, of the steps along its diagonals
        falling = (window[1:, 1:] - window[:-1, :-1]).reshape(-1, *block.shape[1:])
        rising = (window[:-1, 1:] - window[1:, :-1]).reshape(-1, *block.shape[1:])
        pairs = ((falling, falling), (rising, rising), (falling, rising))
        sums[:, columns] += [products(*pair) for pair in pairs]
    falls, rises, both = sums
    total = np.where(falls + rises > 0, falls + rises, np.nan)
    coherence = np.hypot(2 * both, falls - rises) / total
    angle = np.arctan2(falls - rises, 2 * both) / 2
    angle = angle % np.pi % np.pi  # of -1e-17, the first leaves pi
    return coherence, np.where(np.isnan(coherence), np.nan, angle)


@np.errstate(all="ignore")
def chroma(array: Array) -> Floats:
    """Share of the energy of filters `(height, width, 3, filters)` that is colour, not grey.

    0 grey, 2/3 in expectation under noise, 1 colour without grey. NaN where all weights are zero.
    """
    sums = np.zeros((2, array.shape[-1]))
    for columns, (block,) in blocks(array, whole_filters=True):
        grey = block.mean(axis=1, keepdims=True)
        sums[:, columns] = 3 * products(grey, grey), products(block, block)
    grey, energy = sums
    return np.asarray(1 - grey / np.where(energy > 0, energy, np.nan))


@cache
def bounds(height: int, width: int, channels: int) -> dict[str, float]:
    """What random filters of this size stay below: 99 % of them, of `geary_c` 95 %.

    Coherence and chroma from seeded draws (95 % stay below a coherence of .655, .371, .258 and
    .160 in windows of 3, 5, 7 and 11 taps and three channels), C from its variance.
    """
    small = (min(height, _WIDE), min(width, _WIDE), min(channels, _FEW))
    random = np.random.default_rng(0)
    draws = random.standard_normal((*small, _NUMBERS // math.prod(small)))
    # beyond, coherence falls with the square root of the number of gradients
    more = (height - 1) * (width - 1) * channels / ((small[0] - 1) * (small[1] - 1) * small[2])
    taps = height * width
    # of random numbers, grey and colour have n and 2n degrees of freedom
    return {
        "coherence": float(np.quantile(edges(draws)[0], 0.99)) / math.sqrt(more),
        "chroma": float(np.quantile(random.beta(taps, taps / 2, 10_000), 0.99)),
        "geary_c": 1 + 1.645 * math.sqrt(noise.variance_of_c((height, width)) / channels),
    }
