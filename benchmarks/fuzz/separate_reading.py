"""A file that nobody trusts, read in a process of its own: what came of it.

`python -m benchmarks.fuzz.separate_reading` answers requests, lines of JSON, by such lines.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fuzz.formats import PLAIN

SECONDS, MEGABYTES = 10, 1024  # that reading a file may take: of the processor, of memory
_PATIENCE = 6  # a process that waits, or shares the processor, may take so many times as long
READ, UNSAFE, UNREADABLE = "read", "unsafe", "unreadable"
FINE = (READ, UNSAFE, UNREADABLE)

_FORBIDDEN = (  # audit events of Python: other programs, the network, changes of files
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"),
    *("subprocess.Popen", "pickle.find_class", "ctypes.dlopen"),
    *("socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request"),
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"),
    *("os.chown", "os.truncate", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree"),
    *("shutil.unpack_archive", "os.putenv", "os.chdir"),
)
_TIMERS = (signal.SIGALRM, signal.SIGPROF)
_FRAMEWORKS = ("keras", "tensorflow", "torch", "jax", "tf_keras")


class Reading(NamedTuple):
    """What came of reading a file.

    Attributes:
        outcome: `"read"`, `"unsafe"` or `"unreadable"`; or else what must not be: an exception's
            name, `"killed by signal 11"`, `"took more than 10 s"`, `"took 2000 MB"`,
            `"touched /etc/passwd"`.
        message: of the error, with its traceback if it must not be; what was read otherwise.
        seconds: how long the processor worked.
        megabytes: the most memory that the process had.
    """

    outcome: str
    message: str
    seconds: float
    megabytes: float


def read_separately(path: Path, read: Callable[[Path], Any]) -> Reading:
    """Returns what comes of reading a file, in a fork of this process.

    Args:
        path: the file, absolute; it and others in its folder may be opened, and no others.
        read: reads it; the text of what it returns is the message.
    """
    source, sink = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of NumPy's threads may be there: they do nothing
        child = os.fork()
    if not child:
        os.close(source)
        _answer(path, read, sink)
    os.close(sink)
    answer = _all_of(source, _PATIENCE * SECONDS + 2)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    message = ""
    if answer is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TIMERS):
        outcome = f"took more than {SECONDS} s"
    elif os.WIFSIGNALED(status):
        outcome = f"killed by signal {os.WTERMSIG(status)}"
    elif not answer:
        outcome = f"ended with {status} without an answer"
    else:
        outcome, message = json.loads(answer)
    if outcome in FINE and megabytes > MEGABYTES:
        outcome = f"took {megabytes:.0f} MB"
    return Reading(outcome, message, seconds, megabytes)


def _all_of(source: int, seconds: float) -> bytes | None:
    """Returns all that comes through a pipe, and closes it; None if its end does not come."""
    parts, end = [], time.monotonic() + seconds
    try:
        while select.select([source], [], [], max(0, end - time.monotonic()))[0]:
            parts.append(os.read(source, 2**16))
            if not parts[-1]:
                return b"".join(parts)
        return None
    finally:
        os.close(source)


def _answer(path: Path, read: Callable[[Path], Any], sink: int) -> None:
    """Reads a file in this process, sends what came of it, and ends the process."""
    outcome, message = "no answer", ""
    try:
        for timer in _TIMERS:
            signal.signal(timer, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.alarm(_PATIENCE * SECONDS)
        limit = _virtual_bytes() + MEGABYTES * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(path.parent)  # so that paths in the file lead from there
        touched = _watch_for_other_files(path)
        outcome, message = _outcome(path, read)
        if touched:
            outcome = f"touched {touched[0]}"
    except BaseException as error:
        outcome = f"{type(error).__name__} in the check itself"
    finally:
        os.write(sink, json.dumps([outcome, message[-8000:]]).encode())
        os._exit(0)


def _outcome(path: Path, read: Callable[[Path], Any]) -> tuple[str, str]:
    from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="FilterWatch: ")
        try:
            return READ, str(read(path))
        except UnsafeFileError as error:
            return UNSAFE, str(error)
        except (UnreadableFileError, OSError) as error:
            return UNREADABLE, str(error)
        except BaseException as error:
            import traceback

            lines = "".join(traceback.format_exception(error, limit=-12))
            return type(error).__name__, lines


def _virtual_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[0]
    return int(pages) * resource.getpagesize()


def _watch_for_other_files(path: Path) -> list[str]:
    """Returns a list that will tell what else than a file, its folder and Python is touched."""
    own = os.path.realpath(path.parent)
    project = str(Path(__file__).resolve().parents[2])
    allowed = (
        own,
        sys.prefix,
        sys.base_prefix,
        project,
        "/usr/lib",
        "/proc/",
        "/sys/",
        "/dev/null",
    )
    exactly = (os.path.realpath(path), os.path.realpath(tempfile.gettempdir()))  # unnamed files
    touched: list[str] = []

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "os.mkdir" and os.path.realpath(os.fsdecode(arguments[0])).startswith(own):
            return  # a folder for pictures beside the file
        if event in _FORBIDDEN:
            touched.append(f"{event}{arguments!r}"[:300])
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            name = os.path.realpath(os.fsdecode(arguments[0]))
            if name not in exactly and not name.startswith(allowed):
                touched.append(name)
        elif event == "import" and str(arguments[0]).partition(".")[0] in _FRAMEWORKS:
            touched.append(f"the module {arguments[0]}")

    sys.addaudithook(hook)
    return touched


def score(path: Path) -> str:
    """Returns the scores of a saved file as text, and what was skipped."""
    import keras_filterwatch as fw

    scores = fw.score(path)
    return f"{scores}\nskipped: {dict(scores.skipped)}"


def score_each(folder: Path) -> str:
    """Scores each file in a folder, or finds it refused.

    Raises:
        Exception: what must not be; its message begins with the file's name.
    """
    from keras_filterwatch.files.errors import UnreadableFileError

    for path in sorted(folder.iterdir()):
        try:
            score(path)
        except UnreadableFileError:
            pass
        except Exception as error:
            raise RuntimeError(f"{path.name}: {error!r}") from error
    return "each was scored or refused"


def warm_up(read: Callable[[Path], Any]) -> None:
    """Reads a sound file of each format, so that forks have what is imported for it."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix, write in PLAIN.items():
            path = Path(folder, f"plain{suffix}")
            write(path)
            with contextlib.suppress(Exception), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)


def main() -> None:
    """Answers each request on standard input, a function's name and a path, by a line of JSON."""
    warm_up(score)
    functions = {"score": score, "score_each": score_each}
    for line in sys.stdin:
        name, path = json.loads(line)
        print(json.dumps(read_separately(Path(path), functions[name])), flush=True)


if __name__ == "__main__":
    main()
