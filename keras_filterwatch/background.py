"""Work that training does not wait for."""

from collections.abc import Callable
from threading import Thread, current_thread


class Background:
    """Does one task at a time, in a thread of its own, while its owner goes on.

    What was begun is finished, even when the program comes to its end before.
    """

    def __init__(self) -> None:
        self._thread: Thread | None = None
        self._error: BaseException | None = None

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
        thread = self._thread
        if thread is None or thread is current_thread():
            return
        if thread.is_alive():  # one that an interrupt kept from starting is not
            thread.join()
        self._thread = None
        error, self._error = self._error, None
        if error:
            raise error

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            self._error = error
