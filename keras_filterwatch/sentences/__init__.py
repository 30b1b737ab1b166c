"""What the scores of layers mean, in plain sentences for people who know no theory."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras_filterwatch.sentences.situations import KINDS, SITUATIONS, Situation
from keras_filterwatch.text import printable

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores

_MOST_NAMES = 3  # names of layers before a sentence


def sentence(layer: "LayerScores") -> str:
    """Returns what the scores of a layer mean: the text that follows the layer's name.

    Example:
        >>> from dataclasses import replace
        >>> from keras_filterwatch.scores import LayerScores
        >>> numbers = {"noise": 0.58, "slices": 96.0}
        >>> layer = LayerScores("Conv2D", (3, 3, 3, 32), "structured", numbers, {})
        >>> sentence(replace(layer, reads_images=True, noise_at_start=0.93))
        'not random. Its noise score fell from 0.93 to 0.58, where 1 is noise and 0 is as smooth \
as possible. Windows of 3x3 are too small to show edges; take a first layer of 5x5.'
    """
    return situation(layer).sentence([layer])


def situation(layer: "LayerScores") -> Situation:
    """Returns the first row of `SITUATIONS` that applies to a layer."""
    return next(row for row in SITUATIONS if row.applies(layer))


def overview(scores: Mapping[str, "LayerScores"]) -> list[str]:
    """Returns a line for each layer that matters, worst first; similar layers share one.

    What is equally bad keeps the order of the network.

    Example:
        >>> from keras_filterwatch.scores import LayerScores
        >>> same = LayerScores("Dense", (64, 10), "structured", {"dead_units": 1.0}, {})
        >>> print(*overview({"hidden": same, "head": same}), sep="\\n")
        hidden and head: every unit is zero for every probe input, so nothing is passed on. Look \
at the learning rate and at the inputs, not at the picture.
    """
    groups: dict[tuple[Situation, tuple[int, ...]], dict[str, LayerScores]] = {}
    for name, layer in scores.items():
        row = situation(layer)
        window = layer.shape[:-2] if row.names_window and layer.reads_images else ()
        groups.setdefault((row, window), {})[name] = layer
    lines = [
        (row, f"{_names([*layers])}: {row.sentence([*layers.values()])}")
        for (row, _), layers in groups.items()
    ]
    lines.sort(key=lambda line: _order(line[0]))  # which keeps the order of those that are equal
    matter = [line for line in lines if line[0].kind != "nothing"] or lines
    return [text for _, text in matter]


def _order(row: Situation) -> tuple[int, int]:
    return KINDS.index(row.kind), SITUATIONS.index(row) if row.kind == "fault" else 0


def _names(names: Sequence[str]) -> str:
    some = [printable(name) for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        some.append(f"{len(names) - _MOST_NAMES} more")
    return f"{', '.join(some[:-1])} and {some[-1]}" if len(some) > 1 else some[0]
