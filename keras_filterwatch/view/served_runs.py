"""What the tab of TensorBoard answers about runs: the list of them, and the documents of each."""

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_filterwatch.record.reader import numbered_files
from keras_filterwatch.run import Run
from keras_filterwatch.runs import open_run
from keras_filterwatch.storage import Folder
from keras_filterwatch.text import described, printable
from keras_filterwatch.view.documents import RunDocuments, as_json
from keras_filterwatch.view.run_list import Root, RunList

_MOST_OPEN = 6  # runs whose record is kept in memory
_SECONDS, _MORE_SECONDS = 0.35, 0.8  # that the first request reads in a large record, and others
_MOST_SECONDS = 5.0  # that a request waits for a record which has to be read first
_PAUSE = 0.005  # seconds between two parts of curves
_PICTURE_SECONDS = 0.1  # that a request may search in event files
_REMOTE_PAUSE = 3.0  # seconds before a record elsewhere is looked at again
_WAIT = 1.0  # seconds for the first search


@dataclass(frozen=True)
class Answer:
    """What a request gets: an HTTP status, and JSON."""

    status: int
    json: bytes


class ServedRuns:
    """All runs below some directories.

    Threads may ask at the same time; those that ask about one run wait for each other.

    Args:
        roots: the directories.

    Example:
        >>> served = ServedRuns([Root("logs/nothing")])
        >>> served.runs().json, served.document("run1", "run").status
        (b'[]', 404)
    """

    def __init__(self, roots: Sequence[Root]) -> None:
        self._list = RunList(roots)
        self._lock = threading.Lock()
        self._served: dict[str, ServedRun] = {}  # the one that was asked last comes last

    def look(self) -> None:
        """Begins to search for runs, in the background."""
        self._list.look()

    def has_runs(self, wait: float) -> bool:
        """Returns whether there is a run, as far as is known after `wait` seconds."""
        return bool(self._list.folders(wait))

    def runs(self) -> Answer:
        """Returns name and version of each run."""
        folders = self._list.folders(_WAIT)
        served = [self._serve(name, folder) for name, folder in folders.items()]
        return Answer(
            200,
            as_json([{"name": run.name, "version": run.version()} for run in served if run.exists]),
        )

    def document(self, name: str, key: str) -> Answer:
        """Returns a document of a run; `null` if the run has no such document."""
        self._list.look()
        folder = self._list.find(name, _WAIT)
        if folder is None:
            with self._lock:
                was_there = name in self._served
            what = "is not there any more" if was_there else "was not found"
            return _message(
                410 if was_there else 404,
                f"The run {printable(name)[:200]!r} {what}: its folder was removed or renamed, or "
                "the run is not below the directory that TensorBoard shows. Choose another run.",
            )
        run = self._serve(name, folder)
        answer = run.answer(key)
        if answer.status == 410:
            self._list.look(now=True)
        self._close_others(run)
        return answer

    def _serve(self, name: str, folder: Folder) -> "ServedRun":
        with self._lock:
            run = self._served.get(name)
            if run is None or run.folder != folder:
                run = self._served[name] = ServedRun(name, folder)
            return run

    def _close_others(self, last: "ServedRun") -> None:
        """Forgets the records of the runs that were not asked for lately."""
        with self._lock:
            self._served[last.name] = self._served.pop(last.name, last)
            is_open = [run for run in self._served.values() if run.is_open]
        for run in is_open[:-_MOST_OPEN]:
            run.close()


