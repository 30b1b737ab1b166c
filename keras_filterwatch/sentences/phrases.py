"""Parts of the sentences about layers: numbers of one layer or several, and where to look."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from keras_filterwatch.metrics import noise

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores

MANY = 0.5  # share of a layer's units or filters from which a sentence is about them
_EDGE_WINDOW = 5  # taps along an axis that a window needs to show an edge
_PIXEL_CHANNELS = 4  # grey, RGB or RGBA: more channels are the outputs of other filters
_FALL = 0.05  # of a noise score, that is worth a word
_PATTERNS = {  # what a filter can be, and the plural of it
    "duplicate": "duplicates",
    "edge": "edges",
    "blob": "blobs",
    "colour": "colours",
    "checkered": "checkered",
    "smooth": "smooth",
}

Layers: TypeAlias = Sequence["LayerScores"]


def reads_pixels(layer: "LayerScores") -> bool:
    """True if the layer seems to read images: in deeper layers, channels are other filters."""
    *spatial, channels, _ = layer.shape
    return math.prod(spatial) > 1 and channels <= _PIXEL_CHANNELS and layer.kind != "depthwise"


def knows_start(layer: "LayerScores") -> bool:
    """True if the scores are later than the first ones of a training, and these are known."""
    return not math.isnan(layer.noise_at_start)


def span(layers: Layers, score: str, form: str) -> str:
    """Returns a score of all layers: one number, or the smallest and the largest."""
    values = sorted(layer[score] for layer in layers)
    ends = [f"{values[0]:{form}}", f"{values[-1]:{form}}"]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def noise_score(layers: Layers) -> str:
    """Returns "noise score 0.58", or "noise scores 0.31 to 0.62"."""
    scores = span(layers, "noise", ".2f")
    return f"noise score{'s' * (' to ' in scores)} {scores}"


def fall(layers: Layers) -> str:
    """Returns the noise score now, and that of the start if it was clearly higher."""
    scale = ", where 1 is noise and 0 as smooth as can be"
    before = [layer.noise_at_start for layer in layers]
    falls = [layer.noise_at_start - layer["noise"] for layer in layers]
    if not min(falls) > _FALL:  # also where the start is not known, NaN
        return f"{noise_score(layers).capitalize()}{scale}."
    now = span(layers, "noise", ".2f")
    if len(layers) == 1:
        return f"Its noise score fell from {before[0]:.2f} to {now}{scale}."
    low, high = min(before), max(before)
    return f"Noise scores fell from {low:.2f} to {high:.2f} at the start to {now}{scale}."


def filters(layers: Layers) -> int:
    """Returns how many filters, or units, the layers have."""
    return sum(layer.shape[-1] for layer in layers)


def part(layers: Layers, share: str) -> str:
    """Returns how many units or filters a share is, such as "20 of 32", or "all"."""
    count, total = number(layers, share), filters(layers)
    return "all" if count == total else f"{count} of {total}"


def number(layers: Layers, share: str) -> int:
    """Returns how many units or filters a share is, in all layers."""
    return sum(round(layer.get(share, 0.0) * layer.shape[-1]) for layer in layers)


def extras(layers: Layers) -> str:
    """Returns what else there is to say: of units, of flat filters, of what was there before."""
    parts = ""
    if number(layers, "dead_units"):
        parts = f" {part(layers, 'dead_units')} units are zero for every probe input."
    elif number(layers, "dead"):
        parts = f" {part(layers, 'dead')} filters have next to no weight."
    if any(layer.get("saturated_units", 0.0) >= MANY for layer in layers):
        saturated = part(layers, "saturated_units").capitalize()
        parts += (
            f" {saturated} units stay at the ends of their range for all probe inputs, which is "
            "harmless as long as the network learns."
        )
    if all(reads_pixels(layer) and layer.get("dc", 0.0) > 1 / 2 for layer in layers):
        parts += (
            " The weights within a window are mostly alike (dc "
            f"{span(layers, 'dc', '.2f')}): the filters measure brightness or colour rather than "
            "shapes."
        )
    return parts + rest_of_the_start(layers)


def rest_of_the_start(layers: Layers) -> str:
    """Returns how much of the weights was there before training, if it is more than half.

    With c the cosine between the weights now and at the start, 1 - `rotation`, a share c^2 of the
    squared weights lies in the direction of the start.
    """
    cosines = [1 - layer.get("rotation", 1.0) if knows_start(layer) else 0.0 for layer in layers]
    shares = [max(cosine, 0.0) ** 2 for cosine in cosines]
    if min(shares) <= 1 / 2:
        return ""
    low, high = f"{min(shares):.0%}", f"{max(shares):.0%}"
    share = low if low == high else f"{low} to {high}"
    return f" {share} of what the picture shows was there before training."


def windows_needed(layers: Layers) -> str:
    """Returns how many windows a layer has, and how many of the kind it takes to tell."""
    if len(layers) > 1:
        return f"It takes more windows than each of these {len(layers)} layers has."
    (layer,) = layers
    *window, channels, filters = layer.shape
    there = channels * filters
    # of windows with unequal weights it takes more than of equal ones
    needed = math.ceil(there * noise.slices_needed(tuple(window)) / layer["slices"])
    return f"It has {there} windows of {_size(window)} weights; it takes about {needed} to tell."


def look(layers: Layers, verdict: str = "") -> str:
    """Returns what is worth looking at, behind what is said of the picture, if anything."""
    patches = "at the patches that excite the filters (fw.draw.favourites)"
    favourites = f"look {patches}"
    window = layers[0].shape[:-2]
    if not all(map(reads_pixels, layers)):
        return (
            "Deeper layers read the outputs of other filters, so their weights need not look like "
            f"anything; {favourites}."
        )
    if all(layer.kind == "dense" for layer in layers):
        return (
            "Look at fw.draw.templates, where red speaks for a unit and blue against it, at "
            "fw.draw.class_paths for what speaks for a class, and at fw.draw.evidence for single "
            "inputs."
        )
    if min(window) < _EDGE_WINDOW:
        return (
            f"Windows of {_size(window)} are too small to show edges; {favourites}, or take a "
            "first layer of 5x5."
        )
    if verdict:
        return f"{verdict}; {favourites}, and at the validation accuracy."
    if not all("labels" in layer.filters for layer in layers):
        return f"Look at fw.draw.filters, and {patches}."
    counts = Counter(each for layer in layers for each in layer.descriptions)
    named = [
        f"{counts[label]} {label if counts[label] == 1 else plural}"
        for label, plural in _PATTERNS.items()
        if counts[label]
    ]
    if not named:
        return (
            "No single filter differs clearly from noise, only all of them together do, so the "
            f"picture shows little; {favourites}."
        )
    counted = f"{', '.join(named)} among {filters(layers)} filters"
    return f"Look at fw.draw.filters ({counted}), and {patches}."


def _size(window: Sequence[int]) -> str:
    return "x".join(map(str, window))
