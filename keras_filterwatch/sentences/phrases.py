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
_CHANGE = 0.05  # of a noise score, that is worth a word
_SCALE = "where 1 is noise and 0 is as smooth as possible"
PLURALS = {  # of what a filter can be
    "duplicate": "duplicates",
    "edge": "edges",
    "blob": "blobs",
    "colour": "colours",
    "checkered": "checkered",
    "smooth": "smooth",
}

Layers: TypeAlias = Sequence["LayerScores"]


def knows_start(layer: "LayerScores") -> bool:
    """True if the scores are later than the first ones of a training, and these are known."""
    return not math.isnan(layer.noise_at_start)


def range_text(layers: Layers, score: str, form: str) -> str:
    """Returns a score of all layers: one number, or the smallest and the largest."""
    return _ends([layer[score] for layer in layers], form)


def noise_text(layers: Layers) -> str:
    """Returns "noise score 0.58", or "noise scores 0.31 to 0.62"."""
    scores = range_text(layers, "noise", ".2f")
    return f"noise score{'s' * (' to ' in scores)} {scores}"


def change_of_noise(layers: Layers) -> str:
    """Returns the noise score now, and that of the start if it was clearly another."""
    changes = [layer["noise"] - layer.noise_at_start for layer in layers]
    if all(change < -_CHANGE for change in changes):
        verb = "fell"
    elif all(change > _CHANGE for change in changes):
        verb = "rose"
    else:  # also where the start is not known, NaN
        return f"{noise_text(layers).capitalize()}, {_SCALE}."
    before = _ends([layer.noise_at_start for layer in layers], ".2f")
    now = range_text(layers, "noise", ".2f")
    if len(layers) == 1:
        return f"Its noise score {verb} from {before} to {now}, {_SCALE}."
    return f"Noise scores {verb} from {before} at the start to {now}, {_SCALE}."


def count_text(layers: Layers, share: str, noun: str) -> str:
    """Returns how many units or filters a share is, such as "20 of 32 units"; "all units"."""
    count, total = _count(layers, share), sum(layer.shape[-1] for layer in layers)
    if count == total:
        return f"all {noun}" if total > 1 else f"its only {noun.removesuffix('s')}"
    return f"{count} of {total} {noun}"


def verb_for(layers: Layers, share: str, singular: str, plural: str) -> str:
    """Returns the form of a verb that agrees with `count_text`."""
    return singular if _count(layers, share) == 1 else plural


def _count(layers: Layers, share: str) -> int:
    return sum(round(layer.get(share, 0.0) * layer.shape[-1]) for layer in layers)


def units_text(layers: Layers) -> str:
    """Returns a sentence about units or filters that are dead, and one about saturated units."""
    text = ""
    if _count(layers, "dead_units"):
        count, are = count_text(layers, "dead_units", "units"), ("is", "are")
        text = (
            f" {_capital(count)} {verb_for(layers, 'dead_units', *are)} zero for every probe input."
        )
    elif _count(layers, "dead"):
        count, have = count_text(layers, "dead", "filters"), ("has", "have")
        text = f" {_capital(count)} {verb_for(layers, 'dead', *have)} next to no weight."
    if any(layer.get("saturated_units", 0.0) >= MANY for layer in layers):
        count = count_text(layers, "saturated_units", "units")
        text += (
            f" {_capital(count)} {verb_for(layers, 'saturated_units', 'stays', 'stay')} at the "
            "ends of the range for all probe inputs, which is harmless as long as the network "
            "learns."
        )
    return text


def flatness_text(layers: Layers) -> str:
    """Returns a sentence about the filters of layers that read images, if most are flat."""
    if not all(layer.reads_images and layer.get("dc", 0.0) > 1 / 2 for layer in layers):
        return ""
    return (
        f" The weights within a window are mostly alike (dc {range_text(layers, 'dc', '.2f')}): "
        "the filters measure brightness or colour rather than shapes."
    )


def kept_text(layers: Layers) -> str:
    """Returns how much of the weights is as it was at the start, if it is more than half.

    With c the cosine between the weights now and at the start, 1 - `rotation`, a share c^2 of the
    squared weights lies in the direction of the start.
    """
    cosines = [1 - layer.get("rotation", 1.0) if knows_start(layer) else 0.0 for layer in layers]
    shares = [max(cosine, 0.0) ** 2 for cosine in cosines]
    if min(shares) <= 1 / 2:
        return ""
    start = _ends([layer.noise_at_start for layer in layers], ".2f")
    return (
        f" {_ends(shares, '.0%')} of what the picture shows was there when training began, with a "
        f"noise score of {start}."
    )


def windows_needed(layers: Layers) -> str:
    """Returns how many windows a layer has, and how many of the kind it takes to tell."""
    if len(layers) > 1:
        return f"It takes more windows than each of these {len(layers)} layers has."
    (layer,) = layers
    *window, channels, filters = layer.shape
    there = channels * filters
    # of windows with unequal weights it takes more than of equal ones
    needed = math.ceil(there * noise.slices_needed(tuple(window)) / layer["slices"])
    return (
        f"It has {there} window{'s' * (there > 1)} of {_size(window)} weights; it takes about "
        f"{needed} to tell."
    )


def where_to_look(layers: Layers, opening: str = "") -> str:
    """Returns what is worth looking at, behind an opening that says what the picture is worth."""
    window = layers[0].shape[:-2]
    patches = ""
    if len(window) == 2 and all(layer.kind in ("conv", "depthwise") for layer in layers):
        patches = "at the patches that excite the filters (fw.draw.favourites)"
    if not all(layer.reads_images for layer in layers):
        return (
            "Only a first layer reads the input itself; filters of later ones need not look like "
            f"anything{f', so look {patches}' * bool(patches)}."
        )
    if all(layer.kind == "dense" for layer in layers):
        return (
            "Look at fw.draw.templates, where red speaks for a unit and blue against it. Where "
            "Dense layers lead to classes, fw.draw.class_paths and fw.draw.evidence show what "
            "speaks for a class."
        )
    if max(window) < _EDGE_WINDOW:
        instead = f"look {patches}, or " * bool(patches)
        return (
            f"Windows of {_size(window)} are too small to show edges; {instead}take a first layer "
            "of 5x5."
        )
    and_patches = f", and {patches}" * bool(patches)
    if opening:
        return f"{opening}; look at the validation accuracy{and_patches}."
    if not all("labels" in layer.filters for layer in layers):
        return f"Look at fw.draw.filters{and_patches}."
    counts = Counter(each for layer in layers for each in layer.descriptions)
    named = [
        f"{counts[name]} {plural if counts[name] > 1 else name}"
        for name, plural in PLURALS.items()
        if counts[name]
    ]
    if not named:
        return (
            "No single filter differs clearly from noise, only all of them together do, so the "
            f"picture shows little{f'; look {patches}' * bool(patches)}."
        )
    return f"Look at fw.draw.filters ({', '.join(named)} of {counts.total()}){and_patches}."


def _ends(values: Sequence[float], form: str) -> str:
    ends = [f"{min(values):{form}}", f"{max(values):{form}}"]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _size(window: Sequence[int]) -> str:
    return "x".join(map(str, window))