class ServedRun:
    """One run, whose record is opened when a document is asked for.

    Args:
        name: as TensorBoard calls it.
        folder: where it is recorded.
    """

    def __init__(self, name: str, folder: Folder) -> None:
        self.name = name
        self.folder = folder
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._documents: RunDocuments | None = None
        self._next_update = -float("inf")
        self._is_known = False  # whether somebody has the document `run` of what is in memory
        self._progress = ""  # of what is in memory, beside the files

    @property
    def exists(self) -> bool:
        """True unless the record was removed; of a folder elsewhere, the search tells."""
        if not self.folder.is_local:
            return True
        try:
            return bool(numbered_files(self.folder))
        except OSError:
            return False

    @property
    def is_open(self) -> bool:
        """True while the record is in memory."""
        return self._run is not None

    def close(self) -> None:
        """Forgets the record; the next request opens it again."""
        with self._lock:
            self._run = self._documents = None

    def version(self) -> str:
        """Returns what changes whenever the run has something new."""
        return _files(self.folder) + self._progress

    def answer(self, key: str) -> Answer:
        """Returns the document of a key as the record is now; an answer in words if that fails."""
        end = time.monotonic() + _MOST_SECONDS
        while True:
            with self._lock:
                answer, is_whole = self._answer(key)
            if is_whole or time.monotonic() > end:
                return answer
            time.sleep(_PAUSE)  # others who ask about the run come in between

    def _answer(self, key: str) -> tuple[Answer, bool]:
        """Returns an answer, and False if asking again gives curves with more steps."""
        name = repr(printable(self.name)[:200])
        if not self.exists:
            self._run = self._documents = None
            text = f"The run {name} is not there any more: its folder was removed or renamed."
            return _message(410, f"{text} Choose another run."), True
        try:
            document = self._document(key)
            is_part = document is not None and key.startswith("curves/") and document["read"] < 1
            return Answer(200, as_json(document)), not is_part
        except (OSError, ValueError) as error:
            self._run = self._documents = None
            text = f"The record of {name} cannot be read ({described(error)})."
            text = f"{text} Training is not affected; other runs can be shown."
            return _message(422, text), True

    def _document(self, key: str) -> Any:
        files = _files(self.folder)  # before it is read: what comes later changes the version again
        if self._run is None or self._documents is None:
            self._run = open_run(self.folder)
            self._documents = RunDocuments(self._run, self.folder)
            self._next_update, self._is_known = -float("inf"), False
        run, documents = self._run, self._documents
        if key == "run" or not self._is_known:
            self._read_on(run, key == "run")
            documents.pictures.update(_PICTURE_SECONDS)
        self._progress = _progress(run, documents, self.folder.is_local)
        document = documents.document(key)
        if key == "run" and document:
            self._is_known = True
            return {**document, "name": self.name, "version": files + self._progress}
        if document is None and self._read_on(run, False):
            document = documents.document(key)  # of a step that has come since
        return document

    def _read_on(self, run: Run, asks_for_run: bool) -> bool:
        """Reads what was recorded since, and returns True if there is something new.

        Other documents than `run` are of what was read for it, so that they fit it. If nobody has
        asked for `run` yet, as after a restart of TensorBoard, they wait for all of the record.
        """
        start = time.monotonic()
        if not self.folder.is_local and start < self._next_update:
            return False
        self._next_update = start + _REMOTE_PAUSE
        is_new = run.update(seconds=_MORE_SECONDS if self._is_known else _SECONDS)
        while not (asks_for_run or self._is_known):
            if run.share_read == 1 or time.monotonic() > start + _MOST_SECONDS:
                break
            is_new |= run.update(seconds=_SECONDS)
        return is_new


def _message(status: int, text: str) -> Answer:
    return Answer(status, as_json({"message": text}))


def _files(folder: Folder) -> str:
    """Returns what changes whenever the files of a local record do."""
    if not folder.is_local:
        return ""
    try:
        stats = [(name, (folder.path / name).stat()) for _, name in numbered_files(folder)]
    except OSError:
        return "removed"
    text = repr([(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _progress(run: Run, documents: RunDocuments, is_local: bool) -> str:
    """Returns what changes as more is read, or as a record elsewhere grows."""
    numbers = [
        "" if is_local else run.version,
        str(documents.pictures.count or ""),
        f"{run.share_read:.4f}" if run.share_read < 1 else "",
    ]
    return "".join(f"-{number}" for number in numbers if number)
