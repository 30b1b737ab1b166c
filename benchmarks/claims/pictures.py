"""Draws a picture for each claim: filters of the trained networks, from their records."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

import keras_filterwatch as fw
from benchmarks.claims.plan import RATE
from benchmarks.claims.reading import Records, Trained

_GAP, _WIDEST = 12, 1_200  # pixels: between two pictures, and of a row of them


def pictures_of(records: Records) -> dict[str, Image.Image]:
    """Returns the pictures by the key of their claim; those whose trainings are missing are absent.

    Each function below names the trainings that it draws.
    """
    drawn = {}
    for key, picture in _PICTURES.items():
        try:
            drawn[key] = picture(records)
        except LookupError:  # not trained yet
            continue
    return drawn


def together(pictures: Sequence[Image.Image]) -> Image.Image:
    """Returns pictures in a row, on white; in a column if the row would be too wide for a page.

    Example:
        >>> together([Image.new("RGB", (10, 20)), Image.new("RGB", (30, 5))]).size
        (52, 20)
    """
    gaps = _GAP * (len(pictures) - 1)
    widths, heights = zip(*(picture.size for picture in pictures), strict=True)
    is_row = sum(widths) + gaps <= _WIDEST
    size = (sum(widths) + gaps, max(heights)) if is_row else (max(widths), sum(heights) + gaps)
    sheet = Image.new("RGB", size, "white")
    left = top = 0
    for picture in pictures:
        sheet.paste(picture, (left, top))
        left, top = (left + picture.width + _GAP, 0) if is_row else (0, top + picture.height + _GAP)
    return sheet


def _one(records: Records, study: str, **fields: Any) -> Trained:
    """Returns the first of the trainings with these fields. Raises LookupError if there is none."""
    return records.of(study, **fields)[0]


def _filters(name: str, each: Trained, when: str = "end", layer: str = "first") -> Image.Image:
    """Returns the picture of a layer's filters; its caption begins with `name`."""
    return fw.draw.filters({name: np.array(each.kernels[when][layer])})


def _smooth(records: Records) -> Image.Image:
    smooth = _one(records, "windows", data="mnist", window=11)
    rough = _one(records, "windows", data="cifar10", window=3)
    names = (f"MNIST, {smooth.accuracy:.0%} right", f"CIFAR-10, {rough.accuracy:.0%} right")
    return together([_filters(n, each) for n, each in zip(names, (smooth, rough), strict=True)])


def _undertrained(records: Records) -> Image.Image:
    fields = {"data": "photographs", "window": 7, "seed": 0}
    little = _one(records, "low", **fields, rate=RATE / 100)
    well = _one(records, "windows", **fields)
    return together([_filters("too little training", little), _filters("enough", well)])


def _regularised(records: Records) -> Image.Image:
    fields = {"data": "mnist", "window": 5, "seed": 0}
    trainings = {
        "healthy": _one(records, "windows", **fields),
        "L2 of 0.01": _one(records, "regularised", **fields, l2=0.01),
        "random labels": _one(records, "few", **fields, random_labels=True),
    }
    return together([_filters(name, each) for name, each in trainings.items()])


def _dead(records: Records) -> Image.Image:
    fields = {"data": "photographs", "optimizer": "adam", "batchnorm": False}
    rates = (1e-3, 1e-1)
    trainings = {f"rate {rate:g}": _one(records, "rates", **fields, rate=rate) for rate in rates}
    return together([_filters(name, each) for name, each in trainings.items()])


def _sparse(records: Records) -> Image.Image:
    maps = _one(records, "windows", data="photographs", window=7, seed=0).drawn_maps
    return together(
        [
            fw.draw.inputs(np.moveaxis(np.array(maps[when]), -1, 0)[..., np.newaxis], title=title)
            for when, title in (("start", "maps before training"), ("end", "maps after"))
        ]
    )


def _turned(records: Records) -> Image.Image:
    each = _one(records, "windows", data="photographs", window=11, seed=0)
    kernel = {"photographs": np.array(each.kernels["end"]["first"])}
    return fw.draw.filters(kernel, order="similarity")


def _saturated(records: Records) -> Image.Image:
    fields = {"data": "photographs", "activation": "tanh", "seed": 0}
    trainings = {
        "few saturated": _one(records, "saturation", **fields, scale=1.0, rate=1e-3),
        "most saturated": _one(records, "saturation", **fields, scale=100.0, rate=1e-2),
    }
    return together([_filters(name, each) for name, each in trainings.items()])


def _small(records: Records) -> Image.Image:
    examples = {
        each["window"]: np.array(each["examples"])
        for each in records.simulations
        if each["share"] == 0.5
    }
    return together([fw.draw.filters({f"half edge {k}x{k}": examples[k]}) for k in (3, 7)])


def _second(records: Records) -> Image.Image:
    each = _one(records, "windows", data="photographs", window=7, seed=0)
    return _filters("second", each, layer="second")


def _path(records: Records) -> Image.Image:
    each = _one(records, "dense", data="mnist", seed=0, l2=0.0, dropout=0.0)
    kernels = {name: np.array(kernel) for name, kernel in each.kernels["end"].items()}
    hidden = kernels["hidden"]
    kernels["hidden"] = hidden.reshape(28, 28, 1, hidden.shape[-1])
    return fw.draw.class_paths(kernels, classes=[0, 3, 8])


def _accuracy(records: Records) -> Image.Image:
    fields = {"data": "photographs", "window": 5, "seed": 0}
    well = _one(records, "windows", **fields)
    by_heart = _one(records, "few", **fields, random_labels=True)
    names = (f"{well.accuracy:.0%} right", f"random labels, {by_heart.accuracy:.0%} right")
    return together([_filters(n, each) for n, each in zip(names, (well, by_heart), strict=True)])


_PICTURES: dict[str, Callable[[Records], Image.Image]] = {
    "smooth": _smooth,
    "undertrained": _undertrained,
    "regularised": _regularised,
    "dead": _dead,
    "sparse": _sparse,
    "turned": _turned,
    "saturated": _saturated,
    "small": _small,
    "second": _second,
    "path": _path,
    "accuracy": _accuracy,
}
