"""What the command calls a layer in one word, and how many layers of a file are called so."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores

# the worst first
STATES = ("diverged", "dead", "equal", "noisy", "undetermined", "structured")
_ALWAYS_COUNTED = ("structured", "noisy", "dead", "undetermined")
_OF_FAULTS = {  # name of a situation that is a fault -> state
    "diverged": "diverged",
    "never active": "dead",
    "rarely active": "dead",
    "next to no weight": "dead",
    "equal filters": "equal",
}
_OF_VERDICTS = {"structured": "structured", "untrained": "noisy"}
STYLES = {  # of a state, for rich
    **dict.fromkeys(("diverged", "dead", "equal"), "red"),
    "noisy": "yellow",
    "undetermined": "yellow",
    "structured": "green",
}


def state_of(layer: "LayerScores") -> str:
    """Returns one of `STATES`; a layer without a verdict is never `"structured"`.

    Example:
        >>> from keras_filterwatch.scores import LayerScores
        >>> state_of(LayerScores("Dense", (64, 10), "undetermined", {}, {}))
        'undetermined'
    """
    from keras_filterwatch.sentences import situation

    return _OF_FAULTS.get(situation(layer).name) or _OF_VERDICTS.get(layer.verdict, "undetermined")


def worst_first(layers: Mapping[str, "LayerScores"]) -> list[str]:
    """Returns the names of layers, the worst first; what is equally bad keeps its order.

    Example:
        >>> from keras_filterwatch.scores import LayerScores
        >>> structured = LayerScores("Conv2D", (3, 3, 8, 64), "structured", {"noise": 0.3}, {})
        >>> dead = LayerScores("Conv2D", (3, 3, 8, 64), "structured", {"noise": 0.3, "dead": 1}, {})
        >>> worst_first({"first": structured, "second": dead})
        ['second', 'first']
    """
    from keras_filterwatch.sentences import situation
    from keras_filterwatch.sentences.situations import SITUATIONS

    return sorted(layers, key=lambda name: SITUATIONS.index(situation(layers[name])))


def count_states(file: Mapping[str, Any]) -> dict[str, int]:
    """Returns how many layers of an audited file have each state, and how many were skipped.

    Example:
        >>> count_states({"layers": [{"state": "noisy"}], "skipped": {"bn": "no kernel"}})["noisy"]
        1
    """
    counts = Counter(layer["state"] for layer in file["layers"])
    return {**{state: counts[state] for state in STATES}, "skipped": len(file["skipped"])}


def add_counts(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the sums of what `count_states` returned for several files.

    Example:
        >>> add_counts([{"structured": 1}, {"structured": 2}])["structured"]
        3
    """
    total = Counter[str]()
    for each in counts:
        total.update(each)
    return {name: total[name] for name in (*STATES, "skipped")}


def counts_text(counts: Mapping[str, int]) -> str:
    """Returns counts in words; those of rare states only where there are such layers.

    Example:
        >>> counts_text({"structured": 3, "diverged": 1, "skipped": 2})
        '1 diverged, 3 structured, 0 noisy, 0 dead, 0 undetermined, 2 skipped'
    """
    rare = [state for state in STATES if state not in _ALWAYS_COUNTED and counts.get(state)]
    names = (*rare, *_ALWAYS_COUNTED, "skipped")
    return ", ".join(f"{counts.get(name, 0)} {name}" for name in names)
