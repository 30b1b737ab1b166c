"""The documents of a run that fit into a report: which are left out, and how they are packed."""

from collections.abc import Sequence
from dataclasses import replace

from keras_filterwatch.runs import Run
from keras_filterwatch.thinning import select_steps
from keras_filterwatch.view.documents import MOST_COLUMNS, MOST_IN_STRIP, Document, document
from keras_filterwatch.view.packing import PackedDocuments, packed
from keras_filterwatch.view.report_weights import AddedWeights, add_weights, steps_by_priority
from keras_filterwatch.view.values import scores_as_values

_FEWEST_COLUMNS, _SAMPLE, _ENOUGH_COLUMNS = 12, 24, 40  # steps
_MOST_IMPORTANT = 8  # scores of which more steps are worth more than the other scores
_MOST_SENTENCES = 20_000  # since each takes time to be made
# Shares of the room for documents: what is looked at first gets the most.
_FOR_MATRICES, _FOR_SENTENCES, _FOR_PICTURES = 0.5, 0.15, 0.15
_SPARE = 200  # bytes around the documents, and those of words such as "12 of 101 steps"


def documents_that_fit(run: Run, name: str, room: int) -> dict[str, str]:
    """Returns key -> packed document of what a report shows.

    The scores of all layers come first, at up to 240 steps; then what they mean, the pictures of
    the last step, and weights with the scores of single filters, at as many steps as fit, even in
    log time. The document `run` says in `leftOut` what is missing.

    Args:
        run: at least one step of it.
        name: how the run is called in the report.
        room: bytes that the documents may take.

    Raises:
        ValueError: not even a few steps of the scores fit.
    """
    return _Selection(run, name, room).documents()


