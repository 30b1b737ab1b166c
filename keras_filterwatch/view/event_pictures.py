"""Pictures that were drawn while a training ran, found in the event files of its folder."""

import re
import struct
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras_filterwatch.draw.catalogue import PICTURES
from keras_filterwatch.storage import Folder
from keras_filterwatch.text import described, printable
from keras_filterwatch.writers.crc import record

# of these the page draws its own, from the record
DRAWN_BY_THE_PAGE = ("filters", "film_strip", "templates", "overview")
EVENT_PICTURES = tuple(name for name in PICTURES if name not in DRAWN_BY_THE_PAGE)

_TAG = re.compile(rf"({'|'.join(EVENT_PICTURES)})/(\d{{1,9}})_(.*)", re.DOTALL)
_CHUNK = 2**22  # bytes that are read at once
_MOST_BYTES = 2**28  # of one record; those of TensorBoard are far smaller
_HEAD, _CHECKSUM = 12, 4  # bytes around the data of a record
_REMOTE_PAUSE = 10.0  # seconds before files elsewhere are looked at again
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class PictureSteps:
    """The steps at which a picture of a layer was drawn.

    Attributes:
        name: such as `"favourites"`.
        layer: the place of its layer in the network.
        steps: in ascending order.
    """

    name: str
    layer: int
    steps: list[int]


class _Place(NamedTuple):
    """Where the record with a picture lies."""

    file: str
    start: int
    stop: int


class EventPictures:
    """The pictures in the event files of one folder; nothing is read before `update`.

    Without tensorboard, which knows the form of the files, there are none.

    Args:
        folder: of a run.

    Attributes:
        problems: which event files could be read in part only, in sentences.
        count: grows whenever there is something new.

    Example:
        >>> from keras_filterwatch.storage import folder_of
        >>> pictures = EventPictures(folder_of("logs/nothing"))
        >>> pictures.update()
        >>> pictures.available(["conv"], [0, 1])
        []
    """

    def __init__(self, folder: Folder) -> None:
        self.problems: list[str] = []
        self.count = 0
        self._folder = folder
        self._places: dict[str, dict[int, _Place]] = {}  # tag -> step -> place
        self._ends: dict[str, int] = {}  # file -> up to where it was read
        self._damaged: set[str] = set()
        self._last_look = -float("inf")

    def update(self, seconds: float | None = None) -> None:
        """Reads what was appended since the last time.

        Args:
            seconds: about how long it may take; the next call goes on. None to read all.
        """
        event_type = _event_type()
        now = time.monotonic()
        is_too_early = not self._folder.is_local and now < self._last_look + _REMOTE_PAUSE
        if event_type is None or is_too_early:
            return
        self._last_look = now
        end = float("inf") if seconds is None else now + seconds
        try:
            names = [name for name in self._folder.names() if "tfevents" in name]
        except OSError:  # the folder is gone, and the record with it
            return
        if not self._ends.keys() <= {*names}:
            self._places, self._ends, self._damaged, self.problems = {}, {}, set(), []
            self.count += 1
        for name in names:
            if name not in self._damaged and not self._read(name, event_type, end):
                return

    def available(self, layers: Sequence[str], steps: Collection[int]) -> list[PictureSteps]:
        """Returns which pictures there are of these layers at these steps, in network order."""
        known = frozenset(steps)
        entries = []
        for tag, places in self._places.items():
            match = _TAG.fullmatch(tag)
            if match and _is_of(match, layers):
                at = sorted(known & places.keys())
                entries.append(PictureSteps(match[1], int(match[2]), at))
        order = {name: place for place, name in enumerate(EVENT_PICTURES)}
        entries.sort(key=lambda entry: (entry.layer, order[entry.name]))
        return [entry for entry in entries if entry.steps]

    def png(self, name: str, layers: Sequence[str], layer: int, step: int) -> bytes | None:
        """Returns a picture as PNG; None if it is not there or cannot be read."""
        for tag, places in self._places.items():
            match = _TAG.fullmatch(tag)
            if match and (match[1], int(match[2])) == (name, layer) and _is_of(match, layers):
                return self._png(places[step], tag) if step in places else None
        return None

    def _png(self, place: _Place, tag: str) -> bytes | None:
        event_type = _event_type()
        try:
            data = self._folder.read(place.file, place.start, place.stop)
        except OSError:
            return None
        body = data[_HEAD:-_CHECKSUM]
        if event_type is None or record(body) != data:
            return None
        values = event_type.FromString(body).summary.value
        strings: list[bytes] = []
        for value in values:
            if value.tag == tag:
                strings = [*value.tensor.string_val]
        png = strings[2] if len(strings) > 2 else b""  # behind width and height
        return png if png.startswith(_PNG) else None

    def _read(self, name: str, event_type: Any, end: float) -> bool:
        """Reads on in one file; returns False when the time is over."""
        try:
            for start, stop, body in self._records(name):
                self._add(event_type.FromString(body), _Place(name, start, stop))
                self._ends[name] = stop
                if time.monotonic() > end:
                    return False
        except OSError:  # looked at again the next time
            pass
        except Exception as error:  # protobuf's errors have no class in common
            self._damaged.add(name)
            self.count += 1
            self.problems.append(
                f"{name} cannot be read from byte {self._ends.get(name, 0)} on "
                f"({described(error)}): pictures that stand behind it are not shown."
            )
        return True

    def _records(self, name: str) -> Iterator[tuple[int, int, bytes]]:
        """Yields start, stop and data of each record that is whole, from where reading ended.

        Raises:
            OSError: the file cannot be read.
            ValueError: what follows is no record.
        """
        at, size = self._ends.get(name, 0), _CHUNK
        while True:
            data = self._folder.read(name, at, at + size)
            used, is_end, size = 0, len(data) < size, _CHUNK
            while used + _HEAD <= len(data):
                length = _length(data[used : used + _HEAD])
                stop = used + _HEAD + length + _CHECKSUM
                if stop > len(data):
                    size = max(_CHUNK, stop - used)
                    break
                yield at + used, at + stop, data[used + _HEAD : stop - _CHECKSUM]
                used = stop
            if is_end:  # what is left is being written now
                return
            at += used

    def _add(self, event: Any, place: _Place) -> None:
        if event.HasField("session_log") and event.step > 0:
            # a training goes on from here: what earlier files have at later steps does not count
            for places in self._places.values():
                for step in [step for step in places if step >= event.step]:
                    del places[step]
                    self.count += 1
        for value in event.summary.value:
            if _TAG.fullmatch(value.tag):
                self._places.setdefault(value.tag, {})[event.step] = place
                self.count += 1


def _is_of(match: re.Match[str], layers: Sequence[str]) -> bool:
    """Returns True if the layer that a tag names is the one that is at its place."""
    place = int(match[2])
    return place < len(layers) and printable(layers[place]) == match[3]


def _length(head: bytes) -> int:
    """Returns how long the data of a record are.

    Raises:
        ValueError: the bytes are no head of a record.
    """
    number, checksum = head[:8], head[8:]
    length = int(struct.unpack("<Q", number)[0])
    if record(number)[-_CHECKSUM:] != checksum or length > _MOST_BYTES:
        raise ValueError("the file is damaged")
    return length


def _event_type() -> Any:
    """Returns the class of TensorBoard's events; None if tensorboard is not installed."""
    try:
        from tensorboard.compat.proto import event_pb2
    except Exception:  # also if protobuf does not fit it
        return None
    return event_pb2.Event
