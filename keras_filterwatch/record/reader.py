"""Reads the record of a run, at once or bit by bit, and later what was appended to it."""

import math
import time

from keras_filterwatch.record.files import (
    ReadFile,
    ReplacedError,
    Sign,
    name_what_is_left,
    numbered_files,
    sign_of,
)
from keras_filterwatch.record.frames import (
    DamagedRecordError,
    Frame,
    check_start,
    frames,
    length_of_frame,
    start_of_file,
)
from keras_filterwatch.record.parts import PartReader
from keras_filterwatch.record.recorded import Place, RecordedRun
from keras_filterwatch.storage import Folder

__all__ = ["RecordReader", "numbered_files", "read_record"]

_BLOCK = 2**24  # bytes that are read at once, where no part is longer
_OVERLAP = 16  # bytes before a position that tell whether a file was replaced
_LARGEST_PART = 2**28  # as it is packed; none is longer unpacked


def read_record(folder: Folder) -> RecordedRun:
    """Returns what can be read of the record in a folder.

    A part that is torn or damaged is left out, and `problems` names it. A record that is being
    written can be read: the step that is being appended is not yet there.

    Raises:
        FileNotFoundError: the folder has no record.
        DamagedRecordError: no step can be read.
    """
    reader = RecordReader(folder)
    reader.read_whole()
    return reader.run


