"""The documents that the page draws from, made from the record of a run.

`page/types.d.ts` says what stands in them. A key names a document, such as `"matrix/noise"`.
"""

import base64
import json
import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary, proxy

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.run import Run
from keras_filterwatch.score_facts import by_importance, score_facts
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.thinning import select_steps
from keras_filterwatch.view.cells import kernel_document, strip_document
from keras_filterwatch.view.event_pictures import EVENT_PICTURES, EventPictures
from keras_filterwatch.view.filter_curves import FilterCurves
from keras_filterwatch.view.run_document import run_document
from keras_filterwatch.view.values import scores_as_values

Document = dict[str, Any]

MOST_COLUMNS = 240  # steps of a heat map
MOST_IN_STRIP = 16  # steps of one filter
_KEPT_DOCUMENTS = 8  # of the present version
_LONGEST_NUMBER = 15  # digits of a step or place


def document(run: Run, key: str) -> Document | None:
    """Returns a document of a run, such as `"run"` or `"matrix/noise"`; None if it is not there.

    It tells what was read of the record so far: `run.update()` reads what was written since.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch.alarms import Judgement
        >>> from keras_filterwatch.diagnosis import diagnose
        >>> from keras_filterwatch.record import RecordWriter, StepToRecord
        >>> from keras_filterwatch.runs import read
        >>> from keras_filterwatch.scores import LayerScores, Scores
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {"noise": 1.0123456}, {})
        >>> step = StepToRecord(Scores(0, 0, {"conv": layer}), Judgement(), diagnose([], []))
        >>> folder = folder_of(tempfile.mkdtemp())
        >>> RecordWriter(folder, "epoch").write(step)
        >>> run = read(folder.location)
        >>> document(run, "matrix/noise")
        {'steps': [0], 'values': [[1.0123]]}
        >>> document(run, "matrix/unknown") is None
        True
    """
    documents = _documents.get(run)
    if documents is None:
        # which does not keep the run in memory, as its own documents would
        documents = _documents[run] = RunDocuments(proxy(run))
    documents.pictures.update()
    try:
        return documents.document(key)
    except (OSError, ValueError):
        return None


def as_json(document: Any) -> bytes:
    """Returns a document as strict JSON, in ASCII.

    Example:
        >>> as_json({"values": [1.5, None, "nan"]})
        b'{"values":[1.5,null,"nan"]}'
    """
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()


