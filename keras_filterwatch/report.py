"""Report: all that is known at one step, which is what every writer gets."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.scores import Scores

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False)
class Report:
    """What is known at one step of a training; it cannot be changed.

    Attributes:
        scores: the scores of this step.
        pictures: (picture's name, layer's name) -> Pillow image, such as
            `report.pictures["filters", "conv2d"]`, in mode `"P"` with a palette or in `"RGB"`;
            `image.convert("RGB")` gives colours. The layer's name is `""` where a picture shows the
            whole network, as the overview does.
        alarms: all errors and warnings so far, ended ones included, oldest first.
        diagnosis: the most probable cause of those that hold.
        notes: all notes so far, ended ones included, oldest first.

    Example:
        >>> report = Report(Scores(3, 3, {}), {}, (), Diagnosis("no fault found", (), "Train on."))
        >>> report.scores.step, report.diagnosis.cause
        (3, 'no fault found')
    """

    scores: Scores
    pictures: "Mapping[tuple[str, str], Image.Image]"
    alarms: tuple[Alarm, ...]
    diagnosis: Diagnosis
    notes: tuple[Alarm, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pictures", MappingProxyType(dict(self.pictures)))
