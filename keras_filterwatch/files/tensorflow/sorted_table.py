"""Tables of sorted keys with their values, as LevelDB and TensorFlow's checkpoints store them."""

from collections.abc import Iterator

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES
from keras_filterwatch.files.tensorflow.protobuf import damaged, read_varint
from keras_filterwatch.writers.crc import crc32c, masked

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")  # the last bytes of each table
_FOOTER = 48  # bytes: the places of two blocks, and the magic number
_BEHIND_BLOCK = 5  # bytes: how the block is compressed, and its checksum
_ENTRIES = 100_000  # variables of the largest known models, with those of optimizers, three times
_KEY_BYTES = 4096  # of one key; names of variables are shorter


def read_table(data: bytes, what: str) -> dict[bytes, bytes]:
    """Returns the values of a table by their keys.

    Args:
        data: the bytes of the whole file.
        what: what the table is, for messages to users.

    Raises:
        UnreadableFileError: it is damaged, or compressed.
        UnsafeFileError: it has too many entries, or keys that are too long.
    """
    if len(data) < _FOOTER or not data.endswith(MAGIC):
        raise damaged(what)
    footer = data[-_FOOTER:]
    place = 0
    for _ in range(2):  # the place of a block that nobody uses; and that of all other blocks
        offset, place = read_varint(footer, place, what)
        size, place = read_varint(footer, place, what)
    values: dict[bytes, bytes] = {}
    last_key, key_bytes = b"", 0
    for _, handle in _entries(_block(data, offset, size, what), what):
        offset, place = read_varint(handle, 0, what)
        size, _ = read_varint(handle, place, what)
        for key, value in _entries(_block(data, offset, size, what), what):
            if values and key <= last_key:  # also if two entries point to one block
                raise damaged(what)
            values[key] = value
            last_key = key
            key_bytes += len(key)
            if len(values) > _ENTRIES or key_bytes > CONFIG_BYTES:
                raise UnsafeFileError(
                    f"{what} has more entries than any known model: it is not read."
                )
    return values


def _block(data: bytes, offset: int, size: int, what: str) -> bytes:
    """Returns a block without what stands behind it.

    Raises:
        UnreadableFileError: it is outside the file, compressed, or its checksum is another one.
    """
    end = offset + size
    if end + _BEHIND_BLOCK > len(data) - _FOOTER:
        raise damaged(what)
    compression, checksum = data[end], data[end + 1 : end + _BEHIND_BLOCK]
    if compression:
        kind = "with Snappy" if compression == 1 else f"by a method with the number {compression}"
        raise UnreadableFileError(
            f"{what} is compressed {kind}, which TensorFlow itself does not do. Load the "
            "checkpoint where it was made, and save it again or score the dict of its arrays."
        )
    if masked(crc32c(data[offset : end + 1])) != int.from_bytes(checksum, "little"):
        raise damaged(what)
    return data[offset:end]


def _entries(block: bytes, what: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a block; a key may share its beginning with the last one."""
    if len(block) < 4:
        raise damaged(what)
    starts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * starts
    if end < 0:
        raise damaged(what)
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place, what)
        own, place = read_varint(block, place, what)
        size, place = read_varint(block, place, what)
        if shared > len(key) or own + size > end - place:
            raise damaged(what)
        if shared + own > _KEY_BYTES:
            raise UnsafeFileError(f"{what} has a name of {shared + own} bytes: it is not read.")
        key = key[:shared] + block[place : place + own]
        place += own + size
        yield key, block[place - size : place]
