"""`keras-filterwatch compare`: how the layers of two saved models or trainings differ."""

import argparse
import json
from collections.abc import Callable, Mapping
from typing import Any

from keras_filterwatch import __version__
from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.audit_text import number_text
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError
from keras_filterwatch.cli.markdown_table import markdown_table, more_layers
from keras_filterwatch.cli.output import check_folder, check_output, writing_to
from keras_filterwatch.cli.processes import Processes
from keras_filterwatch.text import markdown, printable

SCHEMA = 1  # of the JSON; docs/cli.md says what is in it
_SCORES = ("noise", "norm", "dead")  # of both, in a pull request
_MOST_ROWS = 20

Document = Mapping[str, Any]


def run(options: argparse.Namespace, console: Console) -> int:
    """Compares two sources, prints how they differ, and returns the exit status."""
    check_output(options.output)
    check_output(options.image, "--image")
    check_folder(options.images, "--images")
    request = {
        "paths": [options.a, options.b],
        "layers": options.layers,
        "image": options.image,
        "images": options.images,
    }
    with Processes(
        "keras_filterwatch.cli.compared_files", [request], 1, options.timeout, options.debug
    ) as processes:
        reply = next(processes.replies())
    for note in dict.fromkeys([*reply["warnings"], *reply.get("result", {}).get("notes", ())]):
        console.note(printable(note))
    if "error" in reply:
        if options.debug and "traceback" in reply["error"]:
            console.error(reply["error"]["traceback"])
        raise CommandError(reply["error"]["message"])
    result = reply["result"]
    with writing_to(console, options.output):
        console.print(_WRITERS[options.format](result).rstrip("\n"))
    failure = _failure(result["document"], options.fail_on)
    if failure:
        console.error(f"failed: {options.fail_on}: {failure}")
        return exit_codes.FOUND
    return exit_codes.NOTHING_FOUND if result["document"]["layers"] else exit_codes.ERROR


def _failure(document: Document, condition: str | None) -> str:
    """Returns what meets the condition of `--fail-on`; `""` if nothing does."""
    alone = [*document["only_in_a"], *document["only_in_b"]]
    changed = [layer["name"] for layer in document["layers"] if not layer["is_unchanged"]]
    if condition == "changed" and (changed or alone):
        names = [printable(name) for name in (*changed, *alone)]
        return ", ".join(names)
    if condition == "unchanged" and document["layers"] and not changed and not alone:
        return "no layer changed"
    return ""


def _as_text(result: Mapping[str, Any]) -> str:
    return str(result["text"])


def _as_json(result: Mapping[str, Any]) -> str:
    document = {"schema": SCHEMA, "version": __version__, **result["document"]}
    return json.dumps(document, indent=1, allow_nan=False)


def _as_csv(result: Mapping[str, Any]) -> str:
    # names in it may have anything in them, and the text may go to a terminal
    return "\n".join(map(printable, str(result["csv"]).split("\n")))


def _as_markdown(result: Mapping[str, Any]) -> str:
    document = result["document"]
    a, b = map(markdown, document["names"])
    lines = [f"### {a} and {b}", "", *(f"- {markdown(each)}" for each in document["sentences"]), ""]
    layers = document["layers"]
    if layers:
        header = ["layer", "kernel", "rotation", *_SCORES]
        rows = map(_row, layers[:_MOST_ROWS])
        lines += [*markdown_table([header, *rows], numeric=range(2, len(header))), ""]
    rest = layers[_MOST_ROWS:]
    if rest:
        lines += [f"and {more_layers(len(rest))}, which changed less or cannot be compared", ""]
    for name, only in (("a", document["only_in_a"]), ("b", document["only_in_b"])):
        if only:
            lines.append(f"- only in {name}: {', '.join(map(markdown, only))}")
    reasons = dict.fromkeys(layer["why_not"] for layer in layers if layer["why_not"])
    for reason in reasons:
        names = [markdown(layer["name"]) for layer in layers if layer["why_not"] == reason]
        lines.append(f"- no rotation, since {markdown(reason)}: {', '.join(names)}")
    return "\n".join(lines)


def _row(layer: Mapping[str, Any]) -> list[str]:
    rotation = layer["rotation"]
    return [
        layer["name"],
        _both("x".join(map(str, layer[side]["shape"])) for side in "ab"),
        "-" if rotation is None else number_text(rotation),
        *(_both(_score(layer[side]["scores"], name) for side in "ab") for name in _SCORES),
    ]


def _score(scores: Mapping[str, float], name: str) -> str:
    return number_text(scores[name]) if name in scores else "-"


def _both(values: Any) -> str:
    return " -> ".join(dict.fromkeys(values))


_WRITERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "table": _as_text,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
