"""Dicts of arrays, flat or nested, of NumPy, PyTorch, JAX or Flax, as a Snapshot."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Any

import numpy as np

from keras_filterwatch.files.stored import StoredArray, StoredKernel
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.sources.array_layouts import (
    KERAS,
    TORCH,
    TORCH_TRANSPOSED,
    arranged,
    check_layout,
    layout_of_rank,
    other_layout,
)
from keras_filterwatch.sources.frameworks import is_torch_tensor, torch_to_numpy
from keras_filterwatch.text import described, listed, suggestion

EMBEDDING = "an embedding: its rows are the entries of a table, not filters"
_RECURRENT = "recurrent: it holds gates, not filters"
_NO_KERNELS = (  # patterns of the last part of a name, and why such arrays are no kernels
    ("bias", "a bias"),
    ("embeddings?", EMBEDDING),
    (r"(.*_)?tokens?|pos(ition)?_embed(ding)?s?", "a part of an embedding, not filters"),
    ("recurrent_kernel", _RECURRENT),
    ("original0|weight_g", "the lengths of a weight normalisation"),  # of PyTorch
    (r"(weight|bias)_[ih][hr](_l\d+(_reverse)?)?", _RECURRENT),  # of PyTorch
)
_LISTED_REASONS = 8


@dataclass(frozen=True, eq=False)
class _NamedArray:
    """An array of a dict or a file.

    Attributes:
        name: the keys that lead to it, joined by `/`.
        shape, dtype: those of the array; None if it cannot be read.
        reason: why it is no kernel; `""` if it may be one.
        of_torch: whether PyTorch orders its axes.
        read: returns the array.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None
    reason: str = ""
    of_torch: bool = False
    read: Callable[[], Array] = lambda: np.empty(0)

    @cached_property
    def part(self) -> str:
        """The last part of the name, such as `"bias"`."""
        return re.split("[/.]", self.name.removesuffix(":0"))[-1]

    @property
    def owner(self) -> str:
        """The name without its last part: that of the layer."""
        return self.name.removesuffix(":0").removesuffix(self.part)


def snapshot_of_arrays(
    arrays: Mapping[Any, Any], layout: str | Mapping[str, str] | None = None
) -> Snapshot:
    """Returns the kernels of a dict of arrays; vectors and what else is no kernel are skipped.

    Args:
        arrays: name -> an array or tensor, or a dict of these.
        layout: as `snapshot_of` takes it.

    Raises:
        TypeError: a value is no array.
        ValueError: nothing is a kernel, or an array must have another order of axes.

    Example:
        >>> arrays = {"Conv_0": {"kernel": np.ones((3, 3, 1, 4)), "bias": np.ones(4)}}
        >>> snapshot = snapshot_of_arrays(arrays)
        >>> snapshot.kernels[0].name, snapshot.skipped
        ('Conv_0/kernel', {'Conv_0/bias': 'a bias'})
    """
    named = [_named_array(name, value) for name, value in _named_values(arrays)]
    arrangements, skipped = _arrangements(named, layout)
    kernels = [
        Kernel(each.name, "", arrangements[each.name](each.read()))
        for each in named
        if each.name in arrangements
    ]
    return Snapshot(0, tuple(kernels), skipped)


def kernels_of_arrays(
    arrays: Mapping[str, StoredArray],
    layout: str | Mapping[str, str] | None = None,
    of_torch: bool = False,
) -> tuple[list[StoredKernel], dict[str, str]]:
    """Returns the kernels among the arrays of a file, and why the others are none.

    Args:
        arrays: name -> array.
        layout: as `snapshot_of` takes it.
        of_torch: whether PyTorch orders their axes.

    Raises:
        TypeError, ValueError: as `snapshot_of_arrays`.

    Example:
        >>> array = StoredArray("conv", (8, 3, 5, 5), np.dtype("f4"), lambda: np.ones((8, 3, 5, 5)))
        >>> kernels, skipped = kernels_of_arrays({"conv.weight": array}, of_torch=True)
        >>> kernels[0].name, kernels[0].shape, kernels[0].read().array.shape
        ('conv.weight', (5, 5, 3, 8), (5, 5, 3, 8))
    """
    named = []
    for name, array in arrays.items():
        is_of_torch = of_torch and not name.endswith("kernel")
        each = _NamedArray(name, array.shape, array.dtype, of_torch=is_of_torch, read=array.read)
        named.append(replace(each, reason=_why_no_kernel(each, array.dtype)))
    arrangements, skipped = _arrangements(named, layout)
    kernels = [
        StoredKernel(
            *(each.name, "", arrangements[each.name](_placeholder(each.shape)).shape),
            partial(_read_kernel, each, arrangements[each.name]),
        )
        for each in named
        if each.name in arrangements
    ]
    return kernels, skipped


