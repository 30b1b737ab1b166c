"""How names and messages of users and models are put into sentences, Markdown and the console."""

import difflib
import re
from collections.abc import Iterable

_MANY_NAMES = 12  # names listed in a message
_LONGEST_REASON = 200  # characters of an error's message
_LONGEST_WORD = 80  # longer names in an error's message would leave no room for what went wrong
_COLOUR_CODES = re.compile("\x1b\\[[0-9;]*m")  # which Keras puts into its messages

_MARKDOWN = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        **{mark: f"\\{mark}" for mark in "\\`*[]|"},
        **dict.fromkeys("\n\r\t\v\f\x85\u2028\u2029", " "),
    }
)


def markdown(text: object) -> str:
    """Returns foreign text so that Markdown shows it as it is: no image, link, tag or table cell.

    Example:
        >>> print(markdown("![x](http://a.b/c.png) | <b>"))
        !\\[x\\](http://a.b/c.png) \\| &lt;b&gt;
    """
    escaped = printable(text).translate(_MARKDOWN)
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)  # within a word `_` has no meaning


def printable(text: object) -> str:
    """Returns foreign text in one line for the console: control characters as escape sequences.

    Example:
        >>> printable("red\\x1b[31m\\nline")
        'red\\\\x1b[31m line'
    """
    line = re.sub(r"\s", " ", str(text))
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in line
    )


def described(error: BaseException) -> str:
    """Returns type and message of an error in one line, without what Keras adds to the message.

    Example:
        >>> described(ValueError("wrong\\nshape"))
        'ValueError: wrong shape'
    """
    return f"{type(error).__name__}: {error_message(error)}"


def error_message(error: BaseException) -> str:
    """Returns the message of an error in one line of bounded length; never raises an error itself.

    Example:
        >>> error_message(ValueError("wrong\\nshape"))
        'wrong shape'
    """
    try:
        message = str(error)
    except Exception:  # an error of the user's own class may fail here too
        message = "its message cannot be read"
    message = message.split("Error encountered:")[-1].split("Arguments received by")[0]
    line = printable(_COLOUR_CODES.sub("", message).strip())
    line = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda word: _abbreviated(word[0]), line)
    return line if len(line) <= _LONGEST_REASON else line[:_LONGEST_REASON].rstrip() + " ..."


def _abbreviated(word: str) -> str:
    half = _LONGEST_WORD // 2 - 3
    return f"{word[:half]}...{word[-half:]}"


def listed(names: Iterable[object], most: int = _MANY_NAMES) -> str:
    """Returns names as a list for a message, cut off after `most` of them.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        "'a', 'b' and 1 more"
    """
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def suggestion(name: str, names: Iterable[str]) -> str:
    """Returns the end of a message about a name that does not exist: similar names, or all.

    Example:
        >>> suggestion("cnv", ["conv", "head"])
        "did you mean 'conv'"
    """
    names = list(names)
    similar = difflib.get_close_matches(str(name), names, cutoff=0.4)
    if similar:
        return f"did you mean {' or '.join(map(repr, similar))}"
    return f"there are {listed(names)}" if names else "there are none"
