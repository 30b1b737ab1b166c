"""Entries: what a tracker gets of each report, without what it has already."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from keras_filterwatch.report import Report
from keras_filterwatch.writers.alerts import Alert, Alerts
from keras_filterwatch.writers.curves import check_scalars, curves, picture_tags

if TYPE_CHECKING:
    from PIL import Image

PREFIX = "filterwatch/"  # of all names, so that none is one of the user's own


@dataclass(frozen=True, eq=False)
class Entry:
    """What a tracker gets of one report.

    Attributes:
        step: of the report.
        numbers: name -> number, such as `filterwatch/noise/00_conv2d`.
        pictures: name -> Pillow image, such as `filterwatch/filters/00_conv2d`.
        alerts: about alarms that began or ended.
    """

    step: int
    numbers: Mapping[str, float]
    pictures: "Mapping[str, Image.Image]"
    alerts: Collection[Alert]


class Entries:
    """Makes an entry of each report. A step that is reported again gives what changed only.

    Args:
        scalars: the scores to log, as `curves` takes them.

    Raises:
        TypeError, ValueError: `scalars` has no names of scores.

    Example:
        >>> from keras_filterwatch import Diagnosis, Scores
        >>> report = Report(Scores(3, 3, {}), {}, (), Diagnosis("no fault found", (), ""))
        >>> entries = Entries()
        >>> entries.entry(report).numbers
        {'filterwatch/alarm_count': 0.0}
        >>> entries.entry(report).numbers
        {}
    """

    def __init__(self, scalars: str | Collection[str] | None = None) -> None:
        check_scalars(scalars)
        self._scalars = scalars
        self._alerts = Alerts()
        self._last: tuple[int, dict[str, float]] = (-1, {})

    def entry(self, report: Report) -> Entry:
        """Returns what is new in a report."""
        step = report.scores.step
        numbers = {PREFIX + tag: each for tag, each in curves(report, self._scalars).items()}
        last_step, last_numbers = self._last
        known = last_numbers if step == last_step else {}
        self._last = step, numbers
        return Entry(
            step,
            {name: number for name, number in numbers.items() if known.get(name) != number},
            {PREFIX + tag: image for tag, image in picture_tags(report).items()},
            self._alerts.since_last(report),
        )


def tracker_package(name: str, writer: str) -> Any:
    """Returns the package of a tracker.

    Raises:
        ImportError: it is not installed.

    Example:
        >>> tracker_package("no_tracker", "NoTracker")
        Traceback (most recent call last):
        ...
        ImportError: fw.writers.NoTracker needs the package no_tracker, which cannot be imported \
(No module named 'no_tracker'). Install it: pip install "keras_filterwatch[no_tracker]"
    """
    try:
        package = import_module(name)
        if getattr(package, "__file__", None) is None:  # Python imports any folder of that name
            raise ImportError(f"{name} is a folder here")
    except ImportError as error:
        raise ImportError(
            f"fw.writers.{writer} needs the package {name}, which cannot be imported ({error}). "
            f'Install it: pip install "keras_filterwatch[{name}]"'
        ) from error
    return package
