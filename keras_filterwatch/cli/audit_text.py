"""What `audit` prints for people: sentences, tables and a closing line for each file."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_filterwatch.cli.conditions import Failure
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.repeated_names import behind_name, names_layer
from keras_filterwatch.cli.states import STYLES, counts_text
from keras_filterwatch.text import printable

# what weights alone tell, and what explains the states
_COLUMNS = ("noise", "slices", "dc", "dead", "duplicates")
_FEW = 2  # files that are named in a line
_LISTED = 8  # layers that are named, of those skipped for one reason
File = Mapping[str, Any]


def print_file(console: Console, file: File, is_first: bool, is_only: bool) -> None:
    """Prints what is known of a file; a quiet console gets its closing lines only.

    Args:
        console: where it goes.
        file: what is known.
        is_first: whether no file was printed before.
        is_only: whether no other file is printed; else the advice about a file without alarms
            comes at the end of all, by `print_summary`.
    """
    name = printable(file["file"])
    if not console.quiet:
        if not is_first:
            console.print()
        if not file["error"]:
            _print_details(console, file, name, is_only)
    console.print(closing_line(file))
    for failure in file["failed"]:
        console.print(failure_line(Failure(**failure)))


def print_summary(console: Console, summary: Mapping[str, Any], files: Sequence[File]) -> None:
    """Prints the advice about files without alarms, and the counts of all, if they are several."""
    if summary["files"] > 1:
        if not console.quiet:
            console.print()
            for line in advice_lines(files):
                console.print(line)
        console.print(summary_line(summary))


def closing_line(file: File) -> str:
    """Returns how many layers of a file have each state, or why it was not audited.

    Example:
        >>> closing_line({"file": "a.keras", "error": {"message": "there is no such file"}})
        'a.keras: not audited: there is no such file'
    """
    name = printable(file["file"])
    if file["error"]:
        why = behind_name(file["file"], file["error"]["message"])
        return f"{name}: not audited: {printable(why)}"
    if not file["layers"]:
        return f"{name}: nothing was scored; {counts_text(file['counts'])}"
    return f"{name}: {counts_text(file['counts'])}"


def summary_line(summary: Mapping[str, Any]) -> str:
    """Returns the counts of all files.

    Example:
        >>> layers = {"structured": 3}
        >>> counts = {"layers": layers, "not_audited": 1, "without_layers": 0, "failed": 0}
        >>> summary_line({"files": 2, **counts})
        '2 files: 3 structured, 0 noisy, 0 dead, 0 undetermined, 0 skipped; 1 not audited'
    """
    parts = [f"{summary['files']} files: {counts_text(summary['layers'])}"]
    if summary["not_audited"]:
        parts.append(f"{summary['not_audited']} not audited")
    if summary["without_layers"]:
        parts.append(f"{summary['without_layers']} without a layer that can be scored")
    if summary["failed"]:
        parts.append(f"{summary['failed']} failed")
    return "; ".join(parts)


def failure_line(failure: Failure) -> str:
    """Returns a line about what meets a condition.

    Example:
        >>> failure_line(Failure("dead=0.2", "model.keras", "conv", 0.5, "dead is 0.5"))
        'failed: dead=0.2: model.keras: conv: dead is 0.5'
    """
    message = behind_name(failure.file, failure.message)
    layer = "" if names_layer(failure.layer, message) else failure.layer
    parts = [failure.condition, failure.file, layer, message]
    return "failed: " + ": ".join(printable(part) for part in parts if part)


def alarm_lines(file: File, is_only: bool = True) -> list[str]:
    """Returns the alarms and notes about a file, and what probably caused them.

    Args:
        file: what is known of it.
        is_only: whether the advice about a file without alarms is among them.

    Example:
        >>> alarm_lines({"alarms": [{"level": "note", "message": "Odd."}], "diagnosis": None})
        ['note: Odd.']
    """
    lines = [
        f"{'note' if alarm['level'] == 'note' else 'alarm'}: {printable(alarm['message'])}"
        for alarm in file["alarms"]
    ]
    if not file["diagnosis"]:
        return lines
    messages = {alarm["message"] for alarm in file["alarms"]}
    evidence = [each for each in file["diagnosis"]["evidence"] if each not in messages]
    advice = file["diagnosis"]["advice"]
    if has_alarm(file):
        cause = f"{file['diagnosis']['cause']}."
        return [*lines, f"likely cause: {_joined([cause, *evidence, advice])}"]
    told = _joined([*evidence, *([advice] if is_only else [])])
    return [*lines, f"no alarm: {told}" if told else "no alarm"]


def advice_lines(files: Sequence[File]) -> list[str]:
    """Returns the advice about files without alarms; what is the same about several once.

    Example:
        >>> file = {"alarms": [], "diagnosis": {"evidence": [], "advice": "Watch it."}}
        >>> advice_lines([{**file, "file": "a.keras"}, {**file, "file": "b.keras"}])
        ['no alarm about a.keras and b.keras: Watch it.']
    """
    by_advice: dict[str, list[str]] = {}
    for file in files:
        if file["diagnosis"] and not has_alarm(file):
            advice = printable(file["diagnosis"]["advice"])
            by_advice.setdefault(advice, []).append(printable(file["file"]))
    return [f"no alarm about {_names(names)}: {advice}" for advice, names in by_advice.items()]


def skipped_lines(file: File, listed: int = _LISTED) -> list[str]:
    """Returns a line for each reason, with the layers that were skipped because of it.

    Example:
        >>> skipped_lines({"skipped": {"bn": "no kernel", "pool": "no kernel"}})
        ['skipped: bn, pool (no kernel)']
    """
    by_reason: dict[str, list[str]] = {}
    for name, reason in file["skipped"].items():
        by_reason.setdefault(reason, []).append(printable(name))
    return [
        f"skipped: {', '.join(names[:listed])}"
        + (f" and {len(names) - listed} more" if len(names) > listed else "")
        + f" ({printable(reason)})"
        for reason, names in by_reason.items()
    ]


def table_rows(layers: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Returns the header and a row for each layer, rounded for reading; `"-"` is undefined.

    Example:
        >>> layer = {"name": "conv", "shape": [3, 3, 8, 64], "state": "structured"}
        >>> table_rows([{**layer, "scores": {"noise": 0.5}}])
        [['layer', 'kernel', 'noise', 'state'], ['conv', '3x3x8x64', '0.5', 'structured']]
    """
    columns = [name for name in _COLUMNS if any(name in layer["scores"] for layer in layers)]
    rows = [["layer", "kernel", *columns, "state"]]
    for layer in layers:
        scores = layer["scores"]
        numbers = [number_text(scores[name]) if name in scores else "-" for name in columns]
        shape = "x".join(map(str, layer["shape"]))
        rows.append([printable(layer["name"]), shape, *numbers, layer["state"]])
    return rows


