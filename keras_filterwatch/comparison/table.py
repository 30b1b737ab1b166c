"""What a comparison says: sentences, a table for the console and a notebook, and CSV."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from keras_filterwatch.score_table import (
    csv_of_rows,
    html_paragraphs,
    html_table,
    kernel_size,
    skipped_lines,
    text_table,
)
from keras_filterwatch.text import printable

if TYPE_CHECKING:
    from keras_filterwatch.comparison import Comparison, LayerComparison

_SCORES = ("noise", "norm", "dead", "dead_units")
_CHANGE = 0.05  # of a noise score, that is worth a word
_LISTED_LAYERS, _LISTED_FILTERS = 8, 5
_SAME_MEMORY = (
    "a and b read the same weights in memory, so nothing can differ: to keep those before a "
    "training, take fw.snapshot_of(model)"
)
_NAMES = 3  # names of layers in a sentence
_ERRORS = 4  # standard errors of a cosine of unrelated kernels, within which a rotation is 1
_FEWEST_WEIGHTS = 100  # of all layers together, that it takes to say so


def sentences(comparison: "Comparison") -> list[str]:
    """Returns what changed most, what did not change, and which verdicts are others.

    Example:
        >>> import numpy as np
        >>> from keras_filterwatch.comparison import compare
        >>> sentences(compare({"head": np.ones((2, 2))}, {"head": np.ones((2, 2))}))
        ['No layer changed.']
    """
    if not comparison:
        return ["No layer of a has a counterpart in b: nothing can be compared."]
    known = [layer for layer in comparison.by_change if not math.isnan(layer.rotation)]
    changed = [layer for layer in known if not layer.is_unchanged]
    unchanged = [layer.name for layer in comparison.values() if layer.is_unchanged]
    lines = []
    if _are_unrelated(changed) and not unchanged:
        lines.append(
            "The kernels of a and b have nothing in common: rotations are about 1, as between "
            "networks that began with other random weights. Compare their scores; filters of one "
            "number have no more to do with each other than any two."
        )
        lines += _largest_noise_change(comparison.values())
    elif changed:
        lines.append(f"{printable(changed[0].name)} changed most: {_how(changed[0])}.")
    else:
        lines += _largest_noise_change(comparison.values())
    if len(unchanged) == len(comparison):
        lines.append("No layer changed.")
    elif unchanged:
        lines.append(f"{_names(unchanged)} did not change.")
    verdicts: dict[tuple[str, str], list[str]] = {}
    for layer in comparison.values():
        if layer.a.verdict != layer.b.verdict:
            verdicts.setdefault((layer.a.verdict, layer.b.verdict), []).append(layer.name)
    for (before, after), names in verdicts.items():
        lines.append(f"The verdict on {_names(names)} is {after!r} in b and {before!r} in a.")
    return lines


def as_text(comparison: "Comparison") -> str:
    """Returns names, sentences, the table, and what could not be compared, for a console."""
    table = text_table(_rows(comparison)) if comparison else []
    parts = [[_title(comparison)], sentences(comparison), table + _remarks(comparison)]
    return "\n\n".join("\n".join(part) for part in parts if part)


def as_html(comparison: "Comparison") -> str:
    """Returns what `as_text` does as HTML, for a notebook."""
    opening = html_paragraphs([_title(comparison), *sentences(comparison)])
    table = html_table(_rows(comparison)) if comparison else ""
    return opening + table + html_paragraphs(_remarks(comparison))


def as_csv(comparison: "Comparison") -> str:
    """Returns all numbers of all layers as CSV, in full precision; a line for each layer."""
    rows = []
    for layer in comparison.values():
        row: dict[str, Any] = {
            "layer": layer.name,
            "layer_in_b": layer.name_in_b,
            "kernel_a": kernel_size(layer.a),
            "kernel_b": kernel_size(layer.b),
            "verdict_a": layer.a.verdict,
            "verdict_b": layer.b.verdict,
            "rotation": "" if math.isnan(layer.rotation) else float(layer.rotation),
            "changed_filters": " ".join(map(str, layer.changed_filters)),
        }
        for name in dict.fromkeys([*layer.a, *layer.b]):
            row[f"{name}_a"] = layer.a.get(name, "")
            row[f"{name}_b"] = layer.b.get(name, "")
        rows.append(row)
    return csv_of_rows(rows)


def _title(comparison: "Comparison") -> str:
    a, b = map(printable, comparison.names)
    return "a and b" if (a, b) == ("a", "b") else f"a: {a}; b: {b}"


def _rows(comparison: "Comparison") -> list[list[str]]:
    """Returns the header and the rows of the table, most changed layers first."""
    layers = comparison.by_change
    scores = [name for name in _SCORES if any(name in each.a or name in each.b for each in layers)]
    rows = [["layer", "kernel", "rotation", *scores, "filters that changed most"]]
    for layer in layers:
        rotation = "-" if math.isnan(layer.rotation) else f"{layer.rotation:.3g}"
        filters = [str(number) for number in layer.changed_filters[:_LISTED_FILTERS]]
        more = ["..."] * (len(layer.changed_filters) > _LISTED_FILTERS)
        rows.append(
            [
                printable(layer.name),
                _both(kernel_size(layer.a), kernel_size(layer.b)),
                rotation,
                *(_both(_number(layer.a, name), _number(layer.b, name)) for name in scores),
                ", ".join([*filters, *more]) or "-",
            ]
        )
    return rows


def _remarks(comparison: "Comparison") -> list[str]:
    """Returns a line for each thing that the table cannot show, with the layers concerned."""
    by_place = [
        f"{layer.name} with {layer.name_in_b}"
        for layer in comparison.values()
        if layer.name != layer.name_in_b
    ]
    recorded = [
        layer.name
        if layer.recorded == layer.a.shape[-1]
        else f"{layer.name} (first {layer.recorded} of {layer.a.shape[-1]} filters)"
        for layer in comparison.values()
        if layer.recorded
    ]
    lines = [_SAME_MEMORY] * comparison.is_same_memory
    lines += _lists("matched by their places, as the names differ", by_place)
    lines += _lists("only in a", comparison.only_in_a) + _lists("only in b", comparison.only_in_b)
    reasons = dict.fromkeys(layer.why_not for layer in comparison.values() if layer.why_not)
    for reason in reasons:
        names = [layer.name for layer in comparison.values() if layer.why_not == reason]
        lines += _lists(f"no rotation, since {reason}", names)
    lines += _lists("rotation of recorded weights, in 8 bits each", recorded)
    return lines + skipped_lines(comparison.skipped)


def _lists(what: str, names: Sequence[str]) -> list[str]:
    """Returns a line with the names, or none if there are no names."""
    if not names:
        return []
    rest = len(names) - _LISTED_LAYERS
    more = f" and {rest} more" if rest > 0 else ""
    return [f"{what}: {', '.join(map(printable, names[:_LISTED_LAYERS]))}{more}"]


def _are_unrelated(layers: Sequence["LayerComparison"]) -> bool:
    """True if no kernel points where the other one does, more than two of random weights would.

    The cosine of two unrelated kernels of n weights has the mean 0 and a standard error of
    1 / sqrt(n).
    """
    sizes = [math.prod(layer.a.shape) for layer in layers]
    if sum(sizes) < _FEWEST_WEIGHTS:
        return False
    return all(
        abs(1 - layer.rotation) < _ERRORS / math.sqrt(size)
        for layer, size in zip(layers, sizes, strict=True)
    )


def _how(layer: "LayerComparison") -> str:
    """Returns how a layer changed: its rotation, and its noise score if that changed."""
    change = _noise_change(layer)
    return f"rotation {layer.rotation:.2g}" + (f"; its noise score {change}" if change else "")


def _largest_noise_change(layers: Iterable["LayerComparison"]) -> list[str]:
    """Returns a sentence on the noise score that changed most, if one changed."""
    changed = [layer for layer in layers if _noise_change(layer)]
    if not changed:
        return []
    most = max(changed, key=lambda layer: abs(layer.differences["noise"]))
    return [
        f"The noise score of {printable(most.name)} changed most of all: it {_noise_change(most)}."
    ]


def _noise_change(layer: "LayerComparison") -> str:
    """Returns such as "fell from 0.98 to 0.31"; nothing if it hardly changed."""
    difference = layer.differences.get("noise", 0.0)
    if abs(difference) <= _CHANGE:
        return ""
    verb = "fell" if difference < 0 else "rose"
    return f"{verb} from {layer.a['noise']:.2f} to {layer.b['noise']:.2f}"


def _names(names: Sequence[str]) -> str:
    """Returns such as "conv, dense and 4 more"; above a few, how many layers they are."""
    if len(names) > _NAMES:
        return f"{len(names)} layers"
    some = [printable(name) for name in names]
    return f"{', '.join(some[:-1])} and {some[-1]}" if len(some) > 1 else some[0]


def _both(a: str, b: str) -> str:
    return a if a == b else f"{a} -> {b}"


def _number(layer: Any, score: str) -> str:
    return f"{layer[score]:.3g}" if score in layer else "-"
