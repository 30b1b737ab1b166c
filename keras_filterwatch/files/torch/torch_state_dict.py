"""State dicts of PyTorch as kernels, wherever the numbers of their tensors lie."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.number_types import NumberType, number_type
from keras_filterwatch.files.plain_arrays import MOST_ARRAYS, file_of_arrays, read_numbers
from keras_filterwatch.files.stored import ModelFile, StoredArray
from keras_filterwatch.files.torch.pickled_tensors import OtherValue, PickledTensor
from keras_filterwatch.files.torch.torch_training import is_optimizer, training_of
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable

_STATE_DICTS = (  # keys under which checkpoints have the weights, those that say more first
    *("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"),
    *("weights", "params"),
)
_MOST_VALUES = 4 * limits.ENTRIES  # that are looked at to find the tensors
_SMALL = 2**20  # bytes: a tensor that is smaller does no harm, however far it expands


class Storages(NamedTuple):
    """Where the numbers of the tensors lie.

    Attributes:
        lengths: the key of each storage -> its bytes.
        open: takes a key and a stack; returns a file, open as long as the stack is, and the place
            in it where the numbers begin.
        byte_order: `"<"` or `">"`.
    """

    lengths: Mapping[str, int]
    open: Callable[[str, ExitStack], tuple[BinaryIO, int]]
    byte_order: Literal["<", ">"] = "<"


def file_of_state_dict(
    path: Path, value: Any, storages: Storages, layout: str | Mapping[str, str] | None
) -> ModelFile:
    """Returns the kernels of a state dict, or of the one in a checkpoint.

    In a checkpoint, the weights are looked for under `"state_dict"`, `"model_state_dict"`,
    `"model"` and similar keys.

    Args:
        path: the file.
        value: what is in it, as `read_pickle` returns it.
        storages: where the numbers of its tensors lie.
        layout: as `snapshot_of` takes it.

    Raises:
        UnsafeFileError: a tensor or the nesting is beyond the limits.
        UnreadableFileError: there is no state dict, or a tensor lacks its numbers.

    Example:
        >>> file_of_state_dict(Path("a.pt"), [1], Storages({}, open), None)
        Traceback (most recent call last):
        keras_filterwatch.files.errors.UnreadableFileError: a.pt holds no state dict but another \
