"""Does the network learn, still improve, or get nowhere? Answers from the curves of the logs.

A curve is measured by its way: 0 is guessing, 1 is perfection (`yardsticks.py`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.scores import Scores
from keras_filterwatch.trends import chance_of_rise, slope
from keras_filterwatch.yardsticks import epochs_logged, known_yardsticks, yardsticks

LEARNS, IMPROVES, NOWHERE, UNKNOWN = "learns", "still improves", "gets nowhere", "can't tell"

HALF_WAY = 0.5
NOTHING = 0.1  # a way below this is as good as guessing
SIGNIFICANT = 0.05  # a rise that is less likely by chance is a rise
_TOO_SLOW = 10  # a pace that takes more than so many times the planned epochs to come half way
_FEWEST_UPDATES = 100  # before so many, a network that has learnt nothing shows nothing
_LATE = 0.5  # share of the planned epochs
_WINDOW = 20  # a trend is taken over so many epochs at most


def learning(
    steps: Sequence[Scores],
    facts: ModelFacts,
    was_pretrained: bool = False,
    is_at_rest: bool = False,
) -> str:
    """Returns whether a network learns: one of `LEARNS`, `IMPROVES`, `NOWHERE`, `UNKNOWN`.

    The curves are those whose guessing is known; all, if there are none. The network learns if a
    curve is half way to perfection. It gets nowhere if guessing is known, no curve has left it,
    and at its pace the training would need ten times its epochs to come half way. That takes
    `patience(facts)` epochs at a learning rate that rises no more, a hundred updates, and a model
    that was not trained before. A network at rest gets nowhere without the hundred updates and
    a known guessing, unless a curve rises steadily. Otherwise the network still improves if a
    curve rises steadily.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
        was_pretrained: True if the model was trained before.
        is_at_rest: True if its weights hardly moved.

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
    # a negative loss has no known end: the best so far is not the best that can be
    has_end = [each.knows_guess or each.perfect >= 0 for each in known or measured]
    if any(way and way[-1] >= HALF_WAY and ends for way, ends in zip(ways, has_end, strict=True)):
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
    like this, so it means nothing without another sign. False where no curve can be measured.

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

    Trainings of hard tasks are so too, so it means nothing without another sign. False where
    guessing is not known, or how many epochs are planned.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged = epochs_logged(steps)
    known = known_yardsticks(steps, facts)
    if not known or len(logged) < max(_LATE * (facts.epochs or math.inf), 2 * patience(facts)):
        return False
    return not any(way >= HALF_WAY for each in known for way in each.ways(logged)[-1:])


def is_worse_than_guessing(steps: Sequence[Scores], facts: ModelFacts) -> bool:
    """Returns True if the training loss is still above that of guessing, after time to fall.

    It was so for `patience(facts)` epochs, and at its pace would be so for as many more. A model
    whose outputs are always the same would do better. False where the loss of guessing is not
    known.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged = epochs_logged(steps)
    losses = [each for each in known_yardsticks(steps, facts) if each.name == "loss"]
    if not losses or len(logged) < patience(facts):
        return False
    ways = losses[0].ways(logged)[-patience(facts) :]
    return all(way < 0 for way in ways) and ways[-1] + len(ways) * slope(ways) < 0


def patience(facts: ModelFacts) -> int:
    """Returns after how many epochs a training is judged: a fifth of the planned ones, 2 to 5.

    5 if it is not known how many are planned.

    Example:
        >>> patience(ModelFacts(epochs=10)), patience(ModelFacts())
        (2, 5)
    """
    return 5 if facts.epochs is None else min(5, max(2, math.ceil(facts.epochs / 5)))


def _stays(ways: Sequence[float]) -> bool:
    """Returns True for a curve that is at guessing, or does not rise steadily from its start."""
    return not ways[-1] >= NOTHING or chance_of_rise(ways) >= SIGNIFICANT


def _is_stuck(ways: Sequence[float], facts: ModelFacts) -> bool:
    """Returns True for a curve that is at guessing and would take far too long to leave it."""
    last = ways[-1]
    if not math.isfinite(last):
        return True
    # of a curve that jumps, any of the last epochs may show that something is learnt
    if max(ways[-patience(facts) :]) >= NOTHING or (last < -NOTHING and _comes_down(ways)):
        return False
    # a curve that falls from an absurd first loss to guessing has learnt nothing
    ways = [max(way, 0.0) for way in ways]
    rises_throughout = all(late > early for early, late in pairwise(ways))
    if chance_of_rise(ways) >= SIGNIFICANT and not rises_throughout:
        return True
    epochs = (HALF_WAY - last) / max(slope(ways), 1e-12)
    return epochs > _TOO_SLOW * (facts.epochs or len(ways))


def _comes_down(ways: Sequence[float]) -> bool:
    """Returns True for a curve worse than guessing that still improves, and soon reaches it."""
    return len(ways) < 2 or (ways[-1] > ways[-2] and ways[-1] + len(ways) * slope(ways) >= 0)


def _epochs_at_full_rate(logged: Sequence[Scores]) -> int:
    """Returns the number of epochs since the learning rate last rose: a warm-up counts as none."""
    rates = [each.logs.get("learning_rate", 0.0) for each in logged]
    for back in range(1, len(rates)):
        if rates[-back] > 1.001 * rates[-back - 1]:
            return back - 1
    return len(rates)


def _updates(logged: Sequence[Scores]) -> float:
    """Returns the optimizer's updates so far; infinity if unknown, so that none are waited for."""
    counts = [each.updates for each in logged if each.updates is not None]
    return counts[-1] if counts else math.inf
