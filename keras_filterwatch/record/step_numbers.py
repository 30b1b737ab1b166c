"""What is kept of each step in memory: its logs, and the numbers of its layers as one array."""

import marshal
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import Array
from keras_filterwatch.record.conversion import made_of
from keras_filterwatch.record.documents import VERDICTS, Document, layer_of
from keras_filterwatch.record.frames import DamagedRecordError
from keras_filterwatch.scores import Scores

_PLAIN = 2  # marshal's last version without references: equal values give equal bytes
_Content = tuple[str, tuple[int, ...], tuple[str, ...]]  # of a layer: name, shape, names of scores


@dataclass(frozen=True, eq=False)
class Layout:
    """Which layers and scores the numbers of a step are of; most steps of a run share one.

    Attributes:
        names: of the layers, in the network's order.
        shapes: of their kernels.
        scores: the names of the scores that some layer has.
        rows, columns: the place in `StepNumbers.values` of each number that the step has.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    scores: tuple[str, ...]
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class StepNumbers:
    """The numbers of the layers at one step, without those of single filters.

    Attributes:
        layout: which layers and scores they are of.
        values: `(layers, scores)`, float64; NaN where undefined.
    """

    layout: Layout
    values: NDArray[np.float64]

    def of(self, score: str, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Returns a score of each of these layers, `(layers,)`; NaN where undefined."""
        layout = self.layout
        if score not in layout.scores:
            return np.full(len(names), math.nan)
        column: NDArray[np.float64] = self.values[:, layout.scores.index(score)]
        if names is layout.names or names == layout.names:
            return column
        by_name = dict(zip(layout.names, column.tolist(), strict=True))
        return np.array([by_name.get(name, math.nan) for name in names], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Summary:
    """What is kept of the scores of one step.

    Attributes:
        step, epoch, logs: as `Scores` has them.
        numbers: of the layers.
    """

    step: int
    epoch: int
    logs: Mapping[str, float]
    numbers: StepNumbers


class Summaries:
    """Makes a `Summary` of each step that comes, and refuses documents of another form.

    The document of a step of 500 layers has some 40,000 values, most of them the same at each step.
    What is the same, byte by byte, as in the step before is not checked again.
    """

    def __init__(self) -> None:
        self._forms = b""  # the types and shapes of the arrays of the step before
        self._constants: list[bytes] = []  # what rarely changes of each layer of that step
        self._contents: list[_Content] = []
        self._layout = _layout([])

    def of(self, document: Document, arrays: list[Any]) -> Summary:
        """Returns the summary of a step, whose numbers of single filters are not unpacked.

        Args:
            document: as `scores_as_document` returns it.
            arrays: type and shape of each array of the frame.

        Raises:
            DamagedRecordError: parts of the document do not fit each other.
            LookupError, TypeError, ValueError, AttributeError: the document has another form.
        """
        scores = made_of(Scores, {**document, "layers": {}})
        forms = marshal.dumps(arrays, _PLAIN)
        known = self._constants if forms == self._forms else []
        constants, contents, values = [], [], []
        stand_ins: list[Array] = []
        for place, layer in enumerate(document["layers"]):
            constant, numbers = _constant_part(layer), layer["numbers"]
            is_known = place < len(known) and constant == known[place]
            if not is_known or not _are_sound(layer):
                stand_ins = stand_ins or [_stand_in(*form) for form in arrays]
                numbers = layer_of(layer, stand_ins).numbers
            constants.append(constant)
            contents.append((layer["name"], tuple(layer["shape"]), tuple(numbers)))
            values += numbers.values()
        if contents != self._contents:
            self._layout, self._contents = _layout(contents), contents
        self._forms, self._constants = forms, constants
        layout = self._layout
        array = np.full((len(layout.names), len(layout.scores)), math.nan)
        array[layout.rows, layout.columns] = values
        return Summary(scores.step, scores.epoch, scores.logs, StepNumbers(layout, array))


def _layout(contents: list[_Content]) -> Layout:
    """Returns the layout of layers with these names, shapes and names of scores."""
    names = tuple(name for name, _, _ in contents)
    if len(set(names)) < len(names):
        raise DamagedRecordError("a layer comes twice in one step")
    scores = tuple(dict.fromkeys(score for _, _, each in contents for score in each))
    places = {score: column for column, score in enumerate(scores)}
    return Layout(
        names,
        tuple(shape for _, shape, _ in contents),
        scores,
        np.array([row for row, each in enumerate(contents) for _ in each[2]], dtype=np.intp),
        np.array([places[score] for _, _, each in contents for score in each], dtype=np.intp),
    )


def _constant_part(layer: Document) -> bytes:
    """Returns what rarely changes of a layer from step to step; equal bytes are equal values."""
    variable = {"numbers": {}, "verdict": "", "filters": {}}
    filters = {
        name: value if "words" not in value else {**value, "words": None}
        for name, value in layer["filters"].items()
    }
    return marshal.dumps({**layer, **variable, "filters": filters}, _PLAIN)


def _are_sound(layer: Document) -> bool:
    """Returns True if what `_constant_part` leaves out is of the usual types."""
    words = [value["words"] for value in layer["filters"].values() if "words" in value]
    return (
        layer["verdict"] in VERDICTS
        and type(layer["numbers"]) is dict
        and set(map(type, layer["numbers"].values())) <= {float}
        and all(type(each) is list and set(map(type, each)) <= {str} for each in words)
    )


def _stand_in(dtype: str, shape: list[int]) -> Array:
    """Returns an array of zeros that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)
