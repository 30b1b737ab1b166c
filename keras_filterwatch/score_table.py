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
    table = text_table(_most_telling(scores))
    overview = sentences.overview(scores)
    blank = [""] * bool(overview)
    return "\n".join([*overview, *blank, *table, *skipped_lines(scores.skipped)])


def as_html(scores: "Scores") -> str:
    """Returns what `as_text` does as HTML, for a notebook."""
    rows, skipped = _most_telling(scores), skipped_lines(scores.skipped)
    return html_paragraphs(sentences.overview(scores)) + html_table(rows) + html_paragraphs(skipped)


def as_csv(scores: "Scores") -> str:
    """Returns all numbers of all layers as CSV, in full precision; a line for each layer."""
    return csv_of_rows(_all_numbers(scores))


def csv_of_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Returns rows, column -> value, as CSV; what a row lacks is an empty cell.

    Texts that a spreadsheet would take for a formula begin with an apostrophe.

    Example:
        >>> csv_of_rows([{"layer": "conv", "noise": 0.5}, {"layer": "head"}])
        'layer,noise\\nconv,0.5\\nhead,\\n'
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns or ["layer"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    is_formula = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if is_formula else value


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


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the lines of a table, of which the first row is the header.

    The first two columns and the last one begin at the left, numbers between them end at the right.

    Example:
        >>> rows = [["layer", "kernel", "noise", "verdict"], ["c", "3x3x1x8", "1", "untrained"]]
        >>> print(*text_table(rows), sep="\\n")
        layer  kernel   noise  verdict
        --------------------------------
        c      3x3x1x8      1  untrained
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join(
            cell.ljust(width) if i in (0, 1, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    table.insert(1, "-" * max(map(len, table)))
    return table


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """Returns a table, of which the first row is the header, as HTML.

    Example:
        >>> html_table([["layer"], ["<b>"]]).count("&lt;b&gt;")
        1
    """
    header, *others = rows
    body = "".join(_html_row(row, "td") for row in others)
    return f"<table><thead>{_html_row(header, 'th')}</thead><tbody>{body}</tbody></table>"


def html_paragraphs(lines: Sequence[str]) -> str:
    """Returns each line as a paragraph of HTML.

    Example:
        >>> html_paragraphs(["1 < 2"])
        '<p>1 &lt; 2</p>'
    """
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def kernel_size(layer: "LayerScores") -> str:
    """Returns the shape of a layer's kernel, such as "3x3x16x32"."""
    return "x".join(map(str, layer.shape))


def _most_telling(scores: "Scores") -> list[list[str]]:
    """Returns the header and the rows of the short table, rounded for reading."""
    columns = [name for name in _COLUMNS if any(name in layer for layer in scores.values())]
    rows = [["layer", "kernel", *columns, "verdict"]]
    for name, layer in scores.items():
        numbers = [f"{layer[column]:.3g}" if column in layer else "-" for column in columns]
        rows.append([printable(name), kernel_size(layer), *numbers, layer.verdict])
    return rows


def _all_numbers(scores: "Scores") -> list[dict[str, Any]]:
    """Returns a row for each layer, column -> value; what is undefined for a layer is absent."""
    return [
        {
            "layer": name,
            "layer_type": layer.layer_type,
            "kernel": kernel_size(layer),
            "verdict": layer.verdict,
            "sentence": layer.sentence,
            "trainable": layer.trainable,
            **{score: float(number) for score, number in layer.numbers.items()},
        }
        for name, layer in scores.items()
    ]


def _html_row(cells: Sequence[str], tag: str) -> str:
    style = f' style="{_STYLE}"'
    return f"<tr>{''.join(f'<{tag}{style}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
