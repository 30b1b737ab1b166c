"""Messages of protocol buffers, read field by field without a description of their types."""

from collections.abc import Iterator

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.limits import ENTRIES

_FIELDS = 4 * ENTRIES  # in all messages of one file; those of the largest known models are 500,000
_VARINT_BITS = 63  # of the last shift: a number has 64 bits in 10 bytes at most
_FIXED_SIZES = {1: 8, 5: 4}  # wire type -> bytes


class ProtobufReader:
    """Reads the messages of one file, and counts their fields, so that no file takes for ever.

    Args:
        what: what the messages are, for messages to users, such as `"the index of a checkpoint"`.
        fields: how many fields there may be in all.

    Example:
        >>> reader = ProtobufReader("an example")
        >>> list(reader.fields(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69])))
        [(1, 150), (2, b'hi')]
    """

    def __init__(self, what: str, fields: int = _FIELDS) -> None:
        self._what = what
        self._fields_left = fields

    def fields(self, message: bytes) -> Iterator[tuple[int, int | bytes]]:
        """Yields the number and the value of each field: an unsigned integer, or bytes.

        Raises:
            UnreadableFileError: the message is damaged.
            UnsafeFileError: the file has too many fields.
        """
        place, end = 0, len(message)
        while place < end:
            self._count()
            tag, place = read_varint(message, place, self._what)
            number, wire_type = tag >> 3, tag & 7
            if wire_type == 0:
                value, place = read_varint(message, place, self._what)
                yield number, value
                continue
            if wire_type == 2:
                size, place = read_varint(message, place, self._what)
            else:
                size = _FIXED_SIZES.get(wire_type, -1)
            if number == 0 or not 0 <= size <= end - place:
                raise damaged(self._what)
            data = message[place : place + size]
            place += size
            yield number, data if wire_type == 2 else int.from_bytes(data, "little")

    def _count(self) -> None:
        self._fields_left -= 1
        if self._fields_left < 0:
            raise UnsafeFileError(
                f"{self._what} has more entries than any known model: it is not read, for that "
                "could take for ever."
            )


def read_varint(data: bytes, place: int, what: str) -> tuple[int, int]:
    """Returns an unsigned integer of 1 to 10 bytes, and the place behind it.

    Raises:
        UnreadableFileError: the data end within the number, or it has more than 64 bits.

    Example:
        >>> read_varint(bytes([0x96, 0x01]), 0, "an example")
        (150, 2)
    """
    number = 0
    for shift in range(0, _VARINT_BITS + 1, 7):
        if not 0 <= place < len(data):
            break
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if number >= 2**64:
                break
            return number, place
    raise damaged(what)


def signed(number: int) -> int:
    """Returns an integer of 64 bits with its sign.

    Example:
        >>> signed(2**64 - 1), signed(5)
        (-1, 5)
    """
    return number - 2**64 if number >= 2**63 else number


def damaged(what: str) -> UnreadableFileError:
    """Returns the error of data that nobody writes so."""
    return UnreadableFileError(
        f"{what} is damaged or not of the kind that its name says: copy the file again from where "
        "it was made."
    )


def utf8(value: int | bytes, what: str) -> str:
    """Returns the text of a field. Raises UnreadableFileError if it holds none.

    Example:
        >>> utf8(b"conv", "the graph")
        'conv'
    """
    if isinstance(value, int):
        raise damaged(what)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise damaged(what) from None