class _Selection:
    """Chooses what fits, document by document.

    Args:
        run, name, room: as `documents_that_fit` takes them.
    """

    def __init__(self, run: Run, name: str, room: int) -> None:
        whole = document(run, "run")
        assert whole is not None
        self._run = run
        # a file does not change, so that it has no version
        self._whole: Document = {**whole, "name": name, "version": ""}
        self._layers: list[Document] = whole["layers"]
        self._packed = PackedDocuments(room)
        self._has: list[str] = []  # what of something the report has, such as "3 of 5 steps"

    def documents(self) -> dict[str, str]:
        """Returns the documents that fit.

        Raises:
            ValueError: not even a few steps of the scores fit.
        """
        columns = self._add_matrices()
        self._add_pictures(_FOR_PICTURES * self._packed.room, last_step_only=True)
        texts = self._texts(columns)
        weights = self._add_weights(columns)
        pictures = self._add_pictures(self._packed.room)
        changes = {
            **self._at(columns),
            "weightSteps": weights.steps,
            "layers": [
                {**layer, "drawn": layer["drawn"] and place in weights.layers}
                for place, layer in enumerate(self._layers)
            ],
            "pictures": pictures,
            "leftOut": self._left_out(),
        }
        texts["stripSteps"] = _selected(weights.steps, MOST_IN_STRIP)
        return {
            "run": packed(self._whole | changes),
            "texts": packed(texts),
            **self._packed.documents,
        }

    def _has_some(self, what: str, count: int, whole: int) -> None:
        """Notes how much the report has of something, if it has less than all."""
        if count < whole:
            self._has.append(what.format(count=f"{count:,}", whole=f"{whole:,}"))

    def _left_out(self) -> str:
        """Returns what the report leaves out, in a sentence; `""` if nothing is."""
        *others, last = self._has or [""]
        listing = f"{', '.join(others)} and {last}" if others else last
        return f"This file has {listing}; the record has the rest." if listing else ""

    def _at(self, columns: list[int]) -> Document:
        """Returns what the document `run` has at some steps only."""
        places = {step: place for place, step in enumerate(self._whole["steps"])}
        logs = self._whole["logs"]
        return {
            "steps": columns,
            "columns": columns,
            "logs": {name: [logs[name][places[step]] for step in columns] for name in logs},
        }

    def _add_matrices(self) -> list[int]:
        """Adds the scores of all layers; returns at which steps.

        Raises:
            ValueError: not even a few steps fit.
        """
        steps = self._run.steps
        most = self._fitting_columns(steps)
        scores = self._whole["scores"]
        if most < min(len(steps), _ENOUGH_COLUMNS) and len(scores) > _MOST_IMPORTANT:
            self._whole["scores"] = scores[:_MOST_IMPORTANT]
            self._has_some(
                "the {count} most important of {whole} scores", _MOST_IMPORTANT, len(scores)
            )
            most = self._fitting_columns(steps)
        while True:
            columns = self._columns(steps, most)
            reserved = len(packed(self._whole | self._at(columns))) + _SPARE
            room = _FOR_MATRICES * (self._packed.room - reserved)
            if self._packed.add(self._matrices(columns), room):
                self._packed.room -= reserved
                self._has_some("the scores of {count} of {whole} steps", len(columns), len(steps))
                return columns
            if most <= _FEWEST_COLUMNS:
                raise ValueError("not even a few steps fit")
            most = max(_FEWEST_COLUMNS, most * 4 // 5)

    def _fitting_columns(self, steps: list[int]) -> int:
        """Returns about how many steps of the scores fit, by the size of a few of them."""
        most = min(len(steps), MOST_COLUMNS)
        sample = _selected(steps, min(_SAMPLE, most))
        size = sum(map(len, self._matrices(sample).values()))
        fitting = int(len(sample) * _FOR_MATRICES * self._packed.room / max(1, size))
        return min(most, max(fitting, _FEWEST_COLUMNS))

    def _columns(self, steps: list[int], most: int) -> list[int]:
        """Returns steps even in log time, and those at which something was found."""
        chosen = {*_selected(steps, most)}
        if len(chosen) < len(steps):
            alarms = self._whole["alarms"] + self._whole["diagnoses"]
            found = sorted({*steps} & {alarm["step"] for alarm in alarms})
            chosen |= {*_selected(found, most // 4)} if found else set()
        return sorted(chosen)

    def _matrices(self, columns: list[int]) -> dict[str, str]:
        return {
            f"matrix/{score}": packed(
                {"steps": columns, "values": scores_as_values(self._run.numbers(score, columns))}
            )
            for score in (each["name"] for each in self._whole["scores"])
        }

    def _add_pictures(self, room: float, last_step_only: bool = False) -> list[Document]:
        """Adds pictures that fit, of the last step first; returns the entries of all so far."""
        entries, smallest = self._whole["pictures"], self._packed.room - room
        steps = sorted({step for entry in entries for step in entry["steps"]})
        for step in steps_by_priority(steps)[: 1 if last_step_only else None]:
            for entry in entries:
                key = f"picture/{entry['name']}/{entry['layer']}/{step}"
                if step in entry["steps"] and key not in self._packed.documents:
                    picture = document(self._run, key)
                    if picture:
                        self._packed.add({key: packed(picture)}, self._packed.room - smallest)
        have = {key for key in self._packed.documents if key.startswith("picture/")}
        if not last_step_only:
            every = sum(len(entry["steps"]) for entry in entries)
            self._has_some("{count} of {whole} pictures of outputs", len(have), every)
        chosen = [
            {
                **entry,
                "steps": [
                    s
                    for s in entry["steps"]
                    if f"picture/{entry['name']}/{entry['layer']}/{s}" in have
                ],
            }
            for entry in entries
        ]
        return [entry for entry in chosen if entry["steps"]]

    def _texts(self, columns: list[int]) -> Document:
        """Returns verdicts and sentences at as many steps as fit, and takes their room."""
        most = max(1, min(len(columns), _MOST_SENTENCES // max(1, len(self._layers))))
        room = _FOR_SENTENCES * self._packed.room
        texts: dict[int, tuple[list[str], list[str]]] = {}
        while True:
            steps = steps_by_priority(columns)[:most]
            steps = sorted(steps)
            texts |= {step: self._texts_at(step) for step in steps if step not in texts}
            made: Document = {
                "steps": steps,
                "verdicts": [texts[step][0] for step in steps],
                "sentences": [texts[step][1] for step in steps],
            }
            size = len(packed(made))
            if size <= room or most == 0:
                self._packed.room -= size
                self._has_some("sentences about {count} of these", len(steps), len(columns))
                return made
            most = min(most - 1, int(0.95 * most * room / size))

    def _texts_at(self, step: int) -> tuple[list[str], list[str]]:
        try:
            scores = self._run.scores_at(step)
        except (OSError, ValueError):  # a part of the record that was damaged since it was read
            return [""] * len(self._layers), [""] * len(self._layers)
        layers = [scores.get(layer["name"]) for layer in self._layers]
        verdicts = [layer.verdict if layer else "" for layer in layers]
        return verdicts, [layer.sentence if layer else "" for layer in layers]

    def _add_weights(self, columns: list[int]) -> AddedWeights:
        recorded = {*self._whole["weightSteps"]}
        candidates = [step for step in columns if step in recorded] or columns
        names = [layer["name"] for layer in self._layers]
        with_alarms = {alarm["layer"] for alarm in self._whole["alarms"]}
        added = add_weights(self._run, names, with_alarms, candidates, self._packed)
        if recorded:
            filters = "weights" if added.has_all_filters else "weights of the first filters"
            self._has_some(
                filters + " at {count} of {whole} steps", len(added.steps), len(recorded)
            )
        self._has_some(
            "scores of single filters at {count} of {whole} steps",
            len(added.score_steps),
            len(columns),
        )
        self._has_some("both of {count} of {whole} layers", len(added.layers), len(names))
        return replace(added, steps=[step for step in added.steps if step in recorded])


def _selected(steps: Sequence[int], most: int) -> list[int]:
    return [steps[place] for place in select_steps(steps, most)]