class RunDocuments:
    """The documents of one run; what is dear is kept until the run has something new.

    One thread may ask at a time.

    Args:
        run: whoever holds it calls `run.update()` and `pictures.update()`.
        folder: where it is recorded; None for what its location says.

    Attributes:
        pictures: those in the event files of the run.
    """

    def __init__(self, run: Run, folder: Folder | None = None) -> None:
        self.pictures = EventPictures(folder or folder_of(run.location))
        self._run = run
        self._version = ""
        self._kept: dict[str, Document | None] = {}
        self._columns: list[int] = []
        self._layers: list[str] = []
        self._scores: list[str] = []  # that some layer has, the most important first
        self._numbers: dict[str, Array] = {}  # score -> of each layer at each of the columns
        self._steps: frozenset[int] = frozenset()
        # the layer that was asked for last, and its kernels at some steps
        self._strip_kernels: tuple[int, list[tuple[int, QuantisedKernel]]] | None = None
        self._curves = FilterCurves(run)
        self._makers: dict[str, Callable[[str], Document | None]] = {
            "run": self._run_document,
            "matrix/": self._matrix,
            "table/": self._table,
            "layer/": self._layer,
            "filters/": self._filters,
            "curves/": self._curves_document,
            "kernel/": self._kernel,
            "strip/": self._strip,
            "picture/": self._picture,
        }

    def document(self, key: str) -> Document | None:
        """Returns a document by its key; None if it is not there.

        Raises:
            OSError, ValueError: the record is not there any more, or was changed.
        """
        self._forget_what_is_old()
        if key not in self._kept:
            kind, slash, rest = key.partition("/")
            maker = self._makers.get(kind + slash)
            try:
                made = maker(rest) if maker else None
            except (OSError, ValueError):  # a part of the record that is damaged or was removed
                made = None
            if kind == "curves":  # asking again may give more
                return made
            while len(self._kept) >= _KEPT_DOCUMENTS:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        return self._kept[key]

    def _forget_what_is_old(self) -> None:
        run = self._run
        version = f"{run.version} {run.share_read} {self.pictures.count}"
        if version == self._version:
            return
        self._kept, self._numbers, self._strip_kernels = {}, {}, None
        steps = run.steps
        self._steps, self._layers = frozenset(steps), [*run.layers]
        if self._columns and self._steps.issuperset(self._columns):
            # which leaves about the same steps as choosing from all anew
            steps = self._columns + [step for step in steps if step > self._columns[-1]]
        self._columns = [steps[place] for place in select_steps(steps, MOST_COLUMNS)]
        self._scores = by_importance(run.score_names)
        self._version = version

    def _run_document(self, _: str) -> Document | None:
        run = self._run
        facts = [score_facts(name).with_range(self._at_columns(name)) for name in self._scores]
        pictures = self.pictures.available(self._layers, self._steps)
        made = run_document(run, self._columns, facts, pictures)
        return {**made, "problems": made["problems"] + self.pictures.problems}

    def _matrix(self, score: str) -> Document | None:
        if score not in self._scores:
            return None
        return {"steps": self._columns, "values": scores_as_values(self._at_columns(score))}

    def _table(self, text: str) -> Document | None:
        step = self._step(text)
        if step is None:
            return None
        scores = self._run.scores_at(step)
        layers = [scores.get(name) for name in self._layers]
        numbers = {
            score: [layer.get(score, math.nan) if layer else math.nan for layer in layers]
            for score in self._scores
        }
        return {
            "step": step,
            "verdicts": [layer.verdict if layer else "" for layer in layers],
            "sentences": [layer.sentence if layer else "" for layer in layers],
            "numbers": {name: scores_as_values(np.array(each)) for name, each in numbers.items()},
        }

    def _layer(self, text: str) -> Document | None:
        place = self._place(text)
        if place is None:
            return None
        numbers = {score: self._at_columns(score)[place] for score in self._scores}
        return {
            "steps": self._columns,
            "numbers": {
                score: scores_as_values(row)
                for score, row in numbers.items()
                if (row == row).any()  # some is not NaN
            },
        }

    def _filters(self, rest: str) -> Document | None:
        place, step = self._place_and_step(rest)
        if place is None or step is None:
            return None
        layer = self._run.scores_at(step).get(self._layers[place])
        if layer is None:
            return None
        numbers = {
            score: scores_as_values(layer.filters[score])
            for score in by_importance(layer.filters)
            if layer.filters[score].dtype.kind in "fbiu"
        }
        return {"numbers": numbers, "descriptions": layer.descriptions}

    def _curves_document(self, rest: str) -> Document | None:
        first, _, score = rest.partition("/")
        place = self._place(first)
        return None if place is None else self._curves.document(self._layers[place], score)

    def _kernel(self, rest: str) -> Document | None:
        place, step = self._place_and_step(rest)
        if place is None or step is None:
            return None
        kernel = self._run.quantised_kernels(step).get(self._layers[place])
        return kernel_document(kernel) if kernel else None

    def _strip(self, rest: str) -> Document | None:
        first, _, second = rest.partition("/")
        place, chosen = self._place(first), _number(second)
        if place is None or chosen is None:
            return None
        if self._strip_kernels is None or self._strip_kernels[0] != place:
            name, steps = self._layers[place], self._run.weight_steps
            each = [steps[i] for i in select_steps(steps, MOST_IN_STRIP)]
            kernels = [(step, self._run.quantised_kernels(step).get(name)) for step in each]
            self._strip_kernels = place, [(step, one) for step, one in kernels if one]
        return strip_document(self._strip_kernels[1], chosen)

    def _picture(self, rest: str) -> Document | None:
        name, _, others = rest.partition("/")
        place, step = self._place_and_step(others)
        if name not in EVENT_PICTURES or place is None or step is None:
            return None
        png = self.pictures.png(name, self._layers, place, step)
        return {"png": base64.b64encode(png).decode()} if png else None

    def _at_columns(self, score: str) -> Array:
        """Returns a score of each layer at each of the columns."""
        if score not in self._numbers:
            self._numbers[score] = self._run.numbers(score, self._columns)
        return self._numbers[score]

    def _place_and_step(self, text: str) -> tuple[int | None, int | None]:
        first, _, second = text.partition("/")
        return self._place(first), self._step(second)

    def _place(self, text: str) -> int | None:
        """Returns the place of a layer, if there is one."""
        place = _number(text)
        return place if place is not None and place < len(self._layers) else None

    def _step(self, text: str) -> int | None:
        """Returns a step, if the run has it."""
        step = _number(text)
        return step if step in self._steps else None


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_number else None


_documents: WeakKeyDictionary[Run, RunDocuments] = WeakKeyDictionary()
