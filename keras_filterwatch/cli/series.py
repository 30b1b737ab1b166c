"""`keras-filterwatch series`: records the checkpoints of a training as if it had been watched."""

import keras_filterwatch.cli.one_thread  # noqa: F401, I001 (before NumPy)

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_filterwatch.checkpoints.following import Following
from keras_filterwatch.checkpoints.listing import CheckpointFile, can_grow
from keras_filterwatch.checkpoints.order import gaps_in_words
from keras_filterwatch.checkpoints.reading import NoSuchLayerError
from keras_filterwatch.checkpoints.run_place import FolderInUseError
from keras_filterwatch.checkpoints.series import KNOWN, RECORDED, UNREADABLE, Outcome, Series
from keras_filterwatch.checkpoints.training_log import (
    TrainingLog,
    TrainingLogError,
    read_training_log,
)
from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.conditions import parse_conditions
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError, UsageError
from keras_filterwatch.cli.output import check_output, writing_to
from keras_filterwatch.cli.repeated_names import behind_name
from keras_filterwatch.cli.run_events import RunEvents
from keras_filterwatch.cli.run_state import state_at
from keras_filterwatch.cli.series_files import SeriesFiles
from keras_filterwatch.cli.show import print_state
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES
from keras_filterwatch.runs import Run, open_run, read
from keras_filterwatch.sources.array_layouts import check_layout
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.text import error_message, listed, printable

Logs = Mapping[int, Mapping[str, float]]


def run(options: argparse.Namespace, console: Console) -> int:
    """Records checkpoints, prints what the run says, and returns the exit status."""
    conditions = parse_conditions(options.fail_on, of_training=True) if options.fail_on else []
    _check(options)
    files = SeriesFiles(options, console)
    by_step = {} if options.follow else files.by_step()
    logs = _logs(options, console)
    series = Series(
        _log_folder(options.log_dir),
        options.architecture,
        options.layers,
        options.layout,
        DEFAULT_PICTURES if options.images else (),
        options.epochs or _epochs(options, by_step, logs),
        tell=lambda text: console.note(printable(text)),
    )
    try:
        try:
            if options.follow:
                _follow(series, files, options, console)
            else:
                _record(series, by_step, logs, console)
        finally:
            series.close()
    except NoSuchLayerError as error:
        raise UsageError(str(error)) from error
    except FolderInUseError as error:
        raise CommandError(str(error)) from error
    if series.recording is None:
        raise CommandError("no checkpoint could be recorded.", exit_codes.NOTHING_READ)
    problems = series.recording.problems
    location = series.recording.run.folder.location
    console.note(
        f"recorded in {printable(location)}: tensorboard --logdir {printable(options.log_dir)}"
    )
    recorded = read(location)
    if options.csv is not None:
        _note_about_logs(series, logs, recorded, options.csv, console)
    with writing_to(console, options.output):
        status = print_state(
            state_at(recorded),
            conditions,
            options.format,
            console,
            {"files": [vars(outcome) for outcome in series.outcomes.values()]},
        )
    is_complete = all(each.state in (RECORDED, KNOWN) for each in series.outcomes.values())
    if status == exit_codes.NOTHING_FOUND and (problems or not is_complete):
        return exit_codes.ERROR
    return status


