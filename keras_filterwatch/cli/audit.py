"""`keras-filterwatch audit`: scores saved models and says what is wrong with them."""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.conditions import Condition, Failure, failures_of, parse_conditions
from keras_filterwatch.cli.console import Console, cores
from keras_filterwatch.cli.errors import UsageError
from keras_filterwatch.cli.file_names import folder_names
from keras_filterwatch.cli.output import check_folder, check_output, writing_to
from keras_filterwatch.cli.processes import Processes
from keras_filterwatch.cli.states import add_counts, count_states
from keras_filterwatch.text import printable

_EMPTY: dict[str, Any] = {
    "format": "",
    "notes": [],
    "sentences": [],
    "layers": [],
    "skipped": {},
    "alarms": [],
    "diagnosis": None,
    "images": [],
    "image_problems": [],
}


def run(options: argparse.Namespace, console: Console) -> int:
    """Audits files, prints what was found, and returns the exit status."""
    conditions = parse_conditions(options.fail_on) if options.fail_on else []
    if options.architecture is not None and not os.path.exists(options.architecture):  # noqa: PTH110
        raise UsageError(f"--architecture: {options.architecture} does not exist.")
    if options.layout is not None:
        _check_layout(options.layout)
    check_output(options.output)
    check_folder(options.images, "--images")
    names = _different(options.files, console)
    requests = _requests(names, options)
    jobs = options.jobs or cores()
    files: list[Mapping[str, Any]] = []
    with (
        Processes(
            "keras_filterwatch.cli.audited_file", requests, jobs, options.timeout, options.debug
        ) as processes,
        writing_to(console, options.output),
        console.progress(len(names), "files") as advance,
    ):
        # imported while the processes read
        from keras_filterwatch.cli import audit_text

        is_text = options.format == "table"
        for name, reply in zip(names, processes.replies(), strict=True):
            file = _file(name, reply, conditions)
            _tell(file, reply, conditions, console, options)
            if is_text:
                audit_text.print_file(console, file, is_first=not files, is_only=len(names) == 1)
                # of thousands of files, what was printed would take memory
                file |= {"sentences": [], "layers": file["layers"][:1]}
                if audit_text.has_alarm(file):
                    file |= {"alarms": [], "diagnosis": None}
            files.append(file)
            advance()
        summary = _summary(files)
        if is_text:
            audit_text.print_summary(console, summary, files)
        else:
            from keras_filterwatch.cli import audit_formats

            console.print(audit_formats.WRITERS[options.format](files, summary))
    if not is_text:
        for failure in _failures(files):
            console.error(audit_text.failure_line(failure))
    return _status(files)


def _check_layout(layout: str) -> None:
    from keras_filterwatch.sources.array_layouts import check_layout  # it needs NumPy

    try:
        check_layout(layout)
    except ValueError as error:
        raise UsageError(f"--{error}") from error


def _different(names: Iterable[str], console: Console) -> list[str]:
    """Returns the names of different files, and tells which were named more than once."""
    different: dict[str, str] = {}
    for name in names:
        path = os.path.realpath(name)
        if path in different:
            console.note(f"{printable(name)} was named before; it is audited once.")
        different.setdefault(path, name)
    return list(different.values())


def _requests(names: Sequence[str], options: argparse.Namespace) -> list[dict[str, Any]]:
    folders = [
        None if options.images is None else str(Path(options.images, folder))
        for folder in folder_names(names)
    ]
    return [
        {
            "path": name,
            "paths": [name],
            "architecture": options.architecture,
            "layout": options.layout,
            "layers": options.layers,
            "images": folder,
        }
        for name, folder in zip(names, folders, strict=True)
    ]


def _file(name: str, reply: Mapping[str, Any], conditions: Sequence[Condition]) -> dict[str, Any]:
    """Returns what is known of a file, with the same keys whether it was read or not."""
    error = reply.get("error")
    told = {key: error[key] for key in ("kind", "message")} if error else None
    file = {"file": name, "error": told, **_EMPTY, **reply.get("result", {})}
    file["counts"] = count_states(file)
    file["failed"] = [failure._asdict() for failure in failures_of(file, conditions)]
    return file


def _tell(
    file: Mapping[str, Any],
    reply: Mapping[str, Any],
    conditions: Sequence[Condition],
    console: Console,
    options: argparse.Namespace,
) -> None:
    """Prints on stderr what stands beside the result."""
    name = printable(file["file"])
    if file["error"] and options.format != "table":
        from keras_filterwatch.cli.audit_text import closing_line

        console.error(closing_line(file))
    if file["error"] and options.debug and "traceback" in reply["error"]:
        console.error(reply["error"]["traceback"])
    for problem in file["image_problems"]:
        console.error(printable(problem))
    for warning in reply["warnings"]:
        console.note(f"{name}: {printable(warning)}")
    for condition in conditions:
        if condition.lacks_score(file):
            console.note(
                f"{name}: no layer has the score {condition.score}, so {condition.text} was not "
                "checked."
            )


def _summary(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "files": len(files),
        "not_audited": sum(1 for file in files if file["error"]),
        "without_layers": sum(1 for file in files if not file["error"] and not file["layers"]),
        "failed": sum(1 for file in files if file["failed"]),
        "layers": add_counts(file["counts"] for file in files),
    }


def _failures(files: Iterable[Mapping[str, Any]]) -> list[Failure]:
    return [Failure(**failure) for file in files for failure in file["failed"]]


def _status(files: Sequence[Mapping[str, Any]]) -> int:
    if any(file["failed"] for file in files):
        return exit_codes.FOUND
    if not any(file["layers"] for file in files):
        return exit_codes.NOTHING_READ
    if any(file["error"] or not file["layers"] or file["image_problems"] for file in files):
        return exit_codes.ERROR
    return exit_codes.NOTHING_FOUND
