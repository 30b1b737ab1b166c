"""What a process does that works on files for the command: it replies to one request at a time.

`processes.py` starts it and is the other side.
"""

import json
import os
import signal
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

_FREE_MEMORY = 2**30  # bytes that a file of any size may take
_TIMES_ITS_SIZE = 16  # what a file may take beside, as a multiple of its size
_LATER = 10  # seconds after which a process ends that the command, killed itself, did not end


def serve(task: str, timeout: float) -> None:
    """Reads requests from stdin, a line of JSON each, and writes replies to stdout.

    Args:
        task: the module whose function `reply` replies, as `Processes` takes it.
        timeout: seconds that a request may take.
    """
    # Ctrl-C reaches all processes of a terminal; the command ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not stand among the replies
    _write_no_core_dump()
    reply = None
    for line in sys.stdin.buffer:
        if hasattr(signal, "alarm"):
            signal.alarm(int(timeout) + _LATER)
        try:
            if reply is None:
                reply = import_module(task).reply
            answer = json.dumps(_answer(reply, json.loads(line)), allow_nan=False)
        except Exception as error:
            answer = json.dumps({"error": _unexpected(error), "warnings": []})
        replies.write(answer.encode() + b"\n")
        replies.flush()
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _answer(reply: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Returns the reply to a request, as `Processes.replies` yields it."""
    from keras_filterwatch.cli.errors import TaskError
    from keras_filterwatch.cli.user_warnings import show_user_warnings
    from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError

    with warnings.catch_warnings(record=True) as caught:
        show_user_warnings()
        answer: dict[str, Any]
        try:
            _limit_memory(request)
            answer = {"result": reply(request)}
        except UnsafeFileError as error:
            answer = _error("unsafe", str(error))
        except UnreadableFileError as error:
            answer = _error("unreadable", str(error))
        except TaskError as error:
            answer = _error(error.kind, str(error))
        except OSError as error:
            kind = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
            answer = _error(kind, error.strerror or str(error))
        except MemoryError:
            allowed = _allowed_memory(request) / 2**30
            answer = _error(
                "memory",
                f"reading it takes more memory than a file of its size may take ({allowed:.1f} "
                "GiB), or than there is",
            )
        except Exception as error:
            answer = {"error": _unexpected(error)}
    return {**answer, "warnings": list(dict.fromkeys(str(each.message) for each in caught))}


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message}}


def _unexpected(error: Exception) -> dict[str, Any]:
    """Returns an error that no file should lead to, with the place in the program."""
    import traceback

    from keras_filterwatch.text import described

    message = f"unexpected error: {described(error)}. Please report it with what `--debug` prints"
    return {
        "kind": "unexpected",
        "message": message,
        "traceback": "".join(traceback.format_exception(error)),
    }


def _write_no_core_dump() -> None:
    try:
        import resource
    except ImportError:  # on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _allowed_memory(request: dict[str, Any]) -> int:
    """Returns how many bytes the work on a request may take."""
    return _FREE_MEMORY + _TIMES_ITS_SIZE * sum(map(_stored_size, request.get("paths", ())))


def _stored_size(path: str) -> int:
    """Returns the size of a file; of a folder, and of a file that is one of several, that of all.

    A path that is no file is the beginning of the names of a checkpoint's files.
    """
    place = Path(path)
    if place.is_dir():
        return sum(map(_size, place.rglob("*")))
    if place.suffix == ".json" or not place.exists():
        return sum(map(_size, place.parent.glob("*")))
    return _size(place)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link to nothing
        return 0


def _limit_memory(request: dict[str, Any]) -> None:
    """Limits what this process may take beside what it has, where Linux tells that."""
    try:
        import resource

        pages = [int(number) for number in Path("/proc/self/statm").read_text().split()]
    except (ImportError, OSError):
        return
    size = resource.getpagesize()
    for limit, now in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        highest = resource.getrlimit(limit)[1]
        allowed = now * size + _allowed_memory(request)
        if highest == resource.RLIM_INFINITY or allowed < highest:
            resource.setrlimit(limit, (allowed, highest))