value. Save the weights by their names: torch.save(model.state_dict(), path).
    """
    if not isinstance(value, dict):
        raise UnreadableFileError(
            f"{path} holds no state dict but another value. Save the weights by their names: "
            "torch.save(model.state_dict(), path)."
        )
    weights, unread = _weights(value, str(path))
    arrays: dict[str, StoredArray] = {}
    for name, each in _named(weights, str(path)):
        if isinstance(each, PickledTensor):
            stored = _stored_array(storages, f"{path}: {name}", each)
            if isinstance(stored, StoredArray):
                arrays[name] = stored
            else:
                unread[name] = stored
        else:
            unread[name] = each.reason if isinstance(each, OtherValue) else "it is no tensor"
    file = file_of_arrays("PyTorch checkpoint", path, arrays, unread, layout, of_torch=True)
    training = training_of(value, partial(_number, storages, str(path)))
    return replace(file, logs=training.logs, updates=training.updates)


def _number(storages: Storages, what: str, tensor: PickledTensor) -> float:
    """Returns the number of a tensor that has only one; NaN if it is no real number."""
    stored = _stored_array(storages, what, tensor)
    if isinstance(stored, StoredArray) and stored.dtype.kind in "fiu":
        return float(stored.read().item())
    return math.nan


def _weights(checkpoint: dict[Any, Any], what: str) -> tuple[dict[Any, Any], dict[str, str]]:
    """Returns the state dict of a checkpoint, and why other tensors of it are not read.

    Raises:
        UnsafeFileError: it is beyond the limits.
    """
    with_tensors = _with_tensors(checkpoint, what)
    optimizers = {key for key in with_tensors if is_optimizer(checkpoint[key])}
    left_out = dict.fromkeys(map(str, optimizers), "the state of an optimizer")
    key = next((key for key in _STATE_DICTS if key in with_tensors), None)
    if key is not None:
        others = [other for other in with_tensors if other != key and other not in optimizers]
        return checkpoint[key], left_out | dict.fromkeys(
            map(str, others), f"the weights that are read are those of {key!r}"
        )
    is_state_dict = any(map(_is_tensor, checkpoint.values()))
    names = checkpoint if is_state_dict else with_tensors
    return {name: checkpoint[name] for name in names if name not in optimizers}, left_out


def _is_tensor(value: Any) -> bool:
    return isinstance(value, PickledTensor)


def _with_tensors(checkpoint: dict[Any, Any], what: str) -> dict[Any, None]:
    """Returns the keys under which there are dicts with tensors in them, or in dicts in them.

    Raises:
        UnsafeFileError: it is beyond the limits, as are dicts that hold themselves.
    """
    keys: dict[Any, None] = {}
    count = 0
    for key, value in checkpoint.items():
        dicts = [value]
        while dicts:
            each = dicts.pop()
            if not isinstance(each, dict):
                continue
            count += len(each)  # also if it was looked at before: many keys may lead to one dict
            if count > _MOST_VALUES:
                raise _too_many(what)
            if any(map(_is_tensor, each.values())):
                keys[key] = None
                break
            dicts.extend(each.values())
    return keys


def _too_many(what: str) -> UnsafeFileError:
    return UnsafeFileError(f"{what} is refused: it has too many dicts within dicts.")


def _named(weights: dict[Any, Any], what: str) -> Iterator[tuple[str, Any]]:
    """Yields name and value of each entry of a nested dict, as `snapshot_of_arrays` names them.

    Raises:
        UnsafeFileError: it is beyond the limits, as are dicts that hold themselves.
    """
    levels: list[tuple[str, Iterator[tuple[Any, Any]]]] = [("", iter(weights.items()))]
    count = letters = 0
    while levels:
        path, entries = levels[-1]
        for key, value in entries:
            name = f"{path}/{key}" if path else str(key)
            count += 1
            letters += len(name)
            is_long = letters > limits.CONFIG_BYTES
            if count > MOST_ARRAYS or len(levels) > limits.DEPTH or is_long:
                raise _too_many(what)
            if isinstance(value, dict):
                levels.append((name, iter(value.items())))
                break
            yield name, value
        else:
            levels.pop()


def _stored_array(storages: Storages, what: str, tensor: PickledTensor) -> StoredArray | str:
    """Returns a tensor, or why it cannot be read.

    Raises:
        UnsafeFileError: it reaches beyond its storage, or expands without limit.
        UnreadableFileError: its storage is missing.
    """
    numbers = number_type(tensor.dtype)
    if numbers is None:
        return f"its numbers are of dtype {printable(tensor.dtype)}, which cannot be read"
    length = storages.lengths.get(tensor.storage.key)
    if length is None:
        raise UnreadableFileError(f"{printable(what)} is damaged: its numbers are missing.")
    declared = tensor.storage.count * tensor.storage.itemsize
    if declared > length or tensor.end * numbers.stored.itemsize > declared:
        raise UnsafeFileError(f"{printable(what)} is refused: it reaches beyond its numbers.")
    size = math.prod(tensor.shape) * numbers.dtype.itemsize
    if size > max(_SMALL, limits.EXPANSION * length):
        raise UnsafeFileError(
            f"{printable(what)} is refused: its {length} bytes would expand to {size}."
        )
    read = partial(_read, storages, tensor, numbers, what)
    return StoredArray(what, tensor.shape, numbers.dtype, read)


def _read(storages: Storages, tensor: PickledTensor, numbers: NumberType, what: str) -> Array:
    """Returns a tensor as an array with the same strides.

    Raises:
        UnreadableFileError: it is damaged.
    """
    dtype = numbers.stored.newbyteorder(storages.byte_order)
    with ExitStack() as stack:
        file, begin = storages.open(tensor.storage.key, stack)
        begin += tensor.offset * dtype.itemsize
        stored = read_numbers(file, begin, tensor.end - tensor.offset, dtype, what)
    stored = numbers.decode(stored)
    if 0 in tensor.shape:
        return np.empty(tensor.shape, stored.dtype)
    strides = tuple(stride * stored.itemsize for stride in tensor.strides)
    # in its bounds: `end` is the place after the last number that the strides lead to
    view = np.lib.stride_tricks.as_strided(stored, tensor.shape, strides)
    return view if view.size <= stored.size else view.copy()
