"""Tasks that measure something, and the table of what they measured: on the console and a page."""

import argparse
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.pages import write_part


@dataclass(frozen=True)
class Row:
    """What was measured; `aim` is that of a quiet machine, `limit` what `--check` lets pass."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    limit: float | None = None

    @property
    def fails(self) -> bool:
        """Whether it is beyond its limit, which lies on the far side of the aim."""
        if self.limit is None:
            return False
        more_is_good = self.aim is not None and self.limit < self.aim
        return self.value < self.limit if more_is_good else self.value > self.limit

    def __str__(self) -> str:
        aim = "" if self.aim is None else f"{self.aim:.3g} {self.unit}"
        return f"| {self.what} | {self.value:.3g} {self.unit} | {aim} |"


def measure(
    description: str | None,
    tasks: Mapping[str, Callable[[Path], Iterable[Row]]],
    title: str,
    packages: Iterable[str],
    about: str,
) -> int:
    """Measures what the command line names, or all, and returns the exit status.

    Args:
        description: what the command's help says.
        tasks: name -> function of a folder for its files.
        title: of the part of the page.
        packages: whose versions the page names.
        about: how it was measured, for the page.
    """
    parser = argparse.ArgumentParser(description=description)
    names = ", ".join(tasks)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {names}; all without any")
    parser.add_argument("--out", type=Path, help="a page that the table is put on")
    parser.add_argument("--check", action="store_true", help="fail where a limit is passed")
    options = parser.parse_args()
    if unknown := set(options.tasks) - set(tasks):
        parser.error(f"no task is called {', '.join(unknown)}; there are {names}")
    head = ["| measured | value | aim |", "| --- | --- | --- |"]
    print(*head, sep="\n")
    rows = []
    for name in options.tasks or tasks:
        with tempfile.TemporaryDirectory() as directory:
            for row in tasks[name](Path(directory)):
                print(row, flush=True)
                rows.append(row)
    if options.out:
        used = ", ".join(f"{name} {version(name)}" for name in packages)
        machine = (
            f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
        )
        text = [f"# {title}", "", f"{machine}, {used}. {about}", ""]
        write_part(options.out, "\n".join([*text, *head, *map(str, rows)]))
    failed = [row for row in rows if row.fails]
    for row in failed if options.check else ():
        print(f"too much: {row.what}: {row.value:.3g} {row.unit}, the limit is {row.limit:.3g}")
    return 1 if options.check and failed else 0
