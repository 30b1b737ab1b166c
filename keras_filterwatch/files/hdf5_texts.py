"""Where the texts of an attribute of an HDF5 file lie, before the library reads any of them.

A list of texts is stored as their lengths and places in heaps, and many may lead to the same long
text: a file of 4 MB expands to 16 GB when the list is read. And where a heap is damaged, some
versions of the library read on for ever. The library tells neither lengths nor places; they stand
in the header of the attribute's group.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

_ATTRIBUTE, _CONTINUATION = 0x0C, 0x10  # types of messages in a header
_HEAPS = {0x02: 8, 0x15: 2}  # those that lead to a heap of links, of attributes -> bytes of a count
_PACKED_BY = 7  # the place in a heap's head of the length of what tells how it is packed
_NOWHERE = 2**64 - 1
_TEXT = 16  # bytes: the length of a text, and the place of its letters
_PART = 16  # bytes: the head of a heap, and of each of its parts
_MOST_BYTES = 2**20  # of a header; that of a group with names takes 64 kB
_MOST_BLOCKS = 100
_TIMES = 8  # how much more of a header is looked through to find heaps

ReadBytes = Callable[[int, int], bytes]


class _Message(NamedTuple):
    kind: int
    data: bytes


class Text(NamedTuple):
    """Where a text lies: its length in bytes, and the address of its heap."""

    length: int
    heap: int


def texts_of_attribute(read: ReadBytes, address: int, name: str, count: int) -> list[Text] | None:
    """Returns the texts of an attribute that are not empty.

    Args:
        read: a function of an address in the file and a count of bytes, which returns these.
        address: where the header of the group begins.
        name: the attribute.
        count: how many texts it has.

    Returns:
        The texts; None if the header does not tell them, as of attributes that lie elsewhere.

    Example:
        >>> data = b"\\3\\0" + (5).to_bytes(2, "little") + bytes(5) + b"name\\0"
        >>> data += (3).to_bytes(4, "little") + (80).to_bytes(8, "little") + bytes(4)
        >>> message = b"\\x0c" + len(data).to_bytes(2, "little") + b"\\0" + data
        >>> header = b"OHDR\\2\\0" + bytes([len(message)]) + message
        >>> texts_of_attribute(lambda place, size: header[place : place + size], 0, "name", 1)
        [Text(length=3, heap=80)]
    """
    wanted = name.encode("utf-8", "surrogateescape")
    for kind, data in _messages(read, address):
        if kind == _ATTRIBUTE:
            stored = _values(data, wanted)
            if stored is not None and len(stored) >= count * _TEXT:
                places = range(0, count * _TEXT, _TEXT)
                texts = [Text(_number(stored, i, 4), _number(stored, i + 4, 8)) for i in places]
                return [text for text in texts if text.length]
    return None


def has_packed_heap(read: ReadBytes, address: int) -> bool:
    """Returns whether the links or the attributes of a group lie in a heap that filters pack.

    The library does not limit how far these expand, and no reader can ask it for them.

    Args:
        read: a function of an address in the file and a count of bytes, which returns these.
        address: where the header of the group begins.

    Raises:
        ValueError: the header is too long to be looked through.

    Example:
        >>> message = b"\\2\\x12\\0\\0" + bytes(2) + (64).to_bytes(8, "little") + b"\\xff" * 8
        >>> header = (b"OHDR\\2\\0" + bytes([len(message)]) + message).ljust(64, b"\\0")
        >>> file = header + b"FRHP\\0\\7\\0\\10\\0"
        >>> has_packed_heap(lambda place, size: file[place : place + size], 0)
        True
    """
    for kind, data in _messages(read, address, _TIMES):
        if kind in _HEAPS:
            heap = _number(data, 2 + _HEAPS[kind] * (_number(data, 1, 1) & 1), 8)
            if heap != _NOWHERE and _number(read(heap, _PACKED_BY + 2), _PACKED_BY, 2):
                return True
    return False


def is_sound_heap(read: ReadBytes, address: int) -> bool:
    """Returns whether the parts of a heap of texts lie one behind the other, and end with it.

    Example:
        >>> heap = b"GCOL\\1\\0\\0\\0" + (64).to_bytes(8, "little")
        >>> heap += (1).to_bytes(8, "little") + (3).to_bytes(8, "little") + b"abc".ljust(8)
        >>> heap += (0).to_bytes(8, "little") + (24).to_bytes(8, "little") + bytes(8)
        >>> is_sound_heap(lambda place, size: heap[place : place + size], 0)
        True
    """
    head = read(address, _PART)
    size = _number(head, 8, 8)
    if head[:4] != b"GCOL":
        return False
    place = _PART
    while place + _PART <= size:
        part = read(address + place, _PART)
        if len(part) < _PART:
            return False
        length = _number(part, 8, 8)
        # what is free has the number 0, and its length counts all of it
        used = _PART + -(-length // 8) * 8 if _number(part, 0, 2) else length
        if used < _PART or place + used > size:
            return False
        place += used
    return True


def _messages(read: ReadBytes, address: int, times: int = 0) -> Iterator[_Message]:
    """Yields the messages of an object's header, of either version.

    Raises:
        ValueError: it has more than `times` as much as usual; 0 for none, which yields a part.
    """
    begin = read(address, 32)
    is_new = begin.startswith(b"OHDR")
    if is_new:
        flags = begin[5] if len(begin) > 5 else 0
        place = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)  # times, limits of attributes
        width = 1 << (flags & 3)
        blocks = [(address + place + width, _number(begin, place, width))]
        head = 4 + 2 * bool(flags & 4)
    else:
        blocks, head = [(address + 16, _number(begin, 8, 4))], 8
    left = _MOST_BYTES * max(1, times)
    for i in range(_MOST_BLOCKS * max(1, times)):
        if i == len(blocks):
            return
        offset, size = blocks[i]
        left -= size
        if left < 0:
            break
        block = read(offset, size)
        if i and is_new:
            block = block[4:-4]  # between a signature and a checksum
        place = 0
        while place + head <= len(block):
            size_place = place + (1 if is_new else 2)
            end = place + head + _number(block, size_place, 2)
            kind, data = _number(block, place, size_place - place), block[place + head : end]
            if kind == _CONTINUATION:
                blocks.append((_number(data, 0, 8), _number(data, 8, 8)))
            yield _Message(kind, data)
            place = end
    if times:
        raise ValueError("its header is too long")


def _values(message: bytes, name: bytes) -> bytes | None:
    """Returns what an attribute's message holds behind its head; None if it is of another name."""
    version = _number(message, 0, 1)
    sizes = [_number(message, place, 2) for place in (2, 4, 6)]  # of name, type and shape
    begin = 9 if version == 3 else 8
    if message[begin : begin + sizes[0]].rstrip(b"\0") != name:
        return None
    if version == 1:
        sizes = [-(-size // 8) * 8 for size in sizes]
    return message[begin + sum(sizes) :]


def _number(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "little")
