"""What an HDF5 file of a whole model tells about its training: losses, learning rate, updates."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from keras_filterwatch.files.config.layer_config import load_json
from keras_filterwatch.files.hdf5 import Group
from keras_filterwatch.files.legacy.legacy_groups import text_attribute, weight_names
from keras_filterwatch.files.legacy.legacy_names import WeightName

_COUNTS = ("iteration", "iterations", "iter")


class Training(NamedTuple):
    """What a file tells about the training of its model.

    Attributes:
        compile_config: the arguments of `compile`; None if the file has none.
        logs: `"learning_rate"`, as it was when the file was written; empty if unknown.
        updates: updates that the optimizer has made; None if unknown.
    """

    compile_config: Mapping[str, Any] | None = None
    logs: Mapping[str, float] = {}
    updates: int | None = None


def training_of(root: Group) -> Training:
    """Returns what the root of a file tells about the training.

    Raises:
        UnreadableFileError: the file is damaged.
    """
    text = text_attribute(root, "training_config")
    if not text:
        return Training()
    config = load_json(text.encode("utf-8", "surrogatepass"), "attribute 'training_config'")
    optimizer = config.get("optimizer_config")
    own = optimizer.get("config") if isinstance(optimizer, Mapping) else None
    own = own if isinstance(own, Mapping) else {}
    rate = _number(root, ("learning_rate",))
    if rate is None:
        rate = own.get("learning_rate", own.get("lr"))
    is_known = isinstance(rate, int | float) and not isinstance(rate, bool) and math.isfinite(rate)
    updates = _number(root, _COUNTS)
    return Training(
        config,
        {"learning_rate": float(rate)} if is_known else {},
        int(updates) if updates is not None and 0 <= updates < 2**63 else None,
    )


def _number(root: Group, variables: tuple[str, ...]) -> float | None:
    """Returns the variable of the optimizer that has one of these names; None if several have."""
    group = root.group("optimizer_weights")
    if group is None:
        return None
    names = [
        name
        for name in weight_names(group)
        if WeightName.parse(name, is_keras_1=False).variable in variables
    ]
    array = group.array(names[0]) if len(names) == 1 else None
    if array is None or array.shape != ():
        return None
    value = float(array.read())
    return value if math.isfinite(value) else None