def _read_kernel(each: _NamedArray, arrange: Callable[[Array], Array]) -> Kernel:
    return Kernel(each.name, "", arrange(each.read()))


def _placeholder(shape: tuple[int, ...]) -> Array:
    """Returns an array that has a shape, and takes no memory."""
    return np.broadcast_to(np.int8(0), shape)


def _arrangements(
    named: Collection[_NamedArray], layout: str | Mapping[str, str] | None
) -> tuple[dict[str, Callable[[Array], Array]], dict[str, str]]:
    """Returns how each kernel gets the axes `(*spatial, channels, filters)`, and what is skipped.

    Raises:
        ValueError: nothing is a kernel, or an array must have another order of axes.
    """
    layouts = _layouts_by_name([each.name for each in named], layout)
    biases = {each.owner: _length(each) for each in named if each.part == "bias"}
    names = {each.name for each in named}
    arrangements: dict[str, Callable[[Array], Array]] = {}
    skipped: dict[str, str] = {}
    doubts: dict[str, tuple[tuple[int, ...], str]] = {}  # name -> shape, the order it must have
    most_axes = 0
    for each in named:
        if each.reason or each.dtype is None:
            skipped[each.name] = each.reason
            continue
        shape, chosen = each.shape, layouts.get(each.name)
        if chosen is None:
            shape = _with_heads_merged(each, names)
            chosen = TORCH if each.of_torch else KERAS
            bias = biases.get(each.owner)
            if each.of_torch and bias is not None and _is_transposed(shape, bias):
                chosen = TORCH_TRANSPOSED
            elif other_layout(shape, chosen, bias):
                doubts[each.name] = shape, other_layout(shape, chosen, bias)
        arrangements[each.name] = partial(_arranged, shape, layout_of_rank(chosen, len(shape)))
        most_axes = max(most_axes, len(shape))
    if doubts:
        raise ValueError(_question(doubts, most_axes))
    if named and not arrangements:
        reasons = [f"{name!r} ({reason})" for name, reason in skipped.items()]
        more = ", ..." if len(reasons) > _LISTED_REASONS else ""
        raise ValueError(
            f"none of the arrays is a kernel: {', '.join(reasons[:_LISTED_REASONS])}{more}. A "
            "kernel has at least the axes of its channels and filters."
        )
    return arrangements, skipped


def _arranged(shape: tuple[int, ...], layout: str, array: Array) -> Array:
    return arranged(array.reshape(shape), layout)


def has_channels_first(
    arrays: Mapping[Any, Any], layout: str | Mapping[str, str] | None = None
) -> bool:
    """Returns True if images are `(channels, height, width)` where these arrays come from.

    They are in PyTorch, and wherever `layout` has the channels before height and width.

    Example:
        >>> has_channels_first({"conv": np.ones((8, 3, 5, 5))}, "OIHW")
        True
    """
    if any(_is_of_torch(name, value) for name, value in _named_values(arrays)):
        return True
    layouts = layout.values() if isinstance(layout, Mapping) else [layout or KERAS]
    return any(re.fullmatch("O?IO?[^IO]+O?", each.upper()) for each in layouts)


