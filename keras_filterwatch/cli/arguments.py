"""What the arguments of several commands of `keras-filterwatch` have in common."""

import argparse
from collections.abc import Sequence
from typing import Any

from keras_filterwatch.cli.console import NAME

TIMEOUT = 600  # seconds for a file
# what shells complete for a path, as shtab has it (shtab.FILE and shtab.DIRECTORY)
_FILES = {"bash": "_shtab_compgen_files", "zsh": "_files", "tcsh": "f"}
_FOLDERS = {"bash": "_shtab_compgen_dirs", "zsh": "_files -/", "tcsh": "d"}

Commands = Any  # what `add_subparsers` returns, which argparse has no public name for


def add_command(
    commands: Commands, name: str, about: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    """Returns the parser of a new command, with the options that all commands have.

    Args:
        commands: what `add_subparsers` returned.
        name: the command; `cli/NAME.py` has its function `run(options, console)`.
        about: what it does, in a sentence.
        examples: what may follow `keras-filterwatch` on a command line.
    """
    lines = "\n".join(f"  {NAME} {example}" for example in examples)
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about[:1].lower() + about[1:].removesuffix("."),
        description=about,
        epilog=f"example{'s' * (len(examples) > 1)}:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "-q", "--quiet", action="store_true", help="print results and errors only: no notes"
    )
    command.add_argument(
        "--debug", action="store_true", help="print where in the program an error happened"
    )
    return command


def add_path(
    command: argparse.ArgumentParser, *names: str, folder: bool = False, **settings: Any
) -> None:
    """Adds an argument that is a path, which shells complete; `settings` as `add_argument`."""
    argument = command.add_argument(*names, **settings)
    argument.complete = _FOLDERS if folder else _FILES  # type: ignore[attr-defined]


def add_output(command: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Adds `--format` and `--output`."""
    command.add_argument(
        "--format",
        choices=formats,
        default=formats[0],
        help=f"how the result is written (default: {formats[0]})",
    )
    add_path(command, "-o", "--output", metavar="FILE", help="write the result here, not to stdout")


def add_timeout(command: argparse.ArgumentParser) -> None:
    """Adds `--timeout`."""
    command.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=positive_number,
        default=TIMEOUT,
        help="the longest that reading a file may take (default: %(default)s)",
    )


def positive_integer(text: str) -> int:
    """Returns a number of at least 1, for an argument's `type`.

    Example:
        >>> positive_integer("2")
        2
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed; got {text!r}")
    return int(text)


def positive_number(text: str) -> float:
    """Returns a finite number above 0, for an argument's `type`.

    Example:
        >>> positive_number("0.5")
        0.5
    """
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"a number above 0 is needed; got {text!r}")
    return number


def add_layers(command: argparse.ArgumentParser, verb: str) -> None:
    """Adds `--layers`; its help begins with what the command does with them, such as "record"."""
    command.add_argument(
        "--layers",
        metavar="PATTERN",
        action="append",
        help=f"{verb} these layers only: a name, a block's name, or a pattern such as 'conv*'",
    )
