"""Notices: messages to the user. A failure is recorded, causes one warning, ends no training."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from keras_filterwatch.text import described, printable


@dataclass(frozen=True)
class Problem:
    """Something that went wrong while watching; prints as a sentence.

    Attributes:
        what: what went wrong, as the start of a sentence.
        consequence: what that means for the log or the scores, as a sentence without its full stop.
        reason: the error, such as `"OSError: no space left on device"`, in one short line;
            `""` without one.
        step: the step at which it happened first; None if it belongs to no step.
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
        reason = f" ({self.reason})" if self.reason else ""
        return f"FilterWatch: {self.what}{reason}. {self.consequence}; training continues."


class Notices:
    """Prints messages and records problems. None of its methods raises an `Exception`.

    Args:
        prints: False to print nothing, in a process that trains along with the one that prints.

    Example:
        >>> notices = Notices()
        >>> notices.say("FilterWatch watches 1 kernel.")
        FilterWatch watches 1 kernel.
        >>> notices.problems
        []
    """

    def __init__(self, prints: bool = True) -> None:
        self._prints = prints
        self._problems: dict[str, Problem] = {}

    @property
    def problems(self) -> list[Problem]:
        """The problems so far, oldest first; one that happened again is there once."""
        return list(self._problems.values())

    @contextmanager
    def guard(
        self, what: str, consequence: str, where: str = "", step: int | None = None
    ) -> Iterator[None]:
        """Runs a block, and records an `Exception` that it raises as a problem.

        The program goes on after the block. KeyboardInterrupt and SystemExit are raised as usual.

        Args:
            what, consequence, step: as `Problem` has them.
            where: what the block was about, such as `"layer 'conv'"`.
        """
        try:
            yield
        except Exception as error:
            self.failed(error, what, consequence, where, step)

    def failed(
        self,
        error: BaseException,
        what: str,
        consequence: str,
        where: str = "",
        step: int | None = None,
    ) -> None:
        """Records an error as a problem. The arguments are those of `guard`."""
        reason = described(error)
        self.warn_once(what, consequence, f"{where}: {reason}" if where else reason, step)

    def warn_once(
        self, what: str, consequence: str, reason: str = "", step: int | None = None
    ) -> None:
        """Records a problem, and warns the first time. Problems with the same `what` are one.

        Args:
            what, consequence, reason, step: as `Problem` has them.
        """
        what = printable(what)
        known = self._problems.get(what)
        if known:
            self._problems[what] = replace(known, count=known.count + 1)
            return
        problem = Problem(what, printable(consequence), printable(reason), step)
        self._problems[what] = problem
        try:
            # without a registry, Python would drop the same warning of a second FilterWatch
            warnings.warn_explicit(
                str(problem), UserWarning, "FilterWatch", 1, module="keras_filterwatch", registry={}
            )
        except Exception:  # a filter turns warnings into errors: it is printed instead
            self.say(str(problem))

    def say(self, message: str) -> None:
        """Prints a message; characters that the console cannot show become escape sequences."""
        if not self._prints:
            return
        try:
            try:
                print(message)
            except UnicodeEncodeError:
                encoding = sys.stdout.encoding or "ascii"
                print(message.encode(encoding, "backslashreplace").decode(encoding))
        except Exception as error:
            what = "a message could not be printed"
            problem = Problem(what, "Some messages are missing", described(error))
            self._problems.setdefault(what, problem)
