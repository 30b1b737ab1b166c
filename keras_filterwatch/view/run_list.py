"""Which runs are below the `--logdir` of TensorBoard, and what TensorBoard calls them."""

import itertools
import logging
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from keras_filterwatch.record.reader import numbered_files
from keras_filterwatch.run_folders import RUN_FOLDER
from keras_filterwatch.storage import Folder, folder_of

MOST_FOLDERS = 20_000  # that a search looks into
MOST_FOLDERS_ELSEWHERE = 300  # of a bucket: each is a request
_MOST_LEVELS = 24
_PAUSE, _PAUSE_ELSEWHERE = 2.0, 30.0  # seconds between two searches
_PAUSE_BY_TIME = 20  # a search that takes long comes more rarely: that many times as long
_LONGEST_PAUSE = 300.0
_URL = re.compile(r"[a-zA-Z][0-9a-zA-Z.]*://")
_NEVER_RUNS = {"node_modules", "__pycache__", "site-packages"}


@dataclass(frozen=True)
class Root:
    """A directory that TensorBoard shows.

    Attributes:
        place: its path or URL.
        name: what `--logdir_spec` calls it; `""` for none.
    """

    place: str
    name: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """True for a URL, such as that of a bucket."""
        return bool(_URL.match(self.place)) and not self.place.startswith("file://")


def roots_of(logdir: str, logdir_spec: str = "") -> list[Root]:
    """Returns the directories of `--logdir`, or of `--logdir_spec`, as TensorBoard reads them.

    Example:
        >>> roots_of("", "a:/logs/x,/logs/y,s3://bucket/z")  # doctest: +NORMALIZE_WHITESPACE
        [Root(place='/logs/x', name='a'), Root(place='/logs/y', name=''),
         Root(place='s3://bucket/z', name='')]
    """
    if logdir:
        return [Root(logdir)]
    roots = []
    for part in filter(None, logdir_spec.split(",")):
        # a drive of Windows is no name, nor is what stands before the colon of a URL
        has_name = ":" in part and not (_URL.match(part) or part[0] == "/" or _drive(part))
        name, _, place = part.partition(":") if has_name else ("", "", part)
        roots.append(Root(place, name))
    return roots


def _drive(path: str) -> str:
    return os.path.splitdrive(path)[0]


class RunList:
    """The runs below some directories, which a thread looks for now and then.

    Args:
        roots: where to look.

    Example:
        >>> runs = RunList([Root("logs/nothing")])
        >>> runs.folders(wait=5)
        {}
    """

    def __init__(self, roots: Sequence[Root]) -> None:
        self._roots = roots
        self._lock = threading.Lock()
        self._folders: dict[str, Folder] = {}
        self._knows_something = threading.Event()  # a run was found, or the first search is over
        self._is_over = threading.Event()  # while no search is under way
        self._is_over.set()
        self._last_search = self._next_search = -float("inf")

    def folders(self, wait: float = 0.0) -> dict[str, Folder]:
        """Returns name -> folder of each run that is known, by name; begins a search if one is due.

        Args:
            wait: how many seconds to wait for the first run, or for the end of the first search.
        """
        self.look()
        self._knows_something.wait(wait)
        with self._lock:
            return dict(sorted(self._folders.items(), key=lambda item: _natural_order(item[0])))

    def find(self, name: str, wait: float) -> Folder | None:
        """Returns the folder of a run, for which it searches if the run is not known.

        Args:
            name: of the run.
            wait: how many seconds to wait for the end of the search.
        """
        for _ in range(2):
            with self._lock:
                if name in self._folders:
                    return self._folders[name]
            self.look(now=True)
            self._is_over.wait(wait)
        with self._lock:
            return self._folders.get(name)

    def look(self, now: bool = False) -> None:
        """Begins a search in a thread of its own, unless one is under way, or none is due.

        Args:
            now: True to search although none is due, if the last one was a second ago.
        """
        with self._lock:
            due = min(self._next_search, self._last_search + 1) if now else self._next_search
            if not self._is_over.is_set() or time.monotonic() < due or not self._roots:
                return
            self._is_over.clear()
        threading.Thread(target=self._search, name="FilterWatch runs", daemon=True).start()

    def _search(self) -> None:
        start, found = time.monotonic(), dict[str, Folder]()
        try:
            for root in self._roots:
                for name, folder in runs_below(root):
                    # of two directories that TensorBoard cannot tell apart, both are shown
                    name = name if name not in found else f"{name} ({folder.location})"
                    found[name] = folder
                    with self._lock:
                        self._folders[name] = folder
                    self._knows_something.set()
        finally:
            taken = time.monotonic() - start
            shortest = _PAUSE_ELSEWHERE if any(r.is_elsewhere for r in self._roots) else _PAUSE
            pause = min(max(shortest, _PAUSE_BY_TIME * taken), _LONGEST_PAUSE)
            with self._lock:
                self._folders = found
                self._last_search = time.monotonic()
                self._next_search = self._last_search + pause
            self._is_over.set()
            self._knows_something.set()


