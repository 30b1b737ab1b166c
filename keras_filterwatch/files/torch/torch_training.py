"""What a checkpoint of PyTorch tells about its training: the learning rate, and the updates."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_filterwatch.files.torch.pickled_tensors import PickledTensor

_OPTIMIZER = {"state", "param_groups"}  # the keys of an optimizer's state
_LISTS = ("optimizer_states", "optimizers")  # under which Lightning and others list them


class Training(NamedTuple):
    """What a checkpoint tells about the training.

    Attributes:
        logs: `"learning_rate"`, as it was when the file was written; empty if unknown.
        updates: updates that the optimizer has made; None if unknown.
    """

    logs: Mapping[str, float] = {}
    updates: int | None = None


def is_optimizer(value: Any) -> bool:
    """Returns True for the state of an optimizer.

    Example:
        >>> is_optimizer({"state": {}, "param_groups": []}), is_optimizer({"conv.weight": None})
        (True, False)
    """
    return isinstance(value, dict) and value.keys() >= _OPTIMIZER


def training_of(
    checkpoint: Mapping[Any, Any], read_number: Callable[[PickledTensor], float]
) -> Training:
    """Returns what a checkpoint with one optimizer tells; of several, nothing is known.

    Args:
        checkpoint: the dict that was saved.
        read_number: returns the number of a tensor that has only one.

    Raises:
        UnreadableFileError: as `read_number` does.

    Example:
        >>> state = {"state": {0: {"step": 5}}, "param_groups": [{"lr": 0.1}]}
        >>> training_of({"optimizer": state}, float)
        Training(logs={'learning_rate': 0.1}, updates=5)
    """
    values = [*checkpoint.values()]
    for key in _LISTS:
        listed = checkpoint.get(key)
        values += listed if isinstance(listed, list) else []
    optimizers = [value for value in values if is_optimizer(value)]
    if len(optimizers) != 1:
        return Training()
    rates = _values(optimizers[0]["param_groups"], "lr")
    rate = _number(rates[0], read_number) if rates else None
    is_one = rate is not None and all(_number(each, read_number) == rate for each in rates)
    logs = {"learning_rate": float(rate)} if rate is not None and is_one else {}
    state = optimizers[0]["state"]
    steps = _values([*state.values()] if isinstance(state, dict) else [], "step")
    counts = {_number(steps[place], read_number) for place in ((0, -1) if steps else ())}
    count = counts.pop() if len(counts) == 1 else None
    is_count = count is not None and count >= 0 and count == int(count)
    return Training(logs, int(count) if count is not None and is_count else None)


def _values(dicts: Any, key: str) -> list[Any]:
    """Returns what the dicts of a list have under a key."""
    entries = dicts if isinstance(dicts, list) else []
    return [each[key] for each in entries if isinstance(each, dict) and key in each]


def _number(value: Any, read_number: Callable[[PickledTensor], float]) -> float | None:
    """Returns a finite number of usual size; None if a value is none."""
    if isinstance(value, PickledTensor):
        value = read_number(value) if value.shape in ((), (1,)) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 2**63 and math.isfinite(value) else None