class RecordReader:
    """Reads the record of a run, and keeps how far it has come.

    Each byte is read once, unless a file was replaced, shortened or removed: then all is read anew.

    Args:
        folder: where the run is recorded; nothing is read yet.

    Attributes:
        run: what was read so far.
        share_read: which share of the record that is, 0 to 1.
        version: changes whenever something new was read.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch.storage import folder_of
        >>> reader = RecordReader(folder_of(tempfile.mkdtemp()))
        >>> list(reader.run.steps), reader.read_more(), reader.share_read
        ([], True, 1.0)
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._changes = self._beginnings = 0
        self._start_anew()

    def _start_anew(self) -> None:
        self._beginnings += 1
        self.run = RecordedRun(self._folder)
        self.share_read = 0.0
        self._parts = PartReader(self.run)
        self._files: list[ReadFile] = []
        self._signs: dict[str, Sign] = {}

    @property
    def version(self) -> str:
        """A text that changes whenever something new was read."""
        last = self._files[-1] if self._files else ReadFile("")
        return f"{self.run.opened:.3f}-{len(self._files)}-{last.position}-{self._changes}"

    def read_whole(self) -> None:
        """Reads all that is there.

        Raises:
            FileNotFoundError: the folder has no record.
            DamagedRecordError: no step can be read.
        """
        if not numbered_files(self._folder):
            raise FileNotFoundError(f"{self._folder.location} has no record of FilterWatch.")
        self.read_more()
        if not self.run.steps and self.run.is_damaged:
            raise DamagedRecordError(
                f"the record in {self._folder.location} cannot be read: {self.run.problems[0]}"
            )

    def read_more(self, seconds: float | None = None) -> bool:
        """Goes on reading; returns True if there is something new.

        Args:
            seconds: how long to read, at least one part; None for up to the end.

        Raises:
            OSError: the files of the folder cannot be listed.
        """
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        names = [name for _, name in numbered_files(self._folder)]
        signs = self._signs_of(names)
        is_same = names == [file.name for file in self._files]
        if self.share_read == 1.0 and is_same and names and signs and signs == self._signs:
            return False
        before = self._state()
        if self._is_replaced(names, signs):
            self._start_anew()
        is_complete = self._read_files(names, deadline)
        self._finish(names, signs, is_complete)
        is_new = self._state() != before
        self._changes += is_new
        return is_new

    def _state(self) -> tuple[object, ...]:
        """Returns what differs if there is something new."""
        places = [(file.name, file.position, file.overlap) for file in self._files]
        return self._beginnings, places, self.run.file_problems, self.share_read == 1.0

    def _signs_of(self, names: list[str]) -> dict[str, Sign]:
        """Returns by what changes of local files are recognised; nothing elsewhere."""
        if not self._folder.is_local:
            return {}
        return {name: sign_of(self._folder.path / name) for name in names}

    def _is_replaced(self, names: list[str], signs: dict[str, Sign]) -> bool:
        """Returns True if a file that was read to its end was changed, or one was removed."""
        if names[: len(self._files)] != [file.name for file in self._files]:
            return True
        ended = [file.name for file in self._files[:-1]]
        ended += [file.name for file in self._files[-1:] if file.is_given_up]
        return any(signs.get(name) != self._signs.get(name) for name in ended)

    def _read_files(self, names: list[str], deadline: float) -> bool:
        """Reads on; returns True if the end of the last file is reached."""
        try:
            for place, name in enumerate(names):
                if place < len(self._files) - 1:
                    continue  # a later one was begun
                if place == len(self._files):
                    self._files.append(ReadFile(name))
                if not self._read_file(self._files[place], deadline):
                    return False
        except ReplacedError:
            self._start_anew()
            return self._read_files(names, deadline)
        return True

    def _read_file(self, file: ReadFile, deadline: float) -> bool:
        """Reads on in one file; returns True where its end is, or what cannot be read."""
        if file.is_given_up:
            return True
        file.problem, file.is_damaged = "", False
        try:
            return self._read_parts(file, deadline)
        except OSError as error:  # the next call tries again
            file.problem = f"{file.name} cannot be read: {error}."
        except DamagedRecordError as error:
            until = f"is read up to byte {file.position} only, since" if file.position else ""
            file.problem = f"{file.name} {until or 'cannot be read:'} {error}."
            file.is_given_up = True
        file.is_damaged = True
        return True

    def _read_parts(self, file: ReadFile, deadline: float) -> bool:
        """Adds parts of a file to the run; returns False if the time was over before its end."""
        while True:
            data = self._bytes_behind(file)
            is_end, is_start = len(data) < _BLOCK, not file.position
            if is_start:
                start = start_of_file()
                if len(data) < len(start) and start.startswith(data):
                    return True  # its process makes the file, or was killed as it made it
                check_start(data)
                file.position, file.overlap = len(start), data[: len(start)]
                data = data[len(start) :]
            base, stop = file.position, 0
            for part in frames(data, 0):
                place = Place(file.name, Frame(part.kind, base + part.start, base + part.stop))
                self._parts.add(place, memoryview(data)[part.start : part.stop], file.before)
                stop = part.stop
                file.position, file.kind = base + stop, part.kind
                file.overlap = data[stop - _OVERLAP : stop]
                if time.monotonic() >= deadline:
                    return False
            if is_end or not (stop or is_start):
                name_what_is_left(file, data[stop:])
                return True

    def _bytes_behind(self, file: ReadFile) -> bytes:
        """Returns bytes behind the position, of the next part all that there are.

        Raises:
            ReplacedError: what was read before is not in the file any more.
            OSError: the file cannot be read.
        """
        data = self._folder.read(
            file.name, file.position - len(file.overlap), file.position + _BLOCK
        )
        if not data.startswith(file.overlap):
            raise ReplacedError
        data = data[len(file.overlap) :]
        length = min(length_of_frame(data), _LARGEST_PART)
        if file.position and len(data) == _BLOCK < length:
            start = file.position + _BLOCK
            data += self._folder.read(file.name, start, start + length - _BLOCK)
        return data

    def _finish(self, names: list[str], signs: dict[str, Sign], is_complete: bool) -> None:
        """Sets what the run says about its files, and puts its steps in order."""
        run = self.run
        run.file_problems = [file.problem for file in self._files if file.problem]
        if not names and self._beginnings > 1:
            run.file_problems = [f"{self._folder.location} has no record any more."]
        run.is_damaged = any(file.is_damaged for file in self._files)
        steps = list(run.steps)
        if steps != sorted(steps):  # two fits at once may write in any order
            run.steps = dict(sorted(run.steps.items()))
        self._signs = signs
        read = self._files[-1].position if self._files else 0
        if is_complete:
            self.share_read = 1.0
        elif signs:
            read += sum(signs[file.name][1] for file in self._files[:-1])
            self.share_read = min(0.999, read / max(1, sum(sign[1] for sign in signs.values())))
        else:  # files elsewhere have about the same size each
            self.share_read = (len(self._files) - 0.5) / len(names)
