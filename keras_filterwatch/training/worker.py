"""Work that training does not wait for."""

import os
from collections.abc import Callable
from threading import Thread, current_thread
from weakref import WeakSet

_ALL: "WeakSet[Background]" = WeakSet()


class Background:
    """Does one task at a time, in a thread of its own, while its owner goes on.

    What was begun is finished, even when the program comes to its end before.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: BaseException | None = None
        _ALL.add(self)

    def start(self, task: Callable[[], None]) -> None:
        """Begins a task, after the one before has ended; raises what that one raised."""
        self.wait()
        self._thread = Thread(target=self._do, args=(task,), name="FilterWatch", daemon=False)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads: then its owner waits
            self._thread = None
            task()

    def wait(self) -> None:
        """Returns when no task is under way; raises what it raised. From within it, at once."""
        self.rest()
        thread = self._thread
        if thread is not None and thread is current_thread():
            return
        error, self._error = self._error, None
        if error:
            raise error

    def rest(self) -> None:
        """Returns when no task is under way, whatever became of it. From within it, at once."""
        thread = self._thread
        # one that an interrupt kept from starting is not alive
        if thread is not None and thread is not current_thread() and thread.is_alive():
            thread.join()

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            self._error = error
        finally:
            self._thread = None  # by nobody else: others may wait while the next one begins


def _rest_all() -> None:
    for background in list(_ALL):
        background.rest()


if hasattr(os, "register_at_fork"):
    # a fork in mid-product stops the threads of NumPy's BLAS, and the product would never end
    os.register_at_fork(before=_rest_all)
