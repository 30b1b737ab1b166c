"""Which steps of a long training are kept, so that its history stays within bounded memory."""

from collections.abc import Sequence
from dataclasses import replace

from keras_filterwatch.history import History
from keras_filterwatch.scores import Scores

_MOST, _RECENT = 256, 128  # steps that are kept, and how many of the last ones are all kept
_FILTER_BYTES = 2**26  # for the numbers of each filter


def with_step(history: Sequence[Scores], scores: Scores) -> History:
    """Returns a history with one more step, and without what there is no room for.

    Of more than 256 steps one is dropped, never the first, the last 128 or the first that logged
    a loss: a step within an epoch if there is any, and of these the one whose neighbours are
    nearest to each other. Where the numbers of single filters would fill more than 64 MiB, only
    the first step and the last ones keep them; the others have an empty `filters`.
    """
    steps = [*history, scores]
    if len(steps) > _MOST:
        # the first loss tells how far training came
        logged = next((i for i, past in enumerate(steps) if "loss" in past.logs), 0)
        middle = [i for i in range(1, len(steps) - _RECENT) if i != logged]
        within = [i for i in middle if steps[i].epoch == steps[i - 1].epoch]
        del steps[min(within or middle, key=lambda i: steps[i + 1].step - steps[i - 1].step)]
    detailed = max(2, _FILTER_BYTES // max(_filter_bytes(scores), 1))
    for i in range(1, len(steps) - detailed + 1):
        if any(layer.filters for layer in steps[i].values()):
            steps[i] = _without_filters(steps[i])
    return History(steps)


def _filter_bytes(scores: Scores) -> int:
    return sum(each.nbytes for layer in scores.values() for each in layer.filters.values())


def _without_filters(scores: Scores) -> Scores:
    layers = {name: replace(layer, filters={}) for name, layer in scores.items()}
    return replace(scores, layers=layers)
