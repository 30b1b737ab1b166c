"""What does it look like? Edges, blobs, colours, checkerboards: a label for each 2-D filter."""

import math
from functools import cache

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics import noise
from keras_filterwatch.metrics.blocks import Floats, blocks, filter_products
from keras_filterwatch.metrics.dead import dead_filters
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

DESCRIPTIONS = {
    "coherence": "How much the filters have one direction: 0 none, 1 one.",
    "chroma": "Share of the filters' energy that is colour: 2/3 is noise, 0 grey.",
    "orientation": "Per filter: the direction in which its weights change, in radians.",
    "labels": "Per filter: dead, blob, edge, colour, checkered, noise-like or unclassified.",
}
_BLOB = 0.5  # dc above which a filter is flat
_RANDOM_WEIGHTS = 2**18  # weights of the random filters that a quantile is computed from
_RANDOM_SIDE, _RANDOM_CHANNELS = 9, 8  # most taps along an axis, and channels, that they have


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures all of this file for a window `(height, width)`; nothing for any other window.

    Of the layer these are the means over its filters of `coherence` and, for three channels,
    `chroma`; of each filter, `(filters,)`, also its `orientation` and its label. A label is the
    first that fits of dead, blob, edge, colour and checkered. A filter that none fits is
    noise-like, or unclassified where the window is below 5x5, too small to tell.
    """
    array, spatial = facts.finite_weights, facts.kernel.spatial
    if len(spatial) != 2 or min(spatial) < 2 or 0 in array.shape:
        return {}
    coherence, orientation = edges(array)
    bound = bounds(*spatial, facts.kernel.channels)
    dc, geary_c = (scores[facts.finite] for scores in _flatness_and_c(facts))
    filters = {"coherence": coherence}
    fits = {
        "dead": dead_filters(facts.norms)[facts.finite],
        "blob": dc > _BLOB,
        "edge": coherence > bound["coherence"],
        "colour": np.zeros(len(dc), bool),
        "checkered": geary_c > bound["geary_c"],
    }
    if facts.kernel.channels == 3:
        filters["chroma"] = chroma(array)
        fits["colour"] = filters["chroma"] > bound["chroma"]
    rest = "noise-like" if min(spatial) >= 5 else "unclassified"
    labels = np.select(list(fits.values()), list(fits), rest)
    measurements = {
        name: Measurement(_mean(values), facts.for_all_filters(values))
        for name, values in filters.items()
    }
    # neither angles nor labels have a mean
    measurements["orientation"] = Measurement(math.nan, facts.for_all_filters(orientation))
    measurements["labels"] = Measurement(math.nan, facts.for_all_filters(labels))
    return measurements


@np.errstate(all="ignore")
def edges(array: Array) -> tuple[Floats, Floats]:
    """Returns coherence and orientation of the filters of `(height, width, channels, filters)`.

    From the structure tensor (Bigun & Granlund 1987), summed over window and channels, with
    gradients averaged over 2x2 taps. Coherence: 0 no direction, 1 one direction; .80 for Sobel's
    filter, 1 for a ramp. Orientation: the direction in which the weights change, radians in
    [0, pi): 0 from left to right, as across an upright edge. NaN for a flat filter.

    Example:
        >>> import numpy as np
        >>> coherence, orientation = edges(np.outer([1, 2, 1], [-1, 0, 1]).reshape(3, 3, 1, 1))
        >>> coherence.round(6), orientation.round(6)
        (array([0.8]), array([0.]))
    """
    sums = np.zeros((3, array.shape[-1]))
    for columns, (block,) in blocks(array):
        window = block.reshape(*array.shape[:2], *block.shape[1:])
        # a gradient over 2x2 taps is the sum, and the difference, of the steps along its diagonals
        falling = (window[1:, 1:] - window[:-1, :-1]).reshape(-1, *block.shape[1:])
        rising = (window[:-1, 1:] - window[1:, :-1]).reshape(-1, *block.shape[1:])
        pairs = ((falling, falling), (rising, rising), (falling, rising))
        sums[:, columns] += [filter_products(*pair) for pair in pairs]
    falls, rises, both = sums
    total = np.where(falls + rises > 0, falls + rises, np.nan)
    coherence = np.hypot(2 * both, falls - rises) / total
    angle = np.arctan2(falls - rises, 2 * both) / 2
    angle = angle % np.pi % np.pi  # of -1e-17, the first remainder is pi itself
    return coherence, np.where(np.isnan(coherence), np.nan, angle)


@np.errstate(all="ignore")
def chroma(array: Array) -> Floats:
    """Returns the share of the energy of `(height, width, 3, filters)` that is colour, not grey.

    Per filter, `(filters,)`: 0 grey, 2/3 in expectation under noise, 1 colour without grey. NaN
    where all weights are zero.

    Example:
        >>> import numpy as np
        >>> grey, red_against_green = [1.0, 1.0, 1.0], [1.0, -1.0, 0.0]
        >>> chroma(np.stack([grey, red_against_green], axis=-1).reshape(1, 1, 3, 2))
        array([0., 1.])
    """
    sums = np.zeros((2, array.shape[-1]))
    for columns, (block,) in blocks(array, whole_filters=True):
        grey = block.mean(axis=1, keepdims=True)
        sums[:, columns] = 3 * filter_products(grey, grey), filter_products(block, block)
    grey, energy = sums
    return np.asarray(1 - grey / np.where(energy > 0, energy, np.nan))


@cache
def bounds(height: int, width: int, channels: int) -> dict[str, float]:
    """Returns what 99 % of random filters of this size stay below; of `geary_c` 95 % do.

    Coherence and chroma come from random filters with a fixed seed (95 % stay below a coherence of
    .655, .371, .258 and .160 in windows of 3, 5, 7 and 11 taps and three channels), C from its
    variance.

    Example:
        >>> round(bounds(3, 3, 4)["geary_c"], 4)  # 1 + 1.645 * sqrt(1/18 / 4)
        1.1939
    """
    size = (min(height, _RANDOM_SIDE), min(width, _RANDOM_SIDE), min(channels, _RANDOM_CHANNELS))
    random = np.random.default_rng(0)
    filters = random.standard_normal((*size, _RANDOM_WEIGHTS // math.prod(size)))
    # in larger kernels, coherence falls with the square root of the number of gradients
    larger = (height - 1) * (width - 1) * channels / ((size[0] - 1) * (size[1] - 1) * size[2])
    taps = height * width
    # of random numbers, grey and colour have n and 2n degrees of freedom
    return {
        "coherence": float(np.quantile(edges(filters)[0], 0.99)) / math.sqrt(larger),
        "chroma": float(np.quantile(random.beta(taps, taps / 2, 10_000), 0.99)),
        "geary_c": 1 + 1.645 * math.sqrt(noise.variance_of_c((height, width)) / channels),
    }


def _flatness_and_c(facts: KernelFacts) -> tuple[Array, Array]:
    """Returns `dc` and `geary_c` of each filter, `(filters,)`."""
    if {"dc", "geary_c"} <= facts.known.keys():
        return facts.known["dc"], facts.known["geary_c"]
    measured = noise.measure_roughness(facts)
    return np.asarray(measured["dc"].filters), np.asarray(measured["geary_c"].filters)


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else math.nan
