"""Which steps and alarms of a long training are kept, so that they stay in bounded memory."""

from collections.abc import Sequence
from dataclasses import replace

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History
from keras_filterwatch.scores import Scores
from keras_filterwatch.yardsticks import epochs_logged

_MOST, _RECENT = 256, 128  # steps that are kept, and how many of the last ones are all kept
_FILTER_BYTES = 2**26  # for the numbers of each filter
_ENDED_ALARMS = 1000


def with_step(history: Sequence[Scores], scores: Scores) -> History:
    """Returns a history with one more step, and without what there is no room for.

    Of more than 256 steps one is dropped, never the first, the last 128 or the first that logged
    a loss or a metric: a step within an epoch if there is any, and of these the one whose
    neighbours are nearest to each other. Where the numbers of single filters would fill more than
    64 MiB, only the first step and the last ones keep them; the others have an empty `filters`.
    """
    steps = [*history, scores]
    if len(steps) > _MOST:
        # the first losses and metrics tell how far training came
        logged = next((i for i, past in enumerate(steps) if epochs_logged([past])), 0)
        middle = [i for i in range(1, len(steps) - _RECENT) if i != logged]
        within = [i for i in middle if steps[i].epoch == steps[i - 1].epoch]
        del steps[min(within or middle, key=lambda i: steps[i + 1].step - steps[i - 1].step)]
    detailed = max(2, _FILTER_BYTES // max(_filter_bytes(scores), 1))
    for i in range(1, len(steps) - detailed + 1):
        if any(layer.filters for layer in steps[i].values()):
            steps[i] = _without_filters(steps[i])
    return History(steps, History.of(history).facts)


def without_oldest(raised: Sequence[Alarm]) -> list[Alarm]:
    """Returns alarms and notes without the oldest of those that ended, where these are too many.

    All that hold are kept, and the last 1,000 that ended.

    Example:
        >>> ended = Alarm("too_large", "head", 3, 11.5, 10.0, (), "It is 11.5.", ended=4)
        >>> len(without_oldest([ended] * 1200))
        1000
    """
    too_many = sum(alarm.ended is not None for alarm in raised) - _ENDED_ALARMS
    kept: list[Alarm] = []
    for alarm in raised:
        if alarm.ended is None or too_many <= 0:
            kept.append(alarm)
        else:
            too_many -= 1
    return kept


def _filter_bytes(scores: Scores) -> int:
    return sum(each.nbytes for layer in scores.values() for each in layer.filters.values())


def _without_filters(scores: Scores) -> Scores:
    layers = {name: replace(layer, filters={}) for name, layer in scores.items()}
    return replace(scores, layers=layers)
