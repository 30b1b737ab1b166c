"""What stands in a frame: scores, alarms, facts and kernels as JSON and arrays, and back."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_filterwatch.alarms import LEVELS, Alarm
from keras_filterwatch.kernels import KINDS, Array
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record.conversion import converted, made_of
from keras_filterwatch.record.frames import DamagedRecordError
from keras_filterwatch.scores import LayerScores, Scores

Document = dict[str, Any]
Arrays = list[Array]  # of a frame; a document names an array by its place

VERDICTS = ("structured", "untrained", "undetermined")
_MOST_WEIGHTS = 2**40  # of a kernel


def as_recorded(scores: Scores) -> Scores:
    """Returns scores whose numbers of single filters are as exact as a record keeps them.

    They are float32 and rounded to 13 binary digits, by at most 0.012 % of themselves. For
    ResNet50, which has 27,000 filters, the rounding saves a third of the record.

    Example:
        >>> layer = LayerScores("Conv2D", (1, 1, 1, 1), "structured", {}, {"norm": np.array([0.1])})
        >>> as_recorded(Scores(0, 0, {"conv": layer}))["conv"].filters["norm"].tolist()
        [0.100006103515625]
    """
    layers = {}
    for name, layer in scores.items():
        filters = {
            each: _rounded(values) if values.dtype.kind == "f" else values
            for each, values in layer.filters.items()
        }
        layers[name] = dataclasses.replace(layer, filters=filters)
    return dataclasses.replace(scores, layers=layers)


def _rounded(values: Array) -> Array:
    """Returns values as float32, whose last 11 binary digits are 0."""
    with np.errstate(over="ignore"):  # a norm above 3e38 is infinite
        single = np.ascontiguousarray(values, np.float32)
    bits = single.view(np.uint32)
    rounded = ((bits + np.uint32(0x400)) & np.uint32(0xFFFFF800)).view(np.float32)
    return np.where(np.isfinite(single), rounded, single)


def scores_as_document(scores: Scores, arrays: Arrays) -> Document:
    """Returns scores as a document; the numbers of single filters are added to `arrays`."""
    return {
        "step": int(scores.step),
        "epoch": int(scores.epoch),
        "updates": scores.updates,
        "logs": _floats(scores.logs),
        "skipped": dict(scores.skipped),
        "layers": [_layer_as_document(name, layer, arrays) for name, layer in scores.items()],
    }


def _layer_as_document(name: str, layer: LayerScores, arrays: Arrays) -> Document:
    return {
        "name": name,
        "layer_type": layer.layer_type,
        "shape": [int(size) for size in layer.shape],
        "verdict": layer.verdict,
        "trainable": bool(layer.trainable),
        "kind": layer.kind,
        "reads_images": bool(layer.reads_images),
        "noise_at_start": float(layer.noise_at_start),
        "numbers": _floats(layer.numbers),
        "filters": {
            each: _array_as_document(values, arrays) for each, values in layer.filters.items()
        },
    }


def scores_of(document: Document, arrays: Arrays) -> Scores:
    """Returns the scores that `scores_as_document` put into a document.

    Raises:
        DamagedRecordError: parts of it do not fit each other.
        LookupError, TypeError, ValueError, AttributeError: the document has another form.
    """
    layers = {layer["name"]: layer_of(layer, arrays) for layer in document["layers"]}
    scores = made_of(Scores, {**document, "layers": {}})
    return dataclasses.replace(scores, layers=layers)


def layer_of(document: Document, arrays: Arrays) -> LayerScores:
    """Returns the scores of one of the layers of a document.

    Raises:
        DamagedRecordError: parts of it do not fit each other.
        LookupError, TypeError, ValueError, AttributeError: the document has another form.
    """
    filters = {name: _array_of(value, arrays) for name, value in document["filters"].items()}
    layer = made_of(LayerScores, {**document, "filters": filters})
    _check_shape(converted(document["name"], str), layer.shape, layer.kind)
    if layer.verdict not in VERDICTS:
        raise DamagedRecordError(f"a layer has the verdict {layer.verdict!r:.40}")
    if any(values.shape != layer.shape[-1:] for values in filters.values()):
        raise DamagedRecordError("a layer has another number of filters than of numbers of filters")
    return layer


def without_filters(document: Document) -> Document:
    """Returns a document of scores without the numbers of single filters."""
    return {**document, "layers": [{**layer, "filters": {}} for layer in document["layers"]]}


def _check_shape(name: str, shape: tuple[int, ...], kind: str) -> None:
    fits = 2 <= len(shape) <= 32 and min(shape) >= 0 and math.prod(shape) <= _MOST_WEIGHTS
    if not fits or kind not in KINDS:
        raise DamagedRecordError(
            f"kernel {name!r:.40} has shape {shape!r:.60} and kind {kind!r:.40}"
        )


def _floats(numbers: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(number) for name, number in numbers.items()}


def _array_as_document(values: Array, arrays: Arrays) -> Document:
    """Returns the place of an array; words, such as labels, become numbers and a list."""
    if values.dtype.kind == "U":
        words, places = np.unique(values, return_inverse=True)
        arrays.append(places.reshape(values.shape).astype(np.int32))
        return {"array": len(arrays) - 1, "words": words.tolist()}
    kept = values.astype(np.float32) if values.dtype.kind == "f" else values
    arrays.append(kept if kept.dtype.kind in "fb" else kept.astype(np.int64))
    return {"array": len(arrays) - 1}


def _array_of(document: Document, arrays: Arrays) -> Array:
    values = arrays[_place(document["array"])]
    if "words" in document:
        return np.array(converted(document["words"], tuple[str, ...]), dtype=np.str_)[values]
    return values


def _place(number: Any) -> int:
    """Returns the place of an array among those of its frame."""
    if type(number) is not int or number < 0:
        raise DamagedRecordError(f"an array is said to be at place {number!r:.40}")
    return number


def alarm_as_document(alarm: Alarm) -> Document:
    """Returns an alarm as a document."""
    return {
        "rule": str(alarm.rule),
        "layer": str(alarm.layer),
        "step": int(alarm.step),
        "value": float(alarm.value),
        "threshold": float(alarm.threshold),
        "filters": [int(each) for each in alarm.filters],
        "message": str(alarm.message),
        "level": alarm.level,
        "ended": None if alarm.ended is None else int(alarm.ended),
    }


def alarm_of(document: Document) -> Alarm:
    """Returns the alarm of a document.

    Raises:
        DamagedRecordError: its level is unknown.
        TypeError, ValueError: the document has another form.
    """
    alarm = made_of(Alarm, document)
    if alarm.level not in LEVELS:
        raise DamagedRecordError(f"an alarm has the level {alarm.level!r:.40}")
    return alarm


def facts_as_document(facts: ModelFacts) -> Document:
    """Returns facts as a document."""
    return dataclasses.asdict(facts)


def facts_of(document: Document) -> ModelFacts:
    """Returns the facts of a document.

    Raises:
        TypeError, ValueError: the document has another form.
    """
    return made_of(ModelFacts, document)


def kernels_as_document(kernels: Iterable[QuantisedKernel], arrays: Arrays) -> list[Document]:
    """Returns kernels as documents; their levels and scales are added to `arrays`."""
    documents = []
    for kernel in kernels:
        arrays += [kernel.levels, kernel.scales]
        documents.append(
            {
                "name": kernel.name,
                "layer_type": kernel.layer_type,
                "shape": [int(size) for size in kernel.shape],
                "kind": kernel.kind,
                "image_is_guess": bool(kernel.image_is_guess),
                "levels": len(arrays) - 2,
                "scales": len(arrays) - 1,
            }
        )
    return documents


def kernels_of(documents: Iterable[Document], arrays: Arrays) -> dict[str, QuantisedKernel]:
    """Returns the kernels of documents, by name.

    Raises:
        DamagedRecordError: the parts of a kernel do not fit each other.
        LookupError, TypeError, ValueError: a document has another form.
    """
    kernels = {}
    for document in documents:
        parts = {name: arrays[_place(document[name])] for name in ("levels", "scales")}
        kernel = made_of(QuantisedKernel, {**document, **parts})
        _check_shape(kernel.name, kernel.shape, kernel.kind)
        levels, scales = kernel.levels, kernel.scales
        fits = levels.ndim == len(kernel.shape) and levels.shape[:-1] == kernel.shape[:-1]
        fits = fits and levels.shape[-1] <= kernel.shape[-1] and scales.shape == levels.shape[-1:]
        if not fits or (levels.dtype.str, scales.dtype.str) != ("|i1", "<f4"):
            raise DamagedRecordError(
                f"a kernel of shape {kernel.shape} has levels of shape {levels.shape}"
            )
        kernels[kernel.name] = kernel
    return kernels
