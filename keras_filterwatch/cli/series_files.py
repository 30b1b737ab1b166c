"""SeriesFiles: the checkpoint files that `series` was given, by step, now and later."""

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path

from keras_filterwatch.checkpoints.listing import ENDINGS, CheckpointFile, checkpoint_files
from keras_filterwatch.checkpoints.order import (
    Order,
    RepeatedStepError,
    order_by_name,
    order_by_time,
)
from keras_filterwatch.checkpoints.step_pattern import (
    StepPatternError,
    parse_step_pattern,
    step_pattern_of,
)
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError, UsageError
from keras_filterwatch.cli.exit_codes import NOTHING_READ
from keras_filterwatch.text import listed, printable


class SeriesFiles:
    """The checkpoint files that `series` was given. A file keeps the step that it had first.

    Args:
        options: `places`, `by` and `step_pattern` of the command line.
        console: gets notes about files that are left out.

    Raises:
        UsageError: the pattern is wrong.

    Example:
        >>> options = argparse.Namespace(places=["none/*.keras"], by="name", step_pattern=None)
        >>> SeriesFiles(options, Console(is_terminal=False)).by_step(may_be_empty=True)
        {}
    """

    def __init__(self, options: argparse.Namespace, console: Console) -> None:
        self._options = options
        self._console = console
        self._known: dict[int, CheckpointFile] = {}
        self._told: set[str] = set()
        try:
            text = options.step_pattern
            self._pattern = None if text is None else parse_step_pattern(text)
        except StepPatternError as error:
            raise UsageError(str(error)) from error

    def by_step(self, may_be_empty: bool = False) -> Mapping[int, CheckpointFile]:
        """Returns the files that are there, by step.

        Raises:
            UsageError: the names do not tell the steps.
            CommandError: there is no file.
        """
        files = checkpoint_files(self._options.places)
        if not files:
            if may_be_empty:
                return {}
            raise CommandError(self._nothing(), NOTHING_READ)
        order = self._order(files)
        if self._pattern is not None and not self._known and not may_be_empty:
            self._ask_about(order)
        self._tell(order.without_step, "their names tell no step")
        self._tell(order.repeated, "other files are of the same steps")
        if not order.files and not may_be_empty:
            raise UsageError(
                f"--step-pattern finds no step in {listed((file.name for file in files), 4)}."
            )
        self._known = order.files
        return order.files

    def _order(self, files: list[CheckpointFile]) -> Order:
        if self._options.by == "time":
            if not self._known:
                self._console.note("the files are steps 1, 2, ... in the order of their times.")
            return order_by_time(files, self._known)
        try:
            if self._pattern is None:
                self._pattern = step_pattern_of([file.name for file in files])
            return order_by_name(files, self._pattern, self._known)
        except (StepPatternError, RepeatedStepError) as error:
            if not self._known:
                raise UsageError(str(error)) from error
            if str(error) not in self._told:
                self._told.add(str(error))
                self._console.error(printable(error))
            return Order(self._known)

    def _ask_about(self, order: Order) -> None:
        """Raises UsageError if files that seem to be meant have no step by their names.

        Of a folder or a pattern, others may lie beside the checkpoints, such as the best one.
        """
        if self._options.step_pattern is not None or self._options.by == "time":
            return
        named = {Path(place).expanduser().absolute() for place in self._options.places}
        is_one = len(order.files) == 1
        unclear = [file.name for file in order.without_step if is_one or file.path in named]
        if unclear:
            tell = "tell" if len(unclear) > 1 else "tells"
            step, file = next(iter(order.files.items()))
            raise UsageError(
                f"{listed(unclear, 4)} {tell} no step, while {file.name!r} is of step {step}. "
                "Which files are the run? Pass these alone, or say --by time if all were "
                "written one after the other, or --step-pattern with a group, such as "
                r"'ckpt-(\d+)'."
            )

    def _tell(self, files: Iterable[CheckpointFile], why: str) -> None:
        new = [file.name for file in files if file.name not in self._told]
        self._told.update(new)
        if new:
            self._console.note(f"left out: {printable(listed(new, 4))}: {why}.")

    def _nothing(self) -> str:
        places = self._options.places
        if len(places) == 1 and Path(places[0]).expanduser().is_dir():
            there = sorted(path.name for path in Path(places[0]).expanduser().iterdir())
            if not there:
                return f"no checkpoint in {places[0]}: the folder is empty."
            return (
                f"no checkpoint in {places[0]}, only {listed(there, 4)}: names of checkpoints end "
                f"with one of {', '.join(ENDINGS)}."
            )
        return f"no checkpoint: {listed(places, 4)} does not exist or has no file."
