"""Writers: what takes the report of each step, TensorBoard or an object of the user's own."""

from typing import Protocol

from keras_filterwatch.report import Report


class Writer(Protocol):
    """What a writer has to have: `FilterWatch(..., writers=[writer])` takes any such object.

    Example:
        >>> class Printer:
        ...     def write(self, report):
        ...         print(report.scores.step, report.diagnosis.cause)
        ...
        ...     def close(self):
        ...         print("closed")
    """

    def write(self, report: Report) -> None:
        """Takes the report of one step. It runs beside training, in FilterWatch's thread."""

    def close(self) -> None:
        """Is called at the end of each fit; another fit may write again."""