def runs_below(root: Root) -> Iterator[tuple[str, Folder]]:
    """Yields name and folder of each run in a directory or below, the uppermost first.

    Names are those of TensorBoard: the path from the directory to the folder of the run, `"."` if
    it is the directory itself. Hidden folders are left out, a folder that several links lead to is
    one, and a search ends after 20,000 folders.

    Example:
        >>> import tempfile
        >>> logs = folder_of(tempfile.mkdtemp())
        >>> logs.child("a").child("filterwatch").write("record-0001.fwr", b"")
        >>> [name for name, _ in runs_below(Root(logs.location))]
        ['a/filterwatch']
    """
    found = _below_elsewhere(root) if root.is_elsewhere else _below_here(root)
    for raw_path, folder in found:
        path = os.fsencode(raw_path).decode("utf-8", "replace")  # which a URL can hold
        yield (os.path.join(root.name, path) if root.name else path), folder  # noqa: PTH118


def _below_here(root: Root) -> Iterator[tuple[str, Folder]]:
    top = folder_of(Path(root.place).expanduser() if "://" not in root.place else root.place)
    waiting, links = deque([(top.path, 0)]), deque[tuple[Path, int]]()
    known: set[tuple[int, int]] = set()
    while waiting or links:
        # links last, so that a folder has its own name if it is below the directory anyway
        path, level = waiting.popleft() if waiting else links.popleft()
        try:
            identity = path.stat()
            if (identity.st_dev, identity.st_ino) in known:
                continue
            if len(known) >= MOST_FOLDERS:
                _tell_of_limit(top.location, MOST_FOLDERS)
                return
            known.add((identity.st_dev, identity.st_ino))
            with os.scandir(path) as entries:
                folders = sorted(
                    (entry.name, entry.is_symlink()) for entry in entries if _may_have_runs(entry)
                )
            folder = folder_of(path)
            if numbered_files(folder):
                yield os.path.relpath(path, top.path), folder
        except (OSError, ValueError):  # no permission, removed meanwhile, or a name that is none
            continue
        if level < _MOST_LEVELS:
            for name, is_link in folders:
                if name.startswith(RUN_FOLDER):  # before folders that may be many
                    waiting.appendleft((path / name, level + 1))
                else:
                    (links if is_link else waiting).append((path / name, level + 1))


def _may_have_runs(entry: "os.DirEntry[str]") -> bool:
    if entry.name.startswith(".") or entry.name in _NEVER_RUNS:
        return False
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _below_elsewhere(root: Root) -> Iterator[tuple[str, Folder]]:
    try:
        import fsspec

        store, place = fsspec.core.url_to_fs(root.place)
        top = folder_of(root.place)
    except Exception:  # a package is missing: TensorBoard says so itself
        return
    waiting: deque[tuple[str, ...]] = deque([()])
    for count in itertools.count():
        if not waiting:
            return
        if count >= MOST_FOLDERS_ELSEWHERE:
            _tell_of_limit(top.location, MOST_FOLDERS_ELSEWHERE)
            return
        parts = waiting.popleft()
        try:
            store.invalidate_cache()  # others write there too
            entries = store.ls("/".join([place.rstrip("/"), *parts]), detail=True)
        except Exception:  # the store is away, or may not be listed here
            continue
        names = [(entry["name"].rstrip("/").rsplit("/", 1)[-1], entry["type"]) for entry in entries]
        folder = top
        for part in parts:
            folder = folder.child(part)
        if any(name.endswith(".fwr") for name, _ in names) and numbered_files(folder):
            yield "/".join(parts) or ".", folder
        if len(parts) < _MOST_LEVELS:
            folders = sorted(name for name, kind in names if kind == "directory")
            waiting.extend((*parts, name) for name in folders if not name.startswith("."))


@cache
def _tell_of_limit(location: str, most: int) -> None:
    """Says once that a directory was searched in part."""
    logging.getLogger("tensorboard").warning(
        "keras_filterwatch: %s has more than %d folders. The tab Filters shows the runs in the "
        "uppermost ones only. If runs are missing, take a --logdir nearer to them.",
        location,
        most,
    )


def _natural_order(name: str) -> list[tuple[int, str]]:
    """Returns by what names are sorted, so that run2 comes before run10."""
    parts = re.findall(r"\d{1,18}|\D+|\d+", name)
    return [
        (int(part), "") if part.isdecimal() and len(part) < 19 else (-1, part) for part in parts
    ]