def number_text(number: float) -> str:
    """Returns a number with three digits, or those before the point.

    Example:
        >>> number_text(0.12345), number_text(3270.4)
        ('0.123', '3270')
    """
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _print_details(console: Console, file: File, name: str, is_only: bool) -> None:
    console.print(f"{name} ({printable(file['format'])})")
    console.print()
    for sentence in file["sentences"]:
        console.print(printable(sentence))
    if file["layers"]:
        if file["sentences"]:
            console.print()
        rows = table_rows(file["layers"])
        console.table(rows, numeric=range(2, len(rows[0]) - 1), styles=STYLES)
    for line in (*skipped_lines(file), *alarm_lines(file, is_only)):
        console.print(line)
    for note in file["notes"]:
        console.print(f"about the file: {printable(note)}")
    if file["images"]:
        folder = file["images"][0].rpartition("/")[0]
        console.print(f"pictures: {len(file['images'])} in {printable(folder)}")


def has_alarm(file: File) -> bool:
    """Returns True if there is more than notes about a file.

    Example:
        >>> has_alarm({"alarms": [{"level": "note"}]})
        False
    """
    return any(alarm["level"] != "note" for alarm in file["alarms"])


def _joined(sentences: Sequence[str]) -> str:
    return printable(" ".join(sentences))


def _names(names: Sequence[str]) -> str:
    """Returns such as "a.keras and b.keras"; above a few, how many they are."""
    return " and ".join(names) if len(names) <= _FEW else f"{len(names)} files"
