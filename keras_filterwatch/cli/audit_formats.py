"""What `audit` writes for programs and pull requests: JSON, CSV and Markdown."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_filterwatch import __version__
from keras_filterwatch.cli.audit_text import (
    advice_lines,
    alarm_lines,
    closing_line,
    failure_line,
    skipped_lines,
    summary_line,
    table_rows,
)
from keras_filterwatch.cli.conditions import Failure
from keras_filterwatch.cli.markdown_table import markdown_table, more_layers
from keras_filterwatch.text import markdown, printable

SCHEMA = 1  # of the JSON; docs/cli.md says what is in it
_MOST_ROWS = 20  # of a table in a comment
_HIDDEN = ("image_problems",)  # they are told on stderr

Files = Sequence[Mapping[str, Any]]
Summary = Mapping[str, Any]


def as_json(files: Files, summary: Summary) -> str:
    """Returns all that is known of the files, as docs/cli.md describes it field by field.

    Example:
        >>> json.loads(as_json([], {"files": 0}))["summary"]
        {'files': 0}
    """
    shown = [{key: value for key, value in file.items() if key not in _HIDDEN} for file in files]
    document = {"schema": SCHEMA, "version": __version__, "files": shown, "summary": summary}
    return json.dumps(document, indent=1, allow_nan=False)


def as_csv(files: Files, summary: Summary) -> str:
    """Returns a line for each layer of each file: also for those skipped and files not read.

    Example:
        >>> file = {"file": "a.keras", "error": None, "layers": [], "skipped": {"bn": "no kernel"}}
        >>> as_csv([file], {}).splitlines()[1]
        'a.keras,bn,,,skipped,,,no kernel'
    """
    from keras_filterwatch.score_table import csv_of_rows  # it needs NumPy

    rows: list[dict[str, Any]] = []
    for file in files:
        name = file["file"]
        if file["error"]:
            rows.append(_row(name, "", "unreadable", file["error"]["message"]))
        for layer in file["layers"]:
            rows.append(
                {
                    **_row(name, layer["name"], layer["state"], layer["sentence"]),
                    "layer_type": layer["layer_type"],
                    "kernel": "x".join(map(str, layer["shape"])),
                    "verdict": layer["verdict"],
                    "trainable": layer["trainable"],
                    **layer["scores"],
                }
            )
        rows += [_row(name, layer, "skipped", why) for layer, why in file["skipped"].items()]
    return csv_of_rows(rows).removesuffix("\n")


def as_markdown(files: Files, summary: Summary) -> str:
    """Returns what people read in a pull request: the worst layers of each file.

    Example:
        >>> as_markdown([], {"files": 0})
        ''
    """
    parts = []
    for file in files:
        lines = [f"### {markdown(file['file'])}", ""]
        if file["failed"]:
            lines += [
                *(f"- **{markdown(failure_line(Failure(**each)))}**" for each in file["failed"]),
                "",
            ]
        lines += [markdown(closing_line(file)), ""]
        if file["layers"]:
            lines += _table(file["layers"])
        told = [*file["sentences"], *skipped_lines(file), *alarm_lines(file, len(files) == 1)]
        told += [f"about the file: {note}" for note in file["notes"]]
        lines += [f"- {markdown(line)}" for line in told]
        parts.append("\n".join(lines).rstrip())
    if len(files) > 1:
        parts += map(markdown, advice_lines(files))
        parts.append(f"**{markdown(summary_line(summary))}**")
    return "\n\n".join(parts)


def _row(file: str, layer: str, state: str, sentence: str) -> dict[str, Any]:
    return {
        "file": printable(file),
        "layer": printable(layer),
        "layer_type": "",
        "kernel": "",
        "state": state,
        "verdict": "",
        "trainable": "",
        "sentence": printable(sentence),
    }


def _table(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    header, *rows = table_rows(layers)
    table = markdown_table([header, *rows[:_MOST_ROWS]], numeric=range(2, len(header) - 1))
    rest = [row[-1] for row in rows[_MOST_ROWS:]]
    if not rest:
        return [*table, ""]
    counts = ", ".join(f"{rest.count(state)} {state}" for state in dict.fromkeys(rest))
    return [*table, "", f"and {more_layers(len(rest))}: {counts}", ""]


WRITERS: dict[str, Callable[[Files, Summary], str]] = {
    "json": as_json,
    "csv": as_csv,
    "markdown": as_markdown,
}
