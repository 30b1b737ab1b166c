"""The table of the scores of a network: for the console, a notebook, CSV and pandas."""

import csv
import html
import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from keras_filterwatch import sentences
from keras_filterwatch.text import printable

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores, Scores

_LISTED_LAYERS = 8  # of those skipped for one reason; `Scores.skipped` has them all
_COLUMNS = (
    *("noise", "noise_z", "slices", "dc", "anisotropy"),
    *("dead", "dead_units", "saturated_units", "update", "rotation"),
)
_STYLE = "text-align: left; font-variant-numeric: tabular-nums"


def as_text(scores: "Scores") -> str:
    """Returns what the scores mean, the table, and what is not watched, for a console."""
    rows = _most_telling(scores)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if i in (0, 1, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    table.insert(1, "-" * max(map(len, table)))
    overview = sentences.overview(scores)
    blank = [""] * bool(overview)
    return "\n".join([*overview, *blank, *table, *skipped_lines(scores.skipped)])


def as_html(scores: "Scores") -> str:
    """Returns what `as_text` does as HTML, for a notebook."""
    header, *rows = _most_telling(scores)
    overview = "".join(f"<p>{html.escape(line)}</p>" for line in sentences.overview(scores))
    skipped = "".join(f"<p>{html.escape(line)}</p>" for line in skipped_lines(scores.skipped))
    head = _html_row(header, "th")
    body = "".join(_html_row(row, "td") for row in rows)
    return f"{overview}<table><thead>{head}</thead><tbody>{body}</tbody></table>{skipped}"


def as_csv(scores: "Scores") -> str:
    """Returns all numbers of all layers as CSV, in full precision; a line for each layer."""
    rows = _all_numbers(scores)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns or ["layer"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_data_frame(scores: "Scores") -> Any:
    """Returns all numbers of all layers as a pandas DataFrame, indexed by the layer's name.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        pandas: Any = import_module("pandas")
    except ImportError as error:
        raise ImportError(
            "Scores.to_pandas() needs pandas, which is not installed: pip install pandas, or take "
            "Scores.to_csv()."
        ) from error
    rows = _all_numbers(scores)
    return pandas.DataFrame(rows, columns=None if rows else ["layer"]).set_index("layer")


def skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    """Returns a line for each reason, with the layers that are not watched because of it.

    Example:
        >>> skipped_lines({"bn": "no kernel", "pool": "no kernel"})
        ['not watched: bn, pool (no kernel)']
    """
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        names = [printable(name) for name, why in skipped.items() if why == reason]
        rest = len(names) - _LISTED_LAYERS
        more = f" and {rest} more" if rest > 0 else ""
        listed = ", ".join(names[:_LISTED_LAYERS])
        lines.append(f"not watched: {listed}{more} ({printable(reason)})")
    return lines


def _most_telling(scores: "Scores") -> list[list[str]]:
    """Returns the header and the rows of the short table, rounded for reading."""
    columns = [name for name in _COLUMNS if any(name in layer for layer in scores.values())]
    rows = [["layer", "kernel", *columns, "verdict"]]
    for name, layer in scores.items():
        numbers = [f"{layer[column]:.3g}" if column in layer else "-" for column in columns]
        rows.append([printable(name), _size(layer), *numbers, layer.verdict])
    return rows


def _all_numbers(scores: "Scores") -> list[dict[str, Any]]:
    """Returns a row for each layer, column -> value; what is undefined for a layer is absent."""
    return [
        {
            "layer": name,
            "layer_type": layer.layer_type,
            "kernel": _size(layer),
            "verdict": layer.verdict,
            "sentence": layer.sentence,
            "trainable": layer.trainable,
            **{score: float(number) for score, number in layer.numbers.items()},
        }
        for name, layer in scores.items()
    ]


def _size(layer: "LayerScores") -> str:
    return "x".join(map(str, layer.shape))


def _html_row(cells: Sequence[str], tag: str) -> str:
    style = f' style="{_STYLE}"'
    return f"<tr>{''.join(f'<{tag}{style}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
