"""Whatever goes wrong while watching is said once, and training goes on."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class Caution:
    """Says things: to the screen, and as warnings, each of which comes once."""

    def __init__(self) -> None:
        self._warned: set[str] = set()

    @contextmanager
    def going_on(self, task: str, loss: str) -> Iterator[None]:
        """A block whose failure costs no more than `loss`, which a warning says."""
        try:
            yield
        except Exception as error:
            self.warn(f"could not {task}", f"{loss} ({type(error).__name__}: {error})")

    def say(self, words: str) -> None:
        """Prints."""
        with self.going_on("print", "some of what FilterWatch says is missing"):
            print(words)

    def warn(self, what: str, loss: str) -> None:
        """Warns, if it did not before."""
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"FilterWatch: {what}: {loss}. Training goes on.", stacklevel=2)
