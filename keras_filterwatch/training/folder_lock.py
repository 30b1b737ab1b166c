"""FolderLock: says to other processes that this one writes to a folder, as long as it lives."""

import contextlib
import errno
import os
import sys
import time
import weakref
from pathlib import Path

_NAME = "lock"
_TRIES, _PAUSE = 5, 0.02  # since somebody who only asks holds the lock for a moment
_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # what the system says of a lock that is held
_LOCKS: "weakref.WeakSet[FolderLock]" = weakref.WeakSet()

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock, not lockf: lockf drops the lock when anything in this process reads the file, and
        # does not keep a second FolderLock of this process out. Forked children let go of it below.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock:
    """An advisory lock on a local folder: an empty file `lock` in it, locked by the system.

    The system drops the lock when the process dies, also by `kill -9`, even if children that it
    forked live on. The file stays. Where the file system has no locks, nothing is held and
    `acquire` returns True.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp())
        >>> first, second = FolderLock(path), FolderLock(path)
        >>> first.acquire(), second.acquire(), is_locked(path)
        (True, False, True)
        >>> first.release()
        >>> second.acquire()
        True
        >>> second.release()
    """

    def __init__(self, path: Path) -> None:
        self._path = path / _NAME
        self._descriptor: int | None = None
        _LOCKS.add(self)

    def acquire(self) -> bool:
        """Takes the lock, and makes the folder. Returns True if this object holds it now.

        False if another live process, or another FolderLock of this process, holds it. To be
        called again is harmless; it takes the lock anew if somebody removed the file.

        Raises:
            OSError: the file cannot be made, in a read-only folder for example.
        """
        if self._descriptor is not None and _is_file(self._descriptor, self._path):
            return True
        self.release()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        # the file may have been removed before it was locked
        if _try_lock(self._descriptor) and _is_file(self._descriptor, self._path):
            return True
        self.release()
        return False

    def release(self) -> None:
        """Gives the lock back, if this object holds it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        if os is not None and hasattr(self, "_descriptor"):  # as Python ends, there is no os
            self.release()


def is_locked(path: Path) -> bool:
    """Returns True if a FolderLock on the folder is held, in any live process; makes nothing.

    False too if the lock's file cannot be opened.
    """
    descriptor = None
    for flags in (os.O_RDWR, os.O_RDONLY):  # the latter locks nothing on some network drives
        with contextlib.suppress(OSError):
            descriptor = os.open(path / _NAME, flags)
            break
    if descriptor is None:
        return False
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def is_locked_elsewhere(path: Path) -> bool:
    """Returns True if another live process holds a FolderLock on the folder; makes nothing."""
    is_mine = any(
        lock._path == path / _NAME and lock._descriptor is not None for lock in list(_LOCKS)
    )
    return not is_mine and is_locked(path)


def _try_lock(descriptor: int) -> bool:
    """Returns False if somebody else holds the lock; True if not, or if there are no locks."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno not in _HELD:
                return True
        else:
            return True
    return False


def _is_file(descriptor: int, path: Path) -> bool:
    """Returns True if the path is still that of the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _release_in_child() -> None:
    """Closes what a forked child has inherited, so that it does not hold the locks on."""
    for lock in list(_LOCKS):
        with contextlib.suppress(OSError):
            lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
