"""What does it look like? Edges, blobs, colours, checkerboards: a label for each 2-D filter."""

import math

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, filter_products
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements
from keras_filterwatch.metrics.labels import filter_labels

DESCRIPTIONS = {
    "coherence": "How much the filters have one direction: 0 none, 1 one.",
    "chroma": "Share of the filters' energy that is colour: 2/3 is noise, 0 grey.",
    "orientation": "Per filter: the direction in which its weights change, in radians.",
    "labels": "Per filter: what it looks like, such as edge, blob, colour, smooth or dead.",
}


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures all of this file for a window `(height, width)`; nothing for any other window.

    Of the layer these are the means over its filters of `coherence` and, for three channels,
    `chroma`; of each filter, `(filters,)`, also its `orientation` and its label
    (`labels.filter_labels`).
    """
    array, spatial = facts.finite_weights, facts.kernel.spatial
    if len(spatial) != 2 or min(spatial) < 2 or 0 in array.shape:
        return {}
    coherence, orientation = edges(array)
    filters = {"coherence": coherence}
    if facts.kernel.channels == 3:
        filters["chroma"] = chroma(array)
    labels = filter_labels(facts, coherence, filters.get("chroma"))
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


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else math.nan
