"""What stands behind the name of a file or a layer, without the same name a second time."""

import re
from pathlib import PurePath


def behind_name(name: str, message: str) -> str:
    """Returns a message that may begin with the name of its file, to be printed behind that name.

    Args:
        name: of the file, as it stands before the message: its path, or the end of it.
        message: what the reader of the file said.

    Example:
        >>> behind_name("a.keras", "a.keras is damaged: copy it again.")
        'it is damaged: copy it again.'
        >>> behind_name("a.keras", "/models/a.keras: conv is refused.")
        'conv is refused.'
        >>> behind_name("a.keras", "no file is there")
        'no file is there'
    """
    path = str(PurePath(name))
    before, found, rest = message.partition(repr(path) if message.startswith("'") else path)
    is_path = before == "" or (before[-1] in "/\\" and PurePath(before).is_absolute())
    if not found or not is_path:
        return message
    if rest.startswith(": "):
        return rest.removeprefix(": ")
    return f"it{rest}" if rest.startswith(" ") else message


def with_name(name: str, message: str) -> str:
    """Returns a message that names its file, once.

    Example:
        >>> with_name("a.keras", "a.keras is damaged."), with_name("a.keras", "no such layer")
        ('a.keras is damaged.', 'a.keras: no such layer')
    """
    path = str(PurePath(name))
    return message if message.startswith((path, repr(path))) else f"{name}: {message}"


def names_layer(layer: str, message: str) -> bool:
    """Returns True for a sentence in which the name of a layer stands.

    Example:
        >>> names_layer("conv", "All filters of conv are zero."), names_layer("conv", "dead is 1")
        (True, False)
    """
    word = rf"(?<![\w/]){re.escape(layer)}(?![\w/])"
    return message.endswith(".") and re.search(word, message) is not None
