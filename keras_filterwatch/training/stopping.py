"""Stopping: whether training ends now, which several processes decide together."""

from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.processes import Exchange, NoAgreementError, Processes


class Stopping:
    """Decides in all processes alike whether training ends: if one of them wants it.

    Keras ends a fit in one process only, and the others would wait for it for ever.

    Args:
        processes: those that train together.
        batches_between: batches between two steps; processes with another number do not agree.
        notices: tells the user if they cannot agree any more.
    """

    def __init__(self, processes: Processes, batches_between: int, notices: Notices) -> None:
        self._processes = processes
        self._name = f"stop_on {batches_between}"
        self._notices = notices
        self._exchange: Exchange | None = None

    def begin_fit(self) -> None:
        """Is called by every process at the start of each fit."""
        if self._processes.count > 1:
            # a name that does not depend on paths, which may differ between processes
            self._exchange = self._processes.join(self._name)

    def decide(self, wanted: bool) -> bool:
        """Returns True if any process wants to end training; all have to call it at each step.

        Without agreement nobody ends training: at most this process would, and the others would
        wait for it.
        """
        if self._processes.count == 1:
            return wanted
        if self._exchange is None:
            return False
        try:
            return any(row[0] for row in self._exchange.gather([float(wanted)]))
        except NoAgreementError as error:
            self._exchange = None
            self._notices.failed(
                error,
                "the processes could not agree whether to end training",
                "`stop_on` ends nothing in this fit. Give FilterWatch to every process",
            )
            return False
