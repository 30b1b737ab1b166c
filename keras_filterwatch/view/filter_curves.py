"""The document `curves`: one score of each filter over time."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.run import Run
from keras_filterwatch.thinning import select_steps
from keras_filterwatch.view.values import scores_as_values

MOST_STEPS = 120
# Steps are read from the coarse choice to the fine one: each has those of the choice before.
_CHOICES = (2, 6, 12, 24, 48, MOST_STEPS)
_SECONDS = 0.12  # that reading may take, after the first choice
_KEPT_LAYERS = 2


class FilterCurves:
    """The scores of filters over time, of the layers that were asked for last.

    The numbers of single filters lie in the record step by step, with those of all other layers. So
    a large network takes several calls until all steps of a curve are there.

    Args:
        run: whoever holds it calls `run.update()`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._version = ""
        self._steps: list[int] = []
        self._kept: dict[str, dict[int, Mapping[str, Array]]] = {}  # layer -> step -> score -> ...

    def document(self, layer: str, score: str) -> dict[str, Any] | None:
        """Returns the document; None if no filter of the layer has such a score."""
        self._forget_what_is_old()
        kept = self._kept.pop(layer, {})
        self._kept[layer] = kept  # now the last one
        while len(self._kept) > _KEPT_LAYERS:
            del self._kept[next(iter(self._kept))]
        wanted = self._read(layer, kept)
        rows = {step: kept[step].get(score) for step in sorted(wanted & kept.keys())}
        numbers = {
            step: row for step, row in rows.items() if row is not None and row.dtype.kind in "fbiu"
        }
        if not numbers:
            return None
        filters = len(next(reversed(numbers.values())))
        steps = [step for step, row in numbers.items() if len(row) == filters]
        values = np.stack([np.asarray(numbers[step], np.float64) for step in steps])
        return {
            "steps": steps,
            "values": scores_as_values(values),
            "read": round(len(wanted & kept.keys()) / len(wanted), 3),
        }

    def _read(self, layer: str, kept: dict[int, Mapping[str, Array]]) -> set[int]:
        """Reads what is missing, as far as the time allows; returns the steps of a whole curve."""
        end = time.monotonic() + _SECONDS
        wanted: set[int] = set()
        for choice in _CHOICES:
            wanted = {self._steps[place] for place in select_steps(self._steps, choice)}
            for number, step in enumerate(sorted(wanted - kept.keys())):
                # a few of each choice, so that asking again always gives more
                if number and choice > _CHOICES[0] and time.monotonic() > end:
                    break
                scores = self._run.layer_at(step, layer)
                kept[step] = dict(scores.filters) if scores else {}
        return wanted

    def _forget_what_is_old(self) -> None:
        version = f"{self._run.version} {self._run.share_read}"
        if version == self._version:
            return
        steps = self._run.steps
        if steps[: len(self._steps)] != self._steps:  # another process went on at an earlier step
            self._kept = {}
        for kept in self._kept.values():
            kept.pop(self._steps[-1], None)  # it may have been amended
        self._version, self._steps = version, steps
