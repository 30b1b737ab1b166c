"""Console: what commands print. Results go to stdout, everything else to stderr.

Commands print with rich only where stdout is a terminal: elsewhere output is plain and the same
for each width.
"""

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

NAME = "keras-filterwatch"


class Console:
    """Where a command prints.

    Args:
        is_terminal: whether people read the results as they are printed.
        quiet: whether notes and progress are left out.
        output: where results go; None for stdout.

    Example:
        >>> Console(is_terminal=False).table([["layer", "noise"], ["conv", "0.5"]], numeric={1})
        layer  noise
        ------------
        conv     0.5
    """

    def __init__(
        self, is_terminal: bool, quiet: bool = False, output: TextIO | None = None
    ) -> None:
        self.is_terminal = is_terminal
        self.quiet = quiet
        self.output = output
        self._progress: Any = None

    @property
    def rich(self) -> "RichConsole | None":
        """The console of rich that prints on stdout; None if stdout is no terminal."""
        if not self.is_terminal or self.output is not None:
            return None
        try:
            from rich.console import Console as RichConsole
        except ImportError:  # it comes with Keras, and is nothing to fail for
            return None
        return RichConsole(highlight=False, markup=False, emoji=False)

    def print(self, text: str = "") -> None:
        """Prints a part of the result. Foreign text in it has passed `text.printable`."""
        self._hide_progress()
        print(text, file=self.output or sys.stdout, flush=True)

    def table(
        self,
        rows: Sequence[Sequence[str]],
        numeric: Collection[int] = (),
        styles: Mapping[str, str] | None = None,
    ) -> None:
        """Prints a table, of which the first row is the header.

        Args:
            rows: as many cells in each.
            numeric: the columns that end at the right.
            styles: text of a cell -> how rich shows it, such as `"red"`.
        """
        rich = self.rich
        if rich is None:
            self.print("\n".join(_lines(rows, numeric)))
            return
        from rich.table import Table
        from rich.text import Text

        header, *others = rows
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for number, title in enumerate(header):
            side: Any = "right" if number in numeric else "left"
            # where there is too little room, names take several lines
            table.add_column(Text(title), justify=side, overflow="fold", no_wrap=number > 0)
        for row in others:
            table.add_row(*(Text(cell, style=(styles or {}).get(cell, "")) for cell in row))
        self._hide_progress()
        rich.print(table)

    def note(self, text: str) -> None:
        """Prints a line beside the result, unless the command is quiet."""
        if not self.quiet:
            self.error(text)

    def error(self, text: str) -> None:
        """Prints a line on stderr, behind the command's name."""
        self._hide_progress()
        print(f"{NAME}: {text}", file=sys.stderr)

    @contextmanager
    def progress(self, total: int, what: str) -> Iterator[Callable[[], None]]:
        """Shows how much of a work is done, as long as it lasts, if both streams are terminals.

        Args:
            total: how many parts the work has.
            what: what they are, such as `"files"`.

        Yields:
            A function to call after each part.

        Example:
            >>> with Console(is_terminal=False).progress(2, "files") as advance:
            ...     advance()
        """
        if self.quiet or self.rich is None or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        console = RichConsole(stderr=True)
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(
            *columns, console=console, transient=True, disable=console.is_dumb_terminal
        )
        task = self._progress.add_task(what, total=total)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            self._progress.advance(task)
            if done < total:
                self._progress.start()

        self._progress.start()
        try:
            yield advance
        finally:
            self._progress.stop()
            self._progress = None

    def _hide_progress(self) -> None:
        """Takes the progress from the terminal before something else is printed."""
        if self._progress is not None:
            self._progress.stop()


def _lines(rows: Sequence[Sequence[str]], numeric: Collection[int]) -> list[str]:
    """Returns the lines of a table, columns two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if number in numeric else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def cores() -> int:
    """Returns how many processors this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
