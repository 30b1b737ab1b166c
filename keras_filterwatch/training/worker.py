"""Worker: one thread that does tasks in order while training goes on."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from weakref import WeakSet

FORK_WAIT = 5.0  # seconds that a fork waits for all workers together, at most

_WORKERS: "WeakSet[Worker]" = WeakSet()


class Worker:
    """Does tasks one after the other in a thread of its own.

    A task that was submitted is done, also when the program ends before. An error in a task goes
    to `on_error` and nowhere else.

    Args:
        on_error: a function of the exception that a task raised.

    Example:
        >>> results = []
        >>> worker = Worker(on_error=print)
        >>> worker.submit(lambda: results.append(1))
        >>> worker.close()
        >>> results
        [1]
    """

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._on_error = on_error
        self._forget()
        _WORKERS.add(self)

    def _forget(self) -> None:
        self._executor: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None
        self._submitter = self._thread = 0  # idents of threads

    def submit(self, task: Callable[[], None]) -> None:
        """Queues a task. Where no thread can be had, the task is done at once.

        Two threads may submit tasks; then each waits for its own before it submits another.
        """
        self._submitter = threading.get_ident()
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "FilterWatch")
        try:
            self._last = self._executor.submit(self._do, task)
        except RuntimeError:  # no more threads, or the interpreter is shutting down
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = self._last = None
            self._do(task)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until all tasks submitted so far are done.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Returns:
            False if time was up before.

        Raises:
            RuntimeError: a task waits for its own worker, which would never end.
        """
        if threading.get_ident() == self._thread:
            raise RuntimeError(
                "a metric, rule or writer of FilterWatch waits for FilterWatch to finish, which "
                "would never end. Use what it is given (the array, the history or the report)."
            )
        last = self._last
        return last is None or bool(wait([last], timeout).done)

    def finish(self) -> None:
        """Waits if the caller is the thread that submits tasks; others need not and must not.

        A task may itself wait for another thread, and both would wait for ever.
        """
        caller = threading.get_ident()
        if caller == self._submitter and caller != self._thread:
            self.wait()

    def close(self) -> None:
        """Waits until all tasks are done and ends the thread; another task starts another one."""
        self.wait()
        executor, self._executor = self._executor, None
        if executor:
            executor.shutdown()

    def _do(self, task: Callable[[], None]) -> None:
        outer, self._thread = self._thread, threading.get_ident()
        try:
            task()
        except BaseException as error:  # SystemExit of a user's metric must not end the thread
            self._on_error(error)
        finally:
            self._thread = outer


def _before_fork() -> None:
    # A fork in the middle of a matrix product stops the threads of NumPy's BLAS for ever.
    deadline = time.monotonic() + FORK_WAIT
    for worker in list(_WORKERS):
        if threading.get_ident() != worker._thread:
            worker.wait(max(0.0, deadline - time.monotonic()))


def _after_fork_in_child() -> None:
    for worker in list(_WORKERS):
        worker._forget()  # the child has no such thread


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
