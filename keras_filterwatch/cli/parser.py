"""The parser of the whole command line, which needs the standard library only."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from keras_filterwatch import __version__
from keras_filterwatch.cli.console import NAME
from keras_filterwatch.cli.exit_codes import USAGE
from keras_filterwatch.cli.file_arguments import add_audit, add_compare
from keras_filterwatch.cli.run_arguments import add_report, add_series, add_show

_FILES = {"audit": "files", "series": "places"}  # command -> its argument of any number of files
_SHELLS = ("bash", "zsh", "tcsh")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Returns what a command line says; ends the process if it is wrong.

    Args:
        arguments: those behind the command's name; None for those of this process.

    Example:
        >>> parse(["audit", "a.keras", "--images", "pictures", "b.keras"]).files
        ['a.keras', 'b.keras']
    """
    whole = parser()
    options, more = whole.parse_known_args(arguments)
    files = getattr(options, _FILES.get(options.command, ""), None)
    # argparse takes all files from one place; those behind an option are left over
    end = more.index("--") if "--" in more else len(more)  # behind it all are files
    unknown = [word for word in more[:end] if files is None or word.startswith("-")]
    if unknown:
        _command_parser(whole, options.command).error(
            f"unrecognized arguments: {' '.join(unknown)}"
        )
    if files is not None:
        files.extend(more[:end] + more[end + 1 :])
    return options


def parser() -> argparse.ArgumentParser:
    """Returns the parser of the whole command line.

    Example:
        >>> parser().parse_args(["audit", "model.keras"]).files
        ['model.keras']
    """
    whole = _Parser(
        prog=NAME,
        description="Scores, draws and compares the filters of saved networks, without running "
        "anything that a file holds.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"example:\n  {NAME} audit model.keras\n\n`{NAME} COMMAND --help` tells more.",
    )
    whole.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    whole.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=_SHELLS,
        help="print what the shell needs to complete this command, and end",
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (add_audit, add_compare, add_series, add_report, add_show):
        add(commands)
    return whole


def _command_parser(whole: argparse.ArgumentParser, command: str) -> argparse.ArgumentParser:
    (commands,) = (
        action for action in whole._actions if isinstance(action, argparse._SubParsersAction)
    )
    parser_of_command: argparse.ArgumentParser = commands.choices[command]
    return parser_of_command


class _Parser(argparse.ArgumentParser):
    """A parser that says what may be meant by wrong arguments, and ends with their exit status."""

    _arguments: Sequence[str] = ()  # what it parses

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Returns the options and what is left over, as that of argparse."""
        self._arguments = [*sys.argv[1:]] if args is None else [*args]
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        meant = self._options_meant()
        if meant:
            message += f"; did you mean {' and '.join(map(repr, meant))}"
        mark = "?" if "; did you mean " in message else "."
        self.exit(USAGE, f"{NAME}: {message}{mark}\n{NAME}: `{self.prog} --help` tells more.\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Raises ArgumentError for a value that is not among the choices of an argument."""
        if action.choices is not None and value not in action.choices:
            from keras_filterwatch.text import suggestion

            what = suggestion(value, action.choices)
            raise argparse.ArgumentError(action, f"there is no {value!r}; {what}")

    def _options_meant(self) -> list[str]:
        """Returns the options that are similar to those that do not exist."""
        import difflib

        known = [*self._option_string_actions]
        meant: list[str] = []
        for word in self._arguments:
            if word == "--":
                break
            name = word.partition("=")[0]
            if name.startswith("--") and not any(each.startswith(name) for each in known):
                meant += difflib.get_close_matches(name, known, n=1)
        return meant


class _PrintCompletion(argparse.Action):
    """Prints the completion script of a shell, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            import shtab
        except ImportError:
            parser.error(
                "completion needs shtab, which is not installed: "
                'pip install "keras_filterwatch[completion]"'
            )
        print(shtab.complete(parser, shell=values))
        parser.exit()
