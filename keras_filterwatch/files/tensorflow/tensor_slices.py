"""Parts of tensors, as TensorFlow 1 stores a variable that lies on several machines."""

from collections.abc import Sequence

from keras_filterwatch.files.tensorflow.protobuf import damaged

# for each axis, the first entry and how many there are; (0, -1) for all
Slice = tuple[tuple[int, int], ...]
_MOST_AXES = 32
_LONGEST_NUMBER = 7  # bytes: sizes up to 2**48


def read_slice_key(key: bytes, what: str) -> tuple[str, Slice]:
    """Returns the name of the tensor, and which part of it the key of an index stands for.

    Such a key is a zero, the name, the number of axes, and two signed numbers for each axis, in
    a code that keeps the order of the keys: tensorflow/core/lib/strings/ordered_code.cc.

    Raises:
        UnreadableFileError: it is not of that kind.

    Example:
        >>> read_slice_key(bytes([0]) + b"w" + bytes([0, 1, 1, 1, 0x83, 0x84]), "an example")
        ('w', ((3, 4),))
    """
    try:
        number, place = _unsigned(key, 0)
        name, place = _text(key, place)
        axes, place = _unsigned(key, place)
        extents = []
        for _ in range(min(axes, _MOST_AXES)):
            start, place = _signed(key, place)
            length, place = _signed(key, place)
            extents.append((start, length))
    except (IndexError, UnicodeDecodeError):
        raise damaged(what) from None
    if number or place != len(key):
        raise damaged(what)
    return name, tuple(extents)


def join_axis(shape: Sequence[int], slices: Sequence[Slice]) -> tuple[int, list[int]] | None:
    """Returns along which axis parts make up the whole, and their order.

    Returns None if they do not: they overlap, something is missing, or they are cut along two axes.

    Example:
        >>> join_axis((5, 2), [((3, 2), (0, -1)), ((0, 3), (0, -1))])
        (0, [1, 0])
    """
    parts = []
    for each in slices:
        if len(each) != len(shape):
            return None
        extents = zip(each, shape, strict=True)
        parts.append([(0, size) if part == (0, -1) else part for part, size in extents])
    cut = {axis for part in parts for axis, size in enumerate(shape) if part[axis] != (0, size)}
    if len(cut) > 1 or not parts or not shape:
        return None
    axis = cut.pop() if cut else 0
    order = sorted(range(len(parts)), key=lambda place: parts[place][axis])
    end = 0
    for place in order:
        start, length = parts[place][axis]
        if start != end or length < 1:
            return None
        end += length
    return (axis, order) if end == shape[axis] else None


def _unsigned(key: bytes, place: int) -> tuple[int, int]:
    """Returns a number of which the first byte tells the length, and the place behind it."""
    end = place + 1 + key[place]
    if end > len(key):
        raise IndexError
    return int.from_bytes(key[place + 1 : end], "big"), end


def _text(key: bytes, place: int) -> tuple[str, int]:
    """Returns a text that ends with 0 and 1, and the place behind it."""
    text = bytearray()
    while (byte := key[place]) or key[place + 1] != 1:
        escaped = byte in (0, 255)  # 0 is written as 0 and 255, 255 as 255 and 0
        if escaped and key[place + 1] != 255 - byte:
            raise IndexError
        text.append(byte)
        place += 2 if escaped else 1
    return text.decode(), place + 2


def _signed(key: bytes, place: int) -> tuple[int, int]:
    """Returns a number of n bytes that begin with n ones, or zeros if it is negative."""
    first = key[place]
    is_negative = first < 128
    ones = f"{first ^ 255 if is_negative else first:08b}".find("0")
    data = key[place : place + ones]
    if not 1 <= ones <= _LONGEST_NUMBER or len(data) < ones:
        raise IndexError
    number = int.from_bytes(data, "big") - (is_negative << 8 * ones)
    return number ^ ((1 << ones) - 1) << 7 * ones, place + ones