def _epochs(options: argparse.Namespace, files: Mapping[int, Any], logs: Logs) -> int | None:
    """Returns how many epochs a training had that has ended; None if that is not known."""
    if options.follow or options.by == "time":
        return None
    return max([*files, *logs], default=0) or None


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for options that do not fit each other or what is there."""
    check_output(options.output)
    if not options.follow and (options.until is not None or options.idle_timeout is not None):
        raise UsageError("--until and --idle-timeout say when --follow ends: add --follow.")
    if options.follow and not any(map(can_grow, options.places)):
        raise UsageError(
            "--follow: files alone were named, so that no further ones can come. Pass their "
            "folder, or the pattern in quotes, so that the shell does not replace it."
        )
    if options.step_pattern is not None and options.by == "time":
        raise UsageError("--step-pattern and --by time exclude each other.")
    try:
        check_layout("HWIO" if options.layout is None else options.layout)
    except ValueError as error:
        raise UsageError(f"--{error}") from error
    if options.architecture is not None and not Path(options.architecture).exists():
        raise UsageError(f"--architecture: {options.architecture} does not exist.")
    if options.csv is not None and not options.follow and not Path(options.csv).exists():
        raise UsageError(f"--csv: {options.csv} does not exist.")


def _log_folder(log_dir: str) -> Folder:
    try:
        folder = folder_of(log_dir)
        folder.child("filterwatch").check()
    except (ImportError, ValueError) as error:
        raise UsageError(f"--log-dir: {error}") from error
    except OSError as error:
        raise UsageError(f"--log-dir {log_dir} cannot be used: {error_message(error)}") from error
    return folder


def _logs(options: argparse.Namespace, console: Console) -> Logs:
    """Returns what the training logged, by step; says so if it is not known."""
    if options.csv is None:
        console.note(
            "without --csv, alarms about losses and metrics are not judged: pass the file of "
            "keras.callbacks.CSVLogger if there is one."
        )
        return {}
    if options.follow and not Path(options.csv).exists():
        return {}  # the training makes it at the end of its first epoch
    log = _read_logs(options.csv)
    if not log.logs and not options.follow:
        raise CommandError(
            f"--csv: {_what_is_in(Path(options.csv))}, so that losses cannot be judged. Pass the "
            "file of keras.callbacks.CSVLogger of this training, or no --csv."
        )
    if log.repeated:
        steps = listed(log.repeated, 5)
        console.note(f"{options.csv} has several rows for steps {steps}: the last ones count.")
    return log.logs


def _what_is_in(path: Path) -> str:
    """Returns what a training log without a row is."""
    if path.stat().st_size == 0:
        return f"{path} is empty"
    return f"{path} has no complete row of an epoch"


def _read_logs(path: str) -> TrainingLog:
    try:
        return read_training_log(Path(path))
    except (OSError, TrainingLogError) as error:
        raise CommandError(f"--csv: {error_message(error)}") from error


def _record(
    series: Series, files: Mapping[int, CheckpointFile], logs: Logs, console: Console
) -> None:
    """Records the files that are there."""
    _note_about_steps(list(files), logs, console)
    with console.progress(len(files), "checkpoints") as advance:
        series.record(files, logs, advance)
        series.close()
    for outcome in series.outcomes.values():
        if outcome.state not in (RECORDED, KNOWN):
            console.error(_line(outcome))
    known = sum(outcome.state == KNOWN for outcome in series.outcomes.values())
    if known:
        console.note(f"{known} of {len(series.outcomes)} files were recorded before.")


def _note_about_steps(steps: Sequence[int], logs: Logs, console: Console) -> None:
    if gaps := gaps_in_words(steps):
        console.note(gaps)
    if steps[0] > 0:
        console.note(
            f"the first file is of step {steps[0]}: what changed before is not known, so that "
            "`rotation`, and alarms about growing, shrinking and resting layers, count from there. "
            "To have the start too, save the model before fit, with 0 as the number in its name."
        )
    missing = [step for step in steps if step > 0 and step not in logs]
    if logs and missing:
        console.note(f"the training log has no row for steps {listed(missing, 5)}.")


def _note_about_logs(series: Series, logs: Logs, recorded: Run, csv: str, console: Console) -> None:
    """Tells of which steps the record lacks what the training log says."""
    known = [each.step for each in series.outcomes.values() if each.state == KNOWN]
    lacking = [
        step
        for step in known
        if step in recorded.steps and logs.get(step, {}).keys() - recorded.logs_at(step).keys()
    ]
    if lacking:
        console.note(
            f"steps {listed(lacking, 5)} were recorded before without what {printable(csv)} "
            "says: to have losses judged, record into another --log-dir."
        )


def _line(outcome: Outcome) -> str:
    reason = behind_name(outcome.file, outcome.reason)
    return printable(f"{outcome.file}: {outcome.state}: {reason}")


def _follow(
    series: Series, files: SeriesFiles, options: argparse.Namespace, console: Console
) -> None:
    """Records files as they come, and prints what is new."""
    events = RunEvents()
    recorded: Run | None = None

    def told(outcome: Outcome) -> None:
        if outcome.state == UNREADABLE:
            console.note(f"{_line(outcome)} It is tried again when it changes.")
        elif outcome.state not in (RECORDED, KNOWN):
            console.error(_line(outcome))

    def logs() -> Logs:
        return _read_logs(options.csv).logs if Path(options.csv).exists() else {}

    def print_news() -> None:
        nonlocal recorded
        if series.recording is None:
            return
        series.recording.wait()
        if recorded is None:
            recorded = open_run(series.recording.run.folder)
        recorded.update()
        for line in events.lines(recorded):
            if options.format == "table" and options.output is None:
                console.print(line)
            else:
                console.note(line)

    following = Following(
        series,
        lambda: files.by_step(may_be_empty=True),
        None if options.csv is None else logs,
        told,
        print_news,
    )
    try:
        following.follow(options.interval, options.until, options.idle_timeout)
    except KeyboardInterrupt:  # how people end it
        console.note("ended by Ctrl-C.")
