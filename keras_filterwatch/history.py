"""The looks of a training so far, in bounded memory, however long it takes."""

from dataclasses import replace

from keras_filterwatch.scores import Scores

_MOST, _RECENT = 256, 128  # looks that are kept, and how many of the last ones are all kept
_ROOM = 2**26  # bytes for the numbers of each filter


def remember(history: list[Scores], scores: Scores) -> None:
    """Adds the scores of a look to the looks before it, oldest first.

    Of more than 256 looks the one that is missed least is forgotten, never the first, the last 128
    or the first that logged a loss: one within an epoch if there is any, and of these the one whose
    neighbours are nearest to each other. Where the numbers of single filters would fill more than
    64 MiB, only the first look and the last ones keep them; the others have an empty `filters`.
    """
    history.append(scores)
    if len(history) > _MOST:
        # how far training came is told from the first loss
        logged = next((i for i, past in enumerate(history) if "loss" in past.logs), 0)
        middle = [i for i in range(1, len(history) - _RECENT) if i != logged]
        within = [i for i in middle if history[i].epoch == history[i - 1].epoch]
        del history[min(within or middle, key=lambda i: history[i + 1].step - history[i - 1].step)]
    detailed = max(2, _ROOM // max(_size(scores), 1))
    for i in range(1, len(history) - detailed + 1):
        if any(layer.filters for layer in history[i].values()):
            history[i] = _without_filters(history[i])


def _size(scores: Scores) -> int:
    return sum(each.nbytes for layer in scores.values() for each in layer.filters.values())


def _without_filters(scores: Scores) -> Scores:
    layers = {name: replace(layer, filters={}) for name, layer in scores.items()}
    return replace(scores, layers=layers)
