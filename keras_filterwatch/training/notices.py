"""Notices: what FilterWatch says; a failure is recorded, said once, and ends no training."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from keras_filterwatch.text import printable


@dataclass(frozen=True)
class Problem:
    """Something that went wrong while watching; prints as a sentence.

    Attributes:
        what: what went wrong, as the start of a sentence.
        consequence: what that costs.
        reason: the error, such as `"OSError: no space left on device"`; `""` without one.
        step: the step at which it happened first; None before the first one.
        count: how often it happened.

    Example:
        >>> print(Problem("events could not be written", "This step is missing", "OSError: full"))
        FilterWatch: events could not be written (OSError: full). This step is missing; training \
continues.
    """

    what: str
    consequence: str
    reason: str = ""
    step: int | None = None
    count: int = 1

    def __str__(self) -> str:
        reason = f" ({printable(self.reason)})" if self.reason else ""
        return (
            f"FilterWatch: {printable(self.what)}{reason}. {printable(self.consequence)}; "
            "training continues."
        )


class Notices:
    """Prints messages and records problems. None of its methods raises an `Exception`.

    Attributes:
        step: the step that problems are recorded with.
    """

    def __init__(self) -> None:
        self.step: int | None = None
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """The problems so far, each once, oldest first."""
        return list(self._problems.values())

    @contextmanager
    def guard(self, what: str, consequence: str, where: str = "") -> Iterator[None]:
        """Runs a block whose failure is recorded as a problem, and goes no further.

        KeyboardInterrupt and SystemExit pass.

        Args:
            what, consequence: as `Problem` has them.
            where: what the block was about, such as `"layer 'conv'"`.
        """
        try:
            yield
        except Exception as error:
            self.failed(error, what, consequence, where)

    def failed(self, error: BaseException, what: str, consequence: str, where: str = "") -> None:
        """Records an error as a problem."""
        reason = f"{type(error).__name__}: {_text_of(error)}"
        self.warn_once(what, consequence, f"{where}: {reason}" if where else reason)

    def warn_once(self, what: str, consequence: str, reason: str = "") -> None:
        """Records a problem; the first of its kind is also a warning."""
        known = self._problems.get(what)
        if known:
            self._problems[what] = replace(known, count=known.count + 1)
            return
        problem = Problem(what, consequence, reason, self.step)
        self._problems[what] = problem
        try:
            warnings.warn(str(problem), stacklevel=2)
        except Exception:  # a warning filter makes an error of it: the record has to do
            self.say(str(problem))

    def say(self, message: str) -> None:
        """Prints a message; characters that the console cannot show become escape sequences."""
        try:
            try:
                print(message)
            except UnicodeEncodeError:
                encoding = sys.stdout.encoding or "ascii"
                print(message.encode(encoding, "backslashreplace").decode(encoding))
        except Exception as error:
            self._problems.setdefault(
                "a message could not be printed",
                Problem(
                    "a message could not be printed",
                    "Some messages are missing",
                    f"{type(error).__name__}: {error}",
                    self.step,
                ),
            )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an error of the user's own class may fail here too
        return "its message cannot be read"
