"""The tensors that a pickle of `torch.save` describes: shapes, and where their numbers lie."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras_filterwatch.files.errors import UnreadableFileError

_ITEMSIZES = {  # class of storages and the type of their numbers -> bytes of each number
    ("DoubleStorage", "float64"): 8,
    ("FloatStorage", "float32"): 4,
    ("HalfStorage", "float16"): 2,
    ("BFloat16Storage", "bfloat16"): 2,
    ("LongStorage", "int64"): 8,
    ("IntStorage", "int32"): 4,
    ("ShortStorage", "int16"): 2,
    ("CharStorage", "int8"): 1,
    ("ByteStorage", "uint8"): 1,
    ("BoolStorage", "bool"): 1,
    ("ComplexFloatStorage", "complex64"): 8,
    ("ComplexDoubleStorage", "complex128"): 16,
    ("QInt8Storage", "qint8"): 1,
    ("QUInt8Storage", "quint8"): 1,
    ("QInt32Storage", "qint32"): 4,
    ("QUInt4x2Storage", "quint4x2"): 1,
    ("QUInt2x4Storage", "quint2x4"): 1,
    ("storage.UntypedStorage", ""): 1,
}
_STORAGES = {f"torch.{name}": (dtype, size) for (name, dtype), size in _ITEMSIZES.items()}
_DTYPES = (
    *("float64", "float32", "float16", "bfloat16"),
    *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"),
    *("complex32", "complex64", "complex128"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"),
    *("float4_e2m1fn_x2", "qint8", "quint8", "qint32", "quint4x2", "quint2x4"),
)
_SCHEMES = ("affine", "symmetric")
_PLAIN = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_TYPED = "torch._utils._rebuild_tensor_v3"
_PARAMETERS = (
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
)
_WITHOUT_NUMBERS = {  # functions of tensors that are no plain arrays -> what these are
    "torch._utils._rebuild_sparse_tensor": "it is sparse",
    "torch._utils._rebuild_sparse_csr_tensor": "it is sparse",
    "torch._utils._rebuild_qtensor": "it is quantised",
    "torch._utils._rebuild_nested_tensor": "it is a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "it is on the device 'meta', without numbers",
    "torch._utils._rebuild_device_tensor_from_numpy": "it is one of a device",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "it is one of a device",
    "torch._utils._rebuild_xla_tensor": "it is one of a device",
    "torch._utils._rebuild_wrapper_subclass": "it is one of several tensors",
}
REBUILD_FUNCTIONS = {*_PLAIN, _TYPED, *_PARAMETERS, *_WITHOUT_NUMBERS}
TENSOR_CLASSES = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
TENSOR_NAMES = {
    *REBUILD_FUNCTIONS,
    *TENSOR_CLASSES,
    *_STORAGES,
    *(f"torch.{name}" for name in _DTYPES),
    *(f"torch.per_{part}_{scheme}" for part in ("tensor", "channel") for scheme in _SCHEMES),
    "torch.per_channel_affine_float_qparams",
    *("torch.Size", "torch.device", "torch.serialization._get_layout"),
}
_MOST_AXES = 64

Damaged = Callable[[str], UnreadableFileError]


@dataclass(frozen=True)
class GlobalName:
    """The name of a class, function or dtype, which is not looked up.

    Attributes:
        text: its module and name, such as `"torch.FloatStorage"`.
    """

    text: str


@dataclass(frozen=True, eq=False)
class OtherValue:
    """A value that is not read.

    Attributes:
        reason: what it is, or why it is not read.
    """

    reason: str


@dataclass(frozen=True, eq=False)
class PickledStorage:
    """Numbers that tensors share.

    Attributes:
        key: its name in the file.
        dtype: the type of the numbers, by PyTorch's name; `""` if it is that of the tensor.
        itemsize: the bytes of each number; 1 where `dtype` is `""`.
        count: how many numbers there are, or bytes where `dtype` is `""`.
    """

    key: str
    dtype: str
    itemsize: int
    count: int


@dataclass(frozen=True, eq=False)
class PickledTensor:
    """A tensor.

    Attributes:
        storage: where its numbers lie.
        dtype: their type, by PyTorch's name.
        offset: the place of the first number in the storage.
        shape: its shape.
        strides: for each axis, how many numbers lie from one entry to the next.
    """

    storage: PickledStorage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def end(self) -> int:
        """The place after its last number in the storage; `offset` if it has none.

        Example:
            >>> storage = PickledStorage("0", "float32", 4, 6)
            >>> PickledTensor(storage, "float32", 1, (2, 2), (3, 1)).end
            6
        """
        if 0 in self.shape:
            return self.offset
        steps = zip(self.shape, self.strides, strict=True)
        return self.offset + 1 + sum((size - 1) * stride for size, stride in steps)


def storage(value: Any, damaged: Damaged) -> PickledStorage:
    """Returns the storage that `torch.save` refers to by `("storage", type, key, device, count)`.

    Raises:
        UnreadableFileError: it is none, as `damaged` makes it of the reason.

    Example:
        >>> value = ("storage", GlobalName("torch.HalfStorage"), "0", "cpu", 4)
        >>> storage(value, UnreadableFileError)
        PickledStorage(key='0', dtype='float16', itemsize=2, count=4)
    """
    # before PyTorch 1.6 there is one more, which is None but for views of PyTorch 0.3
    is_storage = isinstance(value, tuple) and (len(value) == 5 or value[5:] == (None,))
    if not is_storage or value[0] != "storage":
        raise damaged("it refers to what is no storage of a tensor")
    _, kind, key, _, count = value[:5]
    is_known = isinstance(kind, GlobalName) and kind.text in _STORAGES
    if not (is_known and isinstance(key, str) and _is_count(count)):
        raise damaged("the storage of a tensor is not described as PyTorch does")
    return PickledStorage(key, *_STORAGES[kind.text], count)


def rebuilt(function: str, arguments: tuple[Any, ...], damaged: Damaged) -> Any:
    """Returns the tensor that a function of PyTorch would build.

    Args:
        function: its name, one of `REBUILD_FUNCTIONS`.
        arguments: what it would be called with.
        damaged: makes the error of a reason.

    Returns:
        A `PickledTensor`, or an `OtherValue` if it is no plain array.

    Raises:
        UnreadableFileError: no tensor has such arguments.

    Example:
        >>> arguments = (PickledStorage("0", "float32", 4, 6), 0, (2, 3), (3, 1), False, {})
        >>> rebuilt("torch._utils._rebuild_tensor_v2", arguments, UnreadableFileError).shape
        (2, 3)
    """
    if function in _WITHOUT_NUMBERS:
        return OtherValue(_WITHOUT_NUMBERS[function])
    if function in _PARAMETERS:
        if not arguments or not isinstance(arguments[0], PickledTensor | OtherValue):
            raise damaged("a parameter has no tensor")
        return arguments[0]
    if len(arguments) < 4:
        raise damaged("a tensor has too few arguments")
    where, offset, shape, strides, *more = arguments
    if not isinstance(where, PickledStorage) or not _is_count(offset):
        raise damaged("a tensor has no storage")
    if not _are_counts(shape) or not _are_counts(strides) or len(shape) != len(strides):
        raise damaged("the shape of a tensor is not one")
    dtype = where.dtype
    if function == _TYPED:
        if len(more) < 3 or not isinstance(more[2], GlobalName):
            raise damaged("a tensor has no dtype")
        dtype = more[2].text.removeprefix("torch.")
    metadata = more[3:4] if function == _TYPED else more[2:3]
    if metadata and metadata[0]:
        return OtherValue("it is a view that negates or conjugates its numbers")
    return PickledTensor(where, dtype, offset, shape, strides)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple) and len(values) <= _MOST_AXES and all(map(_is_count, values))
