"""The rows of the picture `overview`: a layer or a block of layers each, and what is said of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from keras_filterwatch.alarms import LEVELS, Alarm
from keras_filterwatch.blocks import blocks
from keras_filterwatch.scores import LayerScores, Scores

NETWORK = "network"  # the name of the row of alarms that are about no layer of the picture
NO_VERDICT = "-"  # where too little is known for one


@dataclass(frozen=True)
class Row:
    """A layer, a block of layers, or the network as a whole.

    Attributes:
        name: of the layer or block.
        layers: the names of the layers; none in the row of the network.
        verdict: of the layer; of a block, how many of its layers are untrained.
        filters: what most filters are, and the share of dead ones; of a block the largest share.
        alarms: alarms and notes about these layers so far.
    """

    name: str
    layers: tuple[str, ...]
    verdict: str
    filters: str
    alarms: tuple[Alarm, ...]

    @property
    def worst_that_holds(self) -> str:
        """The level of the worst alarm that holds, or `""`; notes are no reason to look here."""
        levels = {alarm.level for alarm in self.alarms if alarm.ended is None} - {"note"}
        return min(levels, key=LEVELS.index, default="")


def rows_of(scores: Scores, raised: Iterable[Alarm], most: int) -> tuple[Row, list[Row]]:
    """Returns the row of the network, and a row for each layer; blocks if these are too many.

    Args:
        scores: those of the last step.
        raised: alarms and notes so far.
        most: rows of layers or blocks that there may be.

    Example:
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {"dead": 0.25}, {})
        >>> _, rows = rows_of(Scores(0, 0, {"conv_1": layer, "conv_2": layer}), (), most=1)
        >>> [(row.name, row.verdict, row.filters) for row in rows]
        [('conv_1 … conv_2 (2)', '2 untrained', 'dead 25 %')]
    """
    by_layer: dict[str, list[Alarm]] = {}
    for alarm in raised:
        by_layer.setdefault(alarm.layer if alarm.layer in scores else "", []).append(alarm)
    network = Row(NETWORK, (), "", "", tuple(by_layer.get("", ())))
    groups: Sequence[tuple[str, Sequence[str]]] = [(name, (name,)) for name in scores]
    if len(scores) > most:
        groups = [
            (f"{name} ({len(layers)})" if len(layers) > 1 else name, layers)
            for name, layers in blocks([*scores], most)
        ]
    return network, [_row(name, layers, scores, by_layer) for name, layers in groups]


def _row(
    name: str, names: Sequence[str], scores: Scores, alarms: Mapping[str, Sequence[Alarm]]
) -> Row:
    layers = [scores.layers[each] for each in names]
    return Row(
        name,
        tuple(names),
        _verdict(layers),
        ", ".join(filter(None, (_most_frequent_label(layers), _dead(layers)))),
        tuple(alarm for each in names for alarm in alarms.get(each, ())),
    )


def _verdict(layers: Sequence[LayerScores]) -> str:
    verdicts = [layer.verdict for layer in layers]
    if len(layers) > 1 and "untrained" in verdicts:
        return f"{verdicts.count('untrained')} untrained"
    return next((each for each in ("untrained", "structured") if each in verdicts), NO_VERDICT)


def _most_frequent_label(layers: Sequence[LayerScores]) -> str:
    """Returns what most filters of a layer that reads images look like, such as `"edge 60 %"`."""
    layer = layers[0]
    if len(layers) > 1 or not layer.reads_images or "labels" not in layer.filters:
        return ""
    label, count = Counter(layer.descriptions).most_common(1)[0]
    if label in ("", "dead", "unclassified"):
        return ""
    return f"{label} {_percent(count / layer.shape[-1])}"


def _dead(layers: Sequence[LayerScores]) -> str:
    share = max(layer.get("dead_units", layer.get("dead", 0.0)) for layer in layers)
    return f"dead {_percent(share)}" if share > 0 else ""


def _percent(share: float) -> str:
    return f"{max(1, round(100 * share))} %"


def alarm_texts(row: Row) -> list[tuple[str, str]]:
    """Returns level and text of what was raised about a row: what holds first, the worst first.

    Example:
        >>> alarm = Alarm("too_large", "head", 3, 11.5, 10.0, (), "It is 11.5.")
        >>> alarm_texts(Row("head", ("head",), "", "", (alarm,)))
        [('warning', 'too_large since 3')]
    """
    by_rule: dict[tuple[bool, str, str], list[Alarm]] = {}
    for alarm in row.alarms:
        key = (alarm.ended is not None, alarm.level, alarm.rule)
        by_rule.setdefault(key, []).append(alarm)

    def order(item: tuple[tuple[bool, str, str], list[Alarm]]) -> tuple[bool, bool, int, int]:
        (has_ended, level, _), alarms = item
        return level == "note", has_ended, LEVELS.index(level), alarms[0].step

    return [
        (level, f"{rule}{_where(row, alarms)} {_when(alarms)}")
        for (_, level, rule), alarms in sorted(by_rule.items(), key=order)
    ]


def _where(row: Row, alarms: Sequence[Alarm]) -> str:
    """Returns which layers of a block alarms are about; `""` where the row says so."""
    names = list(dict.fromkeys(alarm.layer for alarm in alarms if alarm.layer))
    if not names or len(row.layers) == 1:
        return ""
    return f" in {names[0]}" if len(names) == 1 else f" in {len(names)} layers"


def _when(alarms: Sequence[Alarm]) -> str:
    """Returns when alarms of one rule held: since a step, from one to another, or how often."""
    first = min(alarm.step for alarm in alarms)
    ends = [alarm.ended for alarm in alarms if alarm.ended is not None]
    if not ends:
        return f"since {first}"
    return f"from {first} to {max(ends)}" + (f", {len(ends)} times" if len(ends) > 1 else "")
