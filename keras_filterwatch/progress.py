"""How far did a training come: does the network learn, still improve, or get nowhere?"""

import math
from collections.abc import Sequence
from itertools import pairwise

from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.scores import Scores
from keras_filterwatch.trends import chance_of_rise, slope
from keras_filterwatch.yardsticks import epochs_logged, yardsticks

LEARNS, IMPROVES, NOWHERE, UNKNOWN = "learns", "still improves", "gets nowhere", "can't tell"

HALF_WAY = 0.5
NOTHING = 0.1  # of the way: what is below is as good as nothing
SIGNIFICANT = 0.05
_TOO_SLOW = 10  # times the planned epochs, to come half way
_FEWEST_UPDATES = 100  # after which nothing learnt means something
_LATE = 0.5  # of the planned epochs
_WINDOW = 20  # epochs that a trend is taken over


def learning(
    steps: Sequence[Scores],
    facts: ModelFacts,
    was_pretrained: bool = False,
    is_at_rest: bool = False,
) -> str:
    """Returns whether a network learns: one of `LEARNS`, `IMPROVES`, `NOWHERE`, `UNKNOWN`.

    It learns if a curve is half way to perfection, and still improves if one rises steadily. It
    gets nowhere if no curve with a known start has left guessing, and at its pace the training
    would need ten times its epochs to come half way. That takes `patience(facts)` epochs at a
    learning rate that rises no more, a hundred updates, and a network that came untrained. A
    network at rest gets nowhere sooner: it learnt nothing, unless a curve rises steadily.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
        was_pretrained: whether the model was trained before.
        is_at_rest: whether its weights hardly moved.

    Example:
        >>> learning([Scores(1, 1, {}, {}, {"loss": 0.9}), Scores(2, 2, {}, {}, {"loss": 0.4})],
        ...          ModelFacts())
        'learns'
    """
    logged, measured = epochs_logged(steps), yardsticks(steps, facts)
    known = [each for each in measured if each.knows_guess]
    ways = [each.ways(logged)[-_WINDOW:] for each in known or measured]
    if not ways:
        return UNKNOWN
    if any(way and way[-1] >= HALF_WAY for way in ways):
        return LEARNS
    if not was_pretrained and (known or is_at_rest):
        at_full_rate = _epochs_at_full_rate(logged)
        recent = [way[-at_full_rate:] for way in ways if way and at_full_rate]
        if is_at_rest and at_full_rate >= patience(facts) and all(map(_stays, recent)):
            return NOWHERE
        has_time = at_full_rate >= patience(facts) and _updates(logged) >= _FEWEST_UPDATES
        if known and has_time and all(_is_stuck(way, facts) for way in recent):
            return NOWHERE
    if any(chance_of_rise(way) < SIGNIFICANT for way in ways):
        return IMPROVES
    return UNKNOWN


def stands_still(steps: Sequence[Scores], facts: ModelFacts) -> bool:
    """Returns True if training stands still well below perfection, after time enough to improve.

    The most trusted curve did not rise steadily over twice `patience(facts)` epochs at a learning
    rate that rises no more, and is not within a tenth of perfection. Many healthy trainings end
    so: it says nothing without another sign.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged, measured = epochs_logged(steps), yardsticks(steps, facts)
    epochs = 2 * patience(facts)
    if not measured or _epochs_at_full_rate(logged) < epochs:
        return False
    ways = measured[0].ways(logged)[-epochs:]
    return not ways[-1] >= 1 - NOTHING and chance_of_rise(ways) >= SIGNIFICANT


def is_behind(steps: Sequence[Scores], facts: ModelFacts) -> bool:
    """Returns True if half of the planned epochs are over and no curve is half way.

    Hard tasks are so: it says nothing without another sign. False where guessing is not known.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged = epochs_logged(steps)
    known = [each for each in yardsticks(steps, facts) if each.knows_guess]
    if not known or len(logged) < max(_LATE * (facts.epochs or math.inf), 2 * patience(facts)):
        return False
    return not any(way >= HALF_WAY for each in known for way in each.ways(logged)[-1:])


def is_worse_than_guessing(steps: Sequence[Scores], facts: ModelFacts) -> bool:
    """Returns True if the training loss is still above that of guessing, after time to fall.

    For `patience(facts)` epochs, and at its pace for as many more: outputs that are always the
    same would do better. False where the loss of guessing is not known.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged = epochs_logged(steps)
    losses = [each for each in yardsticks(steps, facts) if each.knows_guess and each.name == "loss"]
    if not losses or len(logged) < patience(facts):
        return False
    ways = losses[0].ways(logged)[-patience(facts) :]
    return all(way < 0 for way in ways) and ways[-1] + len(ways) * slope(ways) < 0


def patience(facts: ModelFacts) -> int:
    """Returns after how many epochs a training is judged: a fifth of the planned ones, 2 to 5.

    Example:
        >>> patience(ModelFacts(epochs=10)), patience(ModelFacts())
        (2, 5)
    """
    return 5 if facts.epochs is None else min(5, max(2, math.ceil(facts.epochs / 5)))


def _stays(ways: Sequence[float]) -> bool:
    """Returns True for a curve that came nowhere, or does not rise, wherever it began."""
    return not ways[-1] >= NOTHING or chance_of_rise(ways) >= SIGNIFICANT


def _is_stuck(ways: Sequence[float], facts: ModelFacts) -> bool:
    """Returns True for a curve that is at guessing and would take far too long to leave it."""
    last = ways[-1]
    if not math.isfinite(last):
        return True
    if last >= NOTHING or (last < -NOTHING and last + len(ways) * slope(ways) >= 0):
        return False
    # what is worse than guessing, such as an absurd first loss, is no start to rise from
    ways = [max(way, 0.0) for way in ways]
    rises_throughout = all(late > early for early, late in pairwise(ways))
    if chance_of_rise(ways) >= SIGNIFICANT and not rises_throughout:
        return True
    epochs = (HALF_WAY - last) / max(slope(ways), 1e-12)
    return epochs > _TOO_SLOW * (facts.epochs or len(ways))


def _epochs_at_full_rate(logged: Sequence[Scores]) -> int:
    """Returns how many of the last epochs had a learning rate that did not rise any more."""
    rates = [each.logs.get("learning_rate", 0.0) for each in logged]
    for back in range(1, len(rates)):
        if rates[-back] > 1.001 * rates[-back - 1]:
            return back - 1
    return len(rates)


def _updates(logged: Sequence[Scores]) -> float:
    counts = [each.updates for each in logged if each.updates is not None]
    return counts[-1] if counts else math.inf
