"""`keras-filterwatch show`: the summary of a recorded training, also while it goes on."""

import argparse
import json
import time
from collections.abc import Callable

from keras_filterwatch import __version__
from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.audit_text import failure_line
from keras_filterwatch.cli.conditions import Condition, failures_of, parse_conditions
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError
from keras_filterwatch.cli.output import check_output, writing_to
from keras_filterwatch.cli.recorded_run import recorded_run, why_no_run
from keras_filterwatch.cli.repeated_names import with_name
from keras_filterwatch.cli.run_events import RunEvents
from keras_filterwatch.cli.run_state import (
    RunState,
    as_audited_file,
    as_document,
    as_lines,
    as_markdown,
    state_at,
)
from keras_filterwatch.run import Run
from keras_filterwatch.runs import open_run
from keras_filterwatch.text import error_message, printable

SCHEMA = 1  # of the JSON; docs/cli.md says what is in it
_AFTER_END = 5.0  # seconds for which a run that ended is followed: another fit may go on with it


def run(options: argparse.Namespace, console: Console) -> int:
    """Prints the summary of a run, and returns the exit status."""
    conditions = parse_conditions(options.fail_on, of_training=True) if options.fail_on else []
    check_output(options.output)
    try:
        if options.follow:
            _follow(options, console)
        state = state_at(recorded_run(options.logs, console), options.step)
    except BrokenPipeError:  # what reads the output has ended
        raise
    except (OSError, ValueError) as error:  # it was removed or changed just now
        if isinstance(error, NotADirectoryError):
            raise CommandError(why_no_run(options.logs, error), exit_codes.NOTHING_READ) from error
        raise CommandError(with_name(options.logs, error_message(error))) from error
    with writing_to(console, options.output):
        return print_state(state, conditions, options.format, console)


def print_state(
    state: RunState,
    conditions: list[Condition],
    format_: str,
    console: Console,
    more: dict[str, object] | None = None,
) -> int:
    """Prints what a run says at a step and which conditions it meets; returns the exit status.

    Args:
        state: of the run.
        conditions: of `--fail-on`.
        format_: `"table"`, `"json"` or `"markdown"`.
        console: where it goes.
        more: what the JSON has beside.
    """
    file = as_audited_file(state)
    failures = failures_of(file, conditions)
    if format_ == "json":
        document = {
            "schema": SCHEMA,
            "version": __version__,
            "run": as_document(state),
            **(more or {}),
            "failed": [failure._asdict() for failure in failures],
        }
        console.print(json.dumps(document, indent=1, allow_nan=False))
    else:
        console.print(as_markdown(state) if format_ == "markdown" else "\n".join(as_lines(state)))
    for condition in conditions:
        if condition.lacks_score(file):
            console.note(
                f"no layer has the score {condition.score}, so {condition.text} was not checked."
            )
    tell = console.print if format_ == "table" else console.error
    for failure in failures:
        tell(failure_line(failure))
    if failures:
        return exit_codes.FOUND
    return exit_codes.ERROR if state.run.problems else exit_codes.NOTHING_FOUND


def _follow(options: argparse.Namespace, console: Console) -> None:
    """Prints what is new in a run until it has ended, or Ctrl-C comes."""
    try:
        run = _opened(options.logs, options.interval, console)
        live = console.rich if options.format == "table" and options.output is None else None
        if live is None:
            events = RunEvents()

            def tell() -> None:
                for line in events.lines(run):
                    console.error(line) if options.format != "table" else console.print(line)

            _watch(run, options, tell)
            return
        from rich.live import Live
        from rich.text import Text

        with Live(console=live, auto_refresh=False, transient=True) as shown:
            _watch(
                run,
                options,
                lambda: shown.update(Text("\n".join(as_lines(state_at(run)))), refresh=True),
            )
    except KeyboardInterrupt:  # how people end it; the summary follows
        return


def _opened(path: str, interval: float, console: Console) -> Run:
    """Returns a run, and waits for one where there is none yet."""
    is_told = False
    while True:
        try:
            return open_run(path)
        except FileNotFoundError:
            if not is_told:
                console.note(f"waiting for a training that records to {printable(path)}.")
                is_told = True
            time.sleep(interval)


def _watch(run: Run, options: argparse.Namespace, tell: Callable[[], None]) -> None:
    """Calls `tell` whenever there is something new, until the run has ended for a while."""
    last_news = time.monotonic()
    while True:
        if run.update() and run.steps:
            last_news = time.monotonic()
            tell()
        quiet = time.monotonic() - last_news
        if run.has_ended and quiet >= min(_AFTER_END, options.idle_timeout or _AFTER_END):
            return
        if options.idle_timeout is not None and quiet >= options.idle_timeout:
            return
        time.sleep(options.interval)
