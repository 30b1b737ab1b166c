"""Work on files in processes of their own: a file that crashes one of them costs that file only.

A process gets requests and sends replies as lines of JSON, so that nothing in a file that takes
over the process can make the command run anything. `reader.py` is the other side.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

# what the interpreter of a process runs: `-P` and this list of folders, so that a module that lies
# beside a file is not imported
_CODE = (
    "import sys; task, timeout, *sys.path = sys.argv[1:]; "
    "from keras_filterwatch.cli.reader import serve; serve(task, float(timeout))"
)
# scoring has threads of its own, which those of NumPy's libraries slow down to half the speed
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
_LONGEST_REPLY = 2**28  # bytes; a million layers take less
_DYING = 5.0  # seconds
_ENDING = ("died", "timeout", "process")  # errors behind which a process cannot go on
_POLL = 0.5  # seconds after which Windows notices Ctrl-C

Reply = dict[str, Any]


class Processes:
    """A few processes that work on requests, one at a time each.

    They start as soon as this is made, and end with the `with` block.

    Args:
        task: the name of the module whose function `reply(request)` returns the reply.
        requests: for each file, a dict that JSON can hold; `"path"` is the file's.
        jobs: how many processes there are at most.
        timeout: seconds that a request may take.
        debug: whether what the processes print on stderr is shown.
    """

    def __init__(
        self,
        task: str,
        requests: Sequence[Mapping[str, Any]],
        jobs: int,
        timeout: float,
        debug: bool = False,
    ) -> None:
        self._task = task
        self._requests = requests
        self._timeout = timeout
        # where damaged memory makes C libraries complain
        self._stderr = None if debug else subprocess.DEVNULL
        self._jobs = max(1, min(jobs, len(requests)))
        self._next = iter(range(len(requests)))
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_over = False
        self._replies: SimpleQueue[tuple[int, Reply]] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, daemon=True) for _ in range(self._jobs)
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        """Ends all processes, whatever they are doing."""
        with self._lock:
            self._is_over = True
            for process in self._running:
                process.kill()
        for thread in self._threads:
            thread.join()

    def replies(self) -> Iterator[Reply]:
        """Yields a reply for each request, in their order, as soon as it is there.

        It has `"result"`, what the task returned, or `"error"`, a dict with `"kind"` and
        `"message"`; and `"warnings"`, a list of texts.
        """
        waiting: dict[int, Reply] = {}
        for number in range(len(self._requests)):
            while number not in waiting:
                try:
                    other, reply = self._replies.get(timeout=_POLL)
                except Empty:
                    continue
                waiting[other] = reply
            yield waiting.pop(number)

    def _work(self) -> None:
        """Sends requests to one process, or to the next one if it has ended, until none is left."""
        process = None
        while True:
            with self._lock:
                number = next(self._next, None)
            if number is None or self._is_over:
                break
            is_fresh = process is None
            process, reply = self._replied(process, self._requests[number])
            if not is_fresh and reply.get("error", {}).get("kind") == "died":
                # what a file before it did to the memory may have been the cause
                process, reply = self._replied(None, self._requests[number])
            self._replies.put((number, reply))
        if process is not None:
            self._end(process)

    def _replied(
        self, process: "subprocess.Popen[bytes] | None", request: Mapping[str, Any]
    ) -> "tuple[subprocess.Popen[bytes] | None, Reply]":
        """Returns the process for the next request, None if it has ended, and the reply.

        Args:
            process: the one to ask; None to start one.
            request: what it is asked.
        """
        try:
            if process is None:
                process = self._start()
            reply = self._reply(process, request)
        except Exception as error:  # no process can be started, or it replies no JSON
            reply = _error("process", f"the process to read it failed: {error}")
        has_failed = reply.get("error", {}).get("kind") in _ENDING
        if process is not None and (has_failed or process.poll() is not None):
            self._end(process)
            process = None
        return process, reply

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CODE, self._task, str(self._timeout), *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env={**dict.fromkeys(_THREADS, "1"), **os.environ},
            )
            self._running.add(process)
            if self._is_over:
                process.kill()
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Ends a process that has nothing to do."""
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # a request that could not be sent is still in its buffer
                    stream.close()
        with self._lock:
            self._running.discard(process)

    def _reply(self, process: "subprocess.Popen[bytes]", request: Mapping[str, Any]) -> Reply:
        """Returns the reply of a process, or why there is none; it has ended then."""
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None
        is_late = threading.Event()

        def stop() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(self._timeout, stop)
        timer.daemon = True
        timer.start()
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            line = stdout.readline(_LONGEST_REPLY)
        except OSError:  # it died before it read the request
            line = b""
        finally:
            timer.cancel()
        if line.endswith(b"\n") and not is_late.is_set():
            reply: Reply = json.loads(line)
            return reply
        try:
            status = process.wait(_DYING)  # its pipe is closed before it has ended
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if is_late.is_set() or _is_alarm(status):
            return _error(
                "timeout",
                f"reading it took longer than {self._timeout:g} s; --timeout allows more",
            )
        return _error("died", f"the process that read it died ({_cause_of_death(status)})")


def _error(kind: str, message: str) -> Reply:
    return {"error": {"kind": kind, "message": message}, "warnings": []}


def _is_alarm(status: int) -> bool:
    return hasattr(signal, "SIGALRM") and status == -signal.SIGALRM


def _cause_of_death(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
