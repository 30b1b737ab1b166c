"""Processes: which of several processes trains here, and numbers that all of them learn."""

import json
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import count

from keras_filterwatch.model.process_group import KeyStore, process_group

_SECONDS_TO_JOIN = 20.0  # JAX on CPUs gives up after 30 if another process waits in training
_SECONDS_TO_ANSWER = 600.0  # one process may save a large model while the others wait
_SHORTEST_WAIT, _LONGEST_WAIT = 0.1, 1.0  # seconds
_exchanges: Counter[str] = Counter()  # how many were begun in this process, by name


class NoAgreementError(RuntimeError):
    """Not every process took part in an exchange of numbers. All that did learn the same."""


@dataclass(frozen=True)
class Processes:
    """The processes that train one model together, as seen by one of them.

    Attributes:
        index: the number of this process, from 0.
        count: how many processes there are.
        why_not: why they cannot exchange numbers, as a sentence without its full stop; `""` if
            they can.

    Example:
        >>> Processes().is_first, Processes(index=1, count=2).is_first
        (True, False)
    """

    index: int = 0
    count: int = 1
    why_not: str = ""
    _store: KeyStore | None = field(default=None, repr=False)

    @property
    def is_first(self) -> bool:
        """True for the process that writes and prints."""
        return self.index == 0

    @property
    def can_agree(self) -> bool:
        """True if the processes can exchange numbers."""
        return not self.why_not

    def join(self, name: str) -> "Exchange":
        """Starts exchanging numbers with the other processes; waits for nothing.

        Every process calls it at the start of each fit, with the same name.

        Raises:
            ValueError: the processes cannot exchange numbers.

        Example:
            >>> Processes().join("logs/run1").gather([1.0, 2.0])
            [[1.0, 2.0]]
        """
        if not self.can_agree:
            raise ValueError(f"{self.why_not}: the processes cannot agree on anything.")
        _exchanges[name] += 1
        return Exchange(self, f"filterwatch/{name}/{_exchanges[name]}")


def current_processes() -> Processes:
    """Returns the processes that train together now; it is cheap and starts no backend.

    JAX knows them after `jax.distributed.initialize` or `keras.distribution.initialize`, PyTorch
    after `torch.distributed.init_process_group`, TensorFlow by TF_CONFIG.

    Example:
        >>> current_processes()
        Processes(index=0, count=1, why_not='')
    """
    group = process_group()
    return Processes(group.index, group.count, group.why_not, group.store)


def check_stop_on(stop_on: Collection[str], processes: Processes) -> None:
    """Refuses to end training on alarms where one process would end it and others would not.

    Raises:
        ValueError: there are rules to stop on, and the processes cannot agree to stop.

    Example:
        >>> check_stop_on(["noisy"], Processes())
    """
    if stop_on and not processes.can_agree:
        raise ValueError(
            f"stop_on: {processes.why_not}, so that one process could end its training while the "
            "others wait for it for ever. Leave stop_on out."
        )


class Exchange:
    """Lets every process learn the numbers of all, again and again during one fit.

    It goes through the store of short texts that the processes share, not through their devices:
    a process that is missing there would block all others, and this waits for a limited time only.
    Whoever is the first to know a result sets it for all, so that either every process
    gets the numbers or every process gets an error, late ones too. After an error it is over.

    Args:
        processes: those that exchange numbers.
        prefix: with which the keys in the store start; the same in all processes.
        seconds_to_join: how long the first `gather` waits for processes that did not join.
        seconds_to_answer: how long each `gather` waits for the numbers of those that did.
    """

    def __init__(
        self,
        processes: Processes,
        prefix: str,
        seconds_to_join: float = _SECONDS_TO_JOIN,
        seconds_to_answer: float = _SECONDS_TO_ANSWER,
    ) -> None:
        self._processes = processes
        self._prefix = prefix
        self._seconds_to_join = seconds_to_join
        self._seconds_to_answer = seconds_to_answer
        self._rounds = count()
        self._failure = ""
        if processes._store is not None:
            try:
                processes._store.set_once(f"{prefix}/joined/{processes.index}", "")
            except RuntimeError as error:
                self._failure = _unreachable(error)

    def gather(self, numbers: Sequence[float]) -> list[list[float]]:
        """Returns the numbers of each process, by its index. Every process has to call it.

        The first call should follow the first batch of training where that can be: processes may
        begin at very different times, and after a batch those that train together are together.

        Raises:
            NoAgreementError: a process did not join or answer in time, or the store cannot be
                reached. The other processes get this error too, in this call or in their next.
                All further calls raise it at once.
        """
        if self._processes._store is None:
            return [list(numbers)]
        if not self._failure:
            rows, self._failure = self._exchange(self._processes._store, numbers)
        if self._failure:
            raise NoAgreementError(self._failure)
        return rows

    def _exchange(self, store: KeyStore, numbers: Sequence[float]) -> tuple[list[list[float]], str]:
        """Returns the numbers of each process; or why there are none, the same in each process."""
        this, number = self._processes.index, next(self._rounds)
        key = f"{self._prefix}/{number}"
        try:
            store.set_once(f"{key}/{this}", json.dumps(list(numbers)))
            rows, reason = self._answers(store, key, has_joined=number > 0)
            store.set_once(f"{key}/result", json.dumps([rows, reason]))
            result = _text(store, f"{key}/result", self._seconds_to_answer)
            if number:  # every process has read what the call before left
                store.delete(f"{self._prefix}/{number - 1}/{this}")
                if self._processes.is_first:
                    store.delete(f"{self._prefix}/{number - 1}/result")
        except RuntimeError as error:
            return [], _unreachable(error)
        rows, reason = json.loads(result or '[[], "the result of the exchange was lost"]')
        return rows, reason

    def _answers(
        self, store: KeyStore, key: str, has_joined: bool
    ) -> tuple[list[list[float]], str]:
        """Returns the numbers of each process; or none, and the reason why not."""
        rows = []
        begin = time.monotonic()
        for process in range(self._processes.count):
            who = f"process {process} of {self._processes.count} (counted from 0)"
            joined = f"{self._prefix}/joined/{process}"
            left = begin + self._seconds_to_join - time.monotonic()
            if not has_joined and _text(store, joined, left) is None:
                return [], f"{who} has no such FilterWatch, or did not begin to train"
            left = begin + self._seconds_to_answer - time.monotonic()
            text = _text(store, f"{key}/{process}", left)
            if text is None:
                return [], f"{who} did not answer within {self._seconds_to_answer:g} seconds"
            rows.append(json.loads(text))
        return rows, ""


def _text(store: KeyStore, key: str, seconds: float) -> str | None:
    """Returns the text of a key; None if no process sets the key within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        # in short calls, since Ctrl-C does not end them
        text = store.get(key, min(max(end - time.monotonic(), _SHORTEST_WAIT), _LONGEST_WAIT))
        if text is not None or time.monotonic() >= end:
            return text


def _unreachable(error: RuntimeError) -> str:
    return f"the processes cannot reach each other any more: {error}"
