"""Curves: which numbers of a report are written, for people to read, and under which tags."""

import math
import reprlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.report import Report
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.text import printable, suggestion

if TYPE_CHECKING:
    from PIL import Image

# the scores that are written by default, the most important first
DEFAULT_SCORES = ("noise", "dead_units", "dead", "update", "rotation", "norm", "gradient")


def curves(report: Report, scalars: str | Collection[str] | None = None) -> dict[str, float]:
    """Returns the points of all curves at one step, the most important first.

    Tags are `<score>/<NN>_<layer>`, and for the whole network `filter_noise`, `dead_filters` and
    `alarm_count`. What is undefined is absent, and so is what is not finite.

    Args:
        report: of the step.
        scalars: the scores to write. None for those of `DEFAULT_SCORES`, where `dead` gives way to
            `dead_units` in layers that have it; `"all"` for every score; a name or several names.
            Metrics of the user's own and the curves of the whole network are always written.

    Example:
        >>> from keras_filterwatch import Diagnosis, Report
        >>> numbers = {"noise": 1.01, "geary_c": 0.98}
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", numbers, {})
        >>> report = Report(Scores(0, 0, {"conv": layer}), {}, (), Diagnosis("", (), ""))
        >>> curves(report)
        {'filter_noise': 1.01, 'dead_filters': 0.0, 'alarm_count': 0.0, 'noise/00_conv': 1.01}
        >>> "geary_c/00_conv" in curves(report, "all")
        True
    """
    scores = report.scores
    points = {
        "filter_noise": scores.filter_noise,
        "dead_filters": scores.dead_filters,
        "alarm_count": float(sum(alarm.ended is None for alarm in report.alarms)),
    }
    selected = {layer: _selected(numbers, scalars) for layer, numbers in scores.items()}
    tags = layer_tags(scores)
    for score in _ordered({score for each in selected.values() for score in each}):
        for layer, numbers in scores.items():
            if score in selected[layer]:
                points[f"{printable(score)}/{tags[layer]}"] = float(numbers[score])
    return {tag: number for tag, number in points.items() if math.isfinite(number)}


def picture_tags(report: Report) -> "dict[str, Image.Image]":
    """Returns the pictures of a report by tag, `<picture>/<NN>_<layer>`.

    That of a picture of the whole network is its name alone.

    Example:
        >>> from PIL import Image
        >>> from keras_filterwatch import Diagnosis, Report
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {}, {})
        >>> image = Image.new("RGB", (8, 8))
        >>> pictures = {("overview", ""): image, ("filters", "conv"): image}
        >>> report = Report(Scores(0, 0, {"conv": layer}), pictures, (), Diagnosis("", (), ""))
        >>> [*picture_tags(report)]
        ['overview', 'filters/00_conv']
    """
    tags = layer_tags(report.scores)
    return {
        f"{name}/{tags.get(layer, printable(layer))}" if layer else name: image
        for (name, layer), image in report.pictures.items()
    }


def layer_tags(scores: Scores) -> dict[str, str]:
    """Returns layer name -> how tags end: the layer's place, zero-padded, and its name.

    Lists that sort their tags so keep the order of the model.

    Example:
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {}, {})
        >>> layer_tags(Scores(0, 0, {"stem": layer, "head": layer}))
        {'stem': '00_stem', 'head': '01_head'}
    """
    digits = max(2, len(str(len(scores) - 1)))
    return {layer: f"{i:0{digits}}_{printable(layer)}" for i, layer in enumerate(scores)}


def check_scalars(scalars: str | Collection[str] | None, own: Iterable[str] = ()) -> None:
    """Raises an error where `scalars` is nothing that `curves` takes.

    Args:
        scalars: as `curves` takes it.
        own: names of the user's own metrics, which may be among the names.

    Raises:
        TypeError: it is neither None nor names.
        ValueError: a name is no score's.

    Example:
        >>> check_scalars(["noise", "gradient"])
        >>> check_scalars("apozz")
        Traceback (most recent call last):
        ...
        ValueError: scalars: no score is called 'apozz'; did you mean 'apoz'. Metrics of your \
own are always written.
    """
    if scalars is None:
        return
    names = [scalars] if isinstance(scalars, str) else scalars
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            'scalars: None, "all", or a list of names of scores is needed; got '
            f"{reprlib.repr(scalars)}."
        )
    known = {*DESCRIPTIONS, *own}
    unknown = [name for name in names if name not in known]
    if unknown and scalars != "all":
        raise ValueError(
            f"scalars: no score is called {reprlib.repr(unknown[0])}; "
            f"{suggestion(unknown[0][:99], sorted(known))}. Metrics of your own are always written."
        )


def _selected(numbers: LayerScores, scalars: str | Collection[str] | None) -> set[str]:
    """Returns the names of the layer's scores that are written."""
    own = {score for score in numbers if score not in DESCRIPTIONS}
    if scalars is None:
        hidden = "dead" if "dead_units" in numbers else ""
        return {score for score in DEFAULT_SCORES if score in numbers and score != hidden} | own
    if scalars == "all":
        return set(numbers)
    names = [scalars] if isinstance(scalars, str) else scalars
    return {name for name in names if name in numbers} | own


def _ordered(scores: Iterable[str]) -> list[str]:
    """Returns the scores as `DEFAULT_SCORES` has them, then the others by name."""
    places = {score: i for i, score in enumerate(DEFAULT_SCORES)}
    return sorted(scores, key=lambda score: (places.get(score, len(places)), score))
