"""Weights and the scores of single filters in a report: of which steps, layers and filters."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.runs import Run
from keras_filterwatch.thinning import select_steps
from keras_filterwatch.view.cells import kernel_document
from keras_filterwatch.view.documents import document
from keras_filterwatch.view.packing import PackedDocuments, packed, packed_size

_ENOUGH_STEPS = 12  # at which a layer should be seen, before more of its filters are
_MOST_STEPS = 128
_FEWEST_FILTERS = 2
_LIMITS = (2**15, 2**14, 2**13, 2**12, 2**11)  # weights of each layer at a step
_FOR_WEIGHTS = 0.6  # share of the room; the scores of the filters get the rest
_DIGITS = 3  # of the scores of filters where not all of them fit

Parts = list[dict[str, str]]  # of each layer: key -> packed document


@dataclass
class AddedWeights:
    """Which weights and scores of single filters a report has.

    Attributes:
        steps: those whose weights it has, in ascending order.
        score_steps: those of which it has the scores of single filters.
        layers: the places of the layers of which it has these.
        has_all_filters: False if it has the first filters of some layers only.
    """

    steps: list[int]
    score_steps: list[int]
    layers: set[int]
    has_all_filters: bool = True


def add_weights(
    run: Run, names: Sequence[str], first: set[str], steps: Sequence[int], kept: PackedDocuments
) -> AddedWeights:
    """Adds weights and scores of filters as far as they fit: the last step, the first, others.

    If few steps fit as they are, there are fewer filters of each layer and shorter numbers. If not
    even one step fits then, there are some of the layers.

    Args:
        run: at least one step of it.
        names: its layers, in the order of their places.
        first: names of the layers that are added first if not all fit.
        steps: at which they may be added, in ascending order.
        kept: gets the documents.
    """
    order = steps_by_priority(steps)
    places = sorted(range(len(names)), key=lambda place: names[place] not in first)

    def weights_at(step: int, limit: int | None = None) -> Parts:
        kernels = _first_filters(_kernels_at(run, step), limit)
        return [
            {f"kernel/{place}/{step}": packed(kernel_document(kernels[name]))}
            if name in kernels
            else {}
            for place, name in enumerate(names)
        ]

    def scores_at(step: int, digits: int | None = None) -> Parts:
        keys = [f"filters/{place}/{step}" for place in range(len(names))]
        made = [(key, document(run, key)) for key in keys]
        return [{key: packed(_shorter(each, digits))} if each else {} for key, each in made]

    def both_at(step: int) -> Parts:
        parts = zip(weights_at(step), scores_at(step), strict=True)
        return [weights | scores for weights, scores in parts]

    def has_room(parts: Parts, share: float = 1.0) -> bool:
        count = share * kept.room / max(1, packed_size(_joined(parts)))
        return count >= min(_ENOUGH_STEPS, len(order))

    if has_room(both_at(order[0])):
        added, layers = _add(order, both_at, kept, kept.room, places)
        return AddedWeights(sorted(added), sorted(added), layers)
    limits = [None, *_LIMITS]
    limit = next(
        (each for each in limits if has_room(weights_at(order[0], each), _FOR_WEIGHTS)), limits[-1]
    )
    room = int(_FOR_WEIGHTS * kept.room)
    weighed, layers = _add(order, lambda step: weights_at(step, limit), kept, room, places)
    scored, _ = _add(order, lambda step: scores_at(step, _DIGITS), kept, kept.room, places)
    kernels = _kernels_at(run, order[0])
    is_whole = _first_filters(kernels, limit) == kernels
    return AddedWeights(sorted(weighed), sorted(scored), layers, is_whole)


def steps_by_priority(steps: Sequence[int]) -> list[int]:
    """Returns steps so that the first few of them are even in log time: the last, the first, ...

    Of many steps, 128 are returned.

    Example:
        >>> steps_by_priority([0, 1, 2, 3, 4, 5, 6, 7])
        [7, 0, 1, 3, 2, 5, 4, 6]
    """
    rest = [steps[place] for place in select_steps(steps, _MOST_STEPS)]
    dropped = []
    while len(rest) > 2:
        fewer = [rest[place] for place in select_steps(rest, len(rest) - 1)]
        dropped += [step for step in rest if step not in fewer]
        rest = fewer
    return [*rest[::-1], *dropped[::-1]]


def _add(
    order: Sequence[int],
    parts_at: Callable[[int], Parts],
    kept: PackedDocuments,
    room: int,
    places: Sequence[int],
) -> tuple[list[int], set[int]]:
    """Adds one step after the other while they fit; of the first one, the layers that do.

    Returns:
        The steps that were added, and the places of their layers.
    """
    added: list[int] = []
    smallest = kept.room - room
    for step in order:
        parts = parts_at(step)
        if kept.add(_joined(parts), kept.room - smallest):
            added.append(step)
        elif added:
            break
        else:
            fitting = {place for place in places if kept.add(parts[place], kept.room - smallest)}
            return [step], fitting
    return added, {*places}


def _kernels_at(run: Run, step: int) -> dict[str, QuantisedKernel]:
    try:
        return run.quantised_kernels(step)
    except (OSError, ValueError):  # a part of the record that was damaged since it was read
        return {}


def _joined(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {key: text for part in parts for key, text in part.items()}


def _first_filters(
    kernels: Mapping[str, QuantisedKernel], limit: int | None
) -> dict[str, QuantisedKernel]:
    """Returns the first filters of each kernel: at most `limit` weights of each, or two filters.

    The first kernel, which people look at first, stays as it is unless it is large.
    """
    some: dict[str, QuantisedKernel] = {}
    for name, kernel in kernels.items():
        size = kernel.levels.size
        count = max(_FEWEST_FILTERS, (limit or size) * kernel.filters // max(1, size))
        if count < kernel.filters and (some or size > _LIMITS[0]):
            levels, scales = kernel.levels[..., :count], kernel.scales[:count]
            kernel = replace(kernel, levels=levels, scales=scales)
        some[name] = kernel
    return some


def _shorter(content: Any, digits: int | None) -> Any:
    """Returns a document with numbers of fewer significant digits; None for as they are."""
    if digits is None:
        return content
    if isinstance(content, dict):
        return {name: _shorter(value, digits) for name, value in content.items()}
    if isinstance(content, list):
        return [_shorter(value, digits) for value in content]
    return float(f"{content:.{digits}g}") if isinstance(content, float) else content
