"""How many bytes LZF expands to, found without expanding them.

The library tries again with more memory until it fits, which a damaged file makes very slow.
"""

_LITERAL, _LONG = 32, 7  # values of the first byte, and of its upper three bits


def lzf_length(data: bytes) -> int:
    """Returns how many bytes some packed by LZF expand to; up to where they make sense.

    A byte below 32 stands before as many literal bytes and one more; others begin a copy of bytes
    that were there before, whose length is in the upper three bits, and a further byte if all are
    set.

    Example:
        >>> lzf_length(bytes([2, 65, 66, 67])), lzf_length(bytes([0, 65, 0xE0, 255, 0]))
        (3, 265)
    """
    length = place = 0
    while place < len(data):
        first = data[place]
        if first < _LITERAL:
            length += first + 1
            place += first + 2
            continue
        copied = first >> 5
        if copied == _LONG:
            copied += data[place + 1] if place + 1 < len(data) else 0
            place += 1
        length += copied + 2
        place += 2
    return length
