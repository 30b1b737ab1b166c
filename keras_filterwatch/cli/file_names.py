"""Names of files that are made of names in models, which may be anything."""

import re
from collections.abc import Iterable
from pathlib import PurePath

_LONGEST = 80  # characters


def safe_name(name: str) -> str:
    """Returns a name as a part of a path: letters, digits, `.`, `_` and `-`, at most 80 of them.

    It is not unique: other names may become the same one.

    Example:
        >>> safe_name("block1/conv"), safe_name("../../etc/passwd"), safe_name("")
        ('block1_conv', '_.._etc_passwd', '_')
    """
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    safe = re.sub(r"^[.-]+", "", safe)[:_LONGEST]
    return safe or "_"


def image_name(number: int, count: int, layer: str) -> str:
    """Returns the name of a layer's picture, unique in a model by the layer's place.

    Example:
        >>> image_name(3, 120, "conv")
        '003_conv.png'
    """
    digits = max(2, len(str(count - 1)))
    return f"{number:0{digits}}_{safe_name(layer)}.png"


def folder_names(files: Iterable[str]) -> list[str]:
    """Returns a safe name for each file, all different, also where letters have no case.

    Example:
        >>> folder_names(["a/model.keras", "b/Model.keras", "b"])
        ['model.keras', 'Model.keras_2', 'b']
    """
    names: list[str] = []
    taken: set[str] = set()
    for file in files:
        name = stem = safe_name(PurePath(file).name)
        number = 2
        while name.lower() in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