def _named_values(arrays: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value of a nested dict with the keys that lead to it."""
    for key, value in arrays.items():
        name = f"{path}/{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _named_values(value, name)
        else:
            yield name, value


def _named_array(name: str, value: Any) -> _NamedArray:
    """Returns a value of a dict as an array, with the reason if it is no kernel.

    Raises:
        TypeError: it is no array.
    """
    of_torch = is_torch_tensor(value)
    try:
        array = torch_to_numpy(value) if of_torch else np.asarray(value)
    except Exception as error:  # such as keys of JAX's random numbers
        if not hasattr(value, "shape"):
            raise TypeError(_no_array(name, value)) from error
        return _NamedArray(name, (), None, f"it cannot be read: {described(error)}")
    if array.dtype.kind in "OSUMm" and not hasattr(value, "dtype"):
        raise TypeError(_no_array(name, value))
    is_of_torch = _is_of_torch(name, value)
    result = _NamedArray(name, array.shape, array.dtype, of_torch=is_of_torch, read=lambda: array)
    return replace(result, reason=_why_no_kernel(result, array.dtype))


def _is_of_torch(name: str, value: Any) -> bool:
    """Returns True for a tensor whose axes PyTorch orders."""
    # a layer of Keras on PyTorch calls its weights "kernel", and orders their axes as Keras does
    return is_torch_tensor(value) and not name.endswith("kernel")


def _no_array(name: str, value: Any) -> str:
    return (
        f"arrays are needed; {name!r} is of type {type(value).__name__}. Of a checkpoint, pass the "
        "dict of the weights alone, such as checkpoint['state_dict']."
    )


def _why_no_kernel(each: _NamedArray, dtype: np.dtype[Any]) -> str:
    """Returns why an array is no kernel; `""` if it may be one."""
    for pattern, reason in _NO_KERNELS:
        # a whole name that users gave, as "embedding" for one of patches, says nothing
        says_something = each.owner or "_" in each.part
        if says_something and re.fullmatch(pattern, each.part):
            return reason
    axes = len(each.shape)
    if axes < 2:
        return "a vector, not a kernel" if axes else "a single number"
    if axes > 5:
        return f"it has {axes} axes; 2 to 5 can be read"
    if dtype.kind not in "fiubV" or (each.of_torch and dtype.kind in "iub"):
        return f"its numbers are of dtype {dtype}, which no weights have"
    return ""


def _length(each: _NamedArray) -> int | None:
    """Returns the entries of a vector; None of what is no vector."""
    return each.shape[0] if len(each.shape) == 1 else None


def _is_transposed(shape: tuple[int, ...], biases: int) -> bool:
    """Returns True if only the second axis of a convolution of PyTorch has the biases' length."""
    return len(shape) > 2 and shape[1] == biases and shape.count(biases) == 1


def _with_heads_merged(each: _NamedArray, names: Collection[str]) -> tuple[int, ...]:
    """Returns the shape of a kernel; of Flax's attention, with two axes, since heads are no window.

    Flax orders `query`, `key` and `value` as `(channels, heads, size)` and `out` as
    `(heads, size, filters)`.
    """
    parent, _, layer = ("/" + each.owner.rstrip("/")).rpartition("/")
    parent = f"{parent}/".removeprefix("/")
    has_query = all(f"{parent}{name}/{each.part}" in names for name in ("query", "value"))
    if len(each.shape) != 3 or not has_query:
        return each.shape
    first, middle, last = each.shape
    if layer in ("query", "key", "value"):
        return first, middle * last
    return (first * middle, last) if layer == "out" else each.shape


def _layouts_by_name(
    names: Collection[str], layout: str | Mapping[str, str] | None
) -> dict[str, str]:
    """Returns the layouts that were chosen for arrays, by their names.

    Raises:
        TypeError, ValueError: as `check_layout`; or no array has a name of the choice.
    """
    if layout is None:
        return {}
    if not isinstance(layout, Mapping):
        return dict.fromkeys(names, check_layout(layout))
    chosen: dict[str, str] = {}
    for pattern, each in layout.items():
        matching = [name for name in names if _matches(name, str(pattern))]
        if not matching:
            raise ValueError(
                f"layout: no array is called {pattern!r}; {suggestion(str(pattern), names)}."
            )
        chosen |= dict.fromkeys(matching, check_layout(each))
    return chosen


def _matches(name: str, pattern: str) -> bool:
    return name.startswith((f"{pattern}/", f"{pattern}.")) or fnmatchcase(name, pattern)


def _question(doubts: Mapping[str, tuple[tuple[int, ...], str]], axes: int) -> str:
    """Returns the question how the axes of arrays are ordered.

    Args:
        doubts: array name -> its shape, and the order that it must have.
        axes: how many axes a layout has that says how all arrays are ordered.
    """
    name, (shape, other) = next(iter(doubts.items()))
    usual = KERAS if other == TORCH else TORCH
    others = [each for each in doubts if each != name]
    also = f" (as do {listed(others, 3)})" if others else ""
    return (
        f"{name!r} of shape {shape} looks like {layout_of_rank(other, len(shape))}{also}. Pass "
        f"layout={layout_of_rank(other, axes)!r} to fw.score or fw.snapshot_of, or "
        f"layout={layout_of_rank(usual, axes)!r} if it is as it is: O is the axis of the filters, "
        "I that of their channels."
    )
