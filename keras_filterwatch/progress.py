"""How far did a training come? Each curve on one yardstick: 0 is guessing, 1 is perfection."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from keras_filterwatch.model_facts import ModelFacts, OutputFacts, TargetFacts
from keras_filterwatch.scores import Scores
from keras_filterwatch.trends import chance_of_rise, slope

LEARNS, IMPROVES, NOWHERE, UNKNOWN = "learns", "still improves", "gets nowhere", "can't tell"

HALF_WAY = 0.5
NOTHING = 0.1  # of the way: what is below is as good as nothing
SIGNIFICANT = 0.05
_TOO_SLOW = 10  # times the planned epochs, to come half way
_FEWEST_UPDATES = 100  # after which nothing learnt means something
_LATE = 0.5  # of the planned epochs
_WINDOW = 20  # epochs that a trend is taken over

_ACCURACY = re.compile(r"(^|_)(acc|accuracy|top_?1(_acc|_accuracy)?)$")
_HIGHER_IS_BETTER = re.compile(r"acc|auc|f1|f_?score|dice|iou|precision|recall|r2|top_?\d")
_NOT_MEASURED = {"learning_rate", "probe_loss", "filter_noise", "dead_filters"}


@dataclass(frozen=True)
class Yardstick:
    """The ends of one curve of the logs.

    Attributes:
        name: of the curve, such as `"accuracy"`; with `val_` before it for the validation data.
        guess: its value where nothing is learnt.
        perfect: its best value.
        knows_guess: False where `guess` is only the value at the first epoch, which is measured
            during that epoch and may be far better than guessing.

    Example:
        >>> Yardstick("accuracy", 0.5, 1.0, True).way(0.75)
        0.5
    """

    name: str
    guess: float
    perfect: float
    knows_guess: bool

    def way(self, value: float) -> float:
        """Returns the way from guessing to perfection: 0 to 1, below 0 if worse than guessing."""
        return (value - self.guess) / (self.perfect - self.guess)

    def ways(self, steps: Sequence[Scores], prefix: str = "") -> list[float]:
        """Returns the way at each step that logged the curve; NaN where the value is."""
        return [self.way(value) for value in _values(steps, prefix + self.name)]


def epochs_logged(steps: Sequence[Scores]) -> list[Scores]:
    """Returns the steps with the logs of an epoch, oldest first.

    Example:
        >>> steps = [Scores(0, 0, {}), Scores(1, 1, {}, logs={"loss": 0.5})]
        >>> [each.step for each in epochs_logged(steps)]
        [1]
    """
    return [each for each in steps if each.logs.keys() - _NOT_MEASURED]


def yardsticks(steps: Sequence[Scores], facts: ModelFacts) -> list[Yardstick]:
    """Returns the yardsticks of a training's curves, the most trusted first.

    An accuracy starts at 1/k for k classes, or at the share of the most frequent one; a
    cross-entropy at ln k, or at the entropy of that share; a squared error at the variance of the
    targets; another metric between 0 and 1 at 0; another loss at that of the probe before
    training, or of the first epoch.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model.
    """
    logged = epochs_logged(steps)
    if not logged:
        return []
    every = [
        *_accuracies(logged, facts),
        *_other_metrics(logged, facts),
        *_losses(steps, logged, facts),
    ]
    return [each for each in every if each.guess != each.perfect]


def paired(steps: Sequence[Scores], facts: ModelFacts) -> Yardstick | None:
    """Returns the most trusted yardstick whose curve is logged for the validation data too."""
    names = {name for each in steps for name in each.logs}
    every = yardsticks(steps, facts)
    return next((each for each in every if f"val_{each.name}" in names), None)


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


def _accuracies(logged: Sequence[Scores], facts: ModelFacts) -> Iterator[Yardstick]:
    """Yields the yardsticks of the accuracies whose guessing is known."""
    for name in _metrics(logged):
        if not _ACCURACY.search(name.lower()):
            continue
        guess = guessing_accuracy(name, logged[-1], facts)
        if guess is not None and guess < 1:
            yield Yardstick(name, guess, 1.0, knows_guess=True)


def guessing_accuracy(name: str, scores: Scores, facts: ModelFacts) -> float | None:
    """Returns the accuracy of guessing the most frequent class; None if that is not known.

    It is not where the output has positions, such as pixels, or is no classification.

    Args:
        name: of the accuracy in the logs.
        scores: the network at some step: its last layer tells the classes where `facts` do not.
        facts: what is known about the model.
    """
    output = output_of(name, facts)
    if output is None:
        shapes = [layer.shape for layer in scores.values()]
        if facts.outputs or not shapes or len(shapes[-1]) != 2:
            return None
        units = shapes[-1][-1]
    elif output.units is None or (output.axes or 2) > 2 or not _classifies(output):
        return None
    else:
        units = output.units
    target = _targets_of(output, facts)
    if units > 1 and output is not None and output.trains_as == "sigmoid":
        # classes may come several at once
        if target is None:
            return None
        if "binary" in name:
            return max(target.mean, 1 - target.mean)
        if not target.is_one_hot:
            return None
    classes = max(2, units)
    return max(1 / classes, _majority(target, classes))


def _classifies(output: OutputFacts) -> bool:
    loss, last = output.loss, output.trains_as or output.activation
    return "crossentropy" in loss or "hinge" in loss or last in ("softmax", "sigmoid")


def _targets_of(output: OutputFacts | None, facts: ModelFacts) -> TargetFacts | None:
    """Returns the probe's targets of an output; None if there are none."""
    targets = facts.targets
    if output is not None and len(facts.outputs) > 1:
        targets = tuple(each for each in targets if each.name == output.name)
    return targets[0] if len(targets) == 1 else None


def output_of(name: str, facts: ModelFacts) -> OutputFacts | None:
    """Returns the output that a curve in the logs belongs to; None if that is not known.

    Example:
        >>> facts = ModelFacts(outputs=(OutputFacts("digit"), OutputFacts("angle")))
        >>> output_of("digit_accuracy", facts).name
        'digit'
    """
    if len(facts.outputs) == 1:
        return facts.outputs[0]
    return next((each for each in facts.outputs if name.startswith(f"{each.name}_")), None)


def _losses(
    steps: Sequence[Scores], logged: Sequence[Scores], facts: ModelFacts
) -> Iterator[Yardstick]:
    """Yields the yardsticks of the losses."""
    guess = math.nan
    for output in facts.outputs:
        several = len(facts.outputs) > 1
        name = f"{output.name}_loss" if several else "loss"
        guess = guessing_loss(output, facts)
        if guess > 0 and name in logged[-1].logs and min(_values(logged, name)) >= 0:
            # a penalty on weights adds to the loss: it may hide that something is learnt
            yield Yardstick(name, guess, 0.0, knows_guess=several or not facts.regularisers)
    before = _values(steps[:1], "probe_loss")
    if before and before[0] > 0:
        guess = guess if guess > 0 and len(facts.outputs) == 1 else before[0]
        yield Yardstick("probe_loss", guess, 0.0, knows_guess=True)
    values = _values(logged, "loss")
    if facts.regularisers and guess > 0:
        return  # the penalty falls while nothing is learnt
    if values and math.isfinite(values[0]):
        is_positive = values[0] > 0 and min(values) >= 0
        perfect = 0.0 if is_positive else min(values)
        yield Yardstick("loss", values[0], perfect, knows_guess=False)


def guessing_loss(output: OutputFacts, facts: ModelFacts) -> float:
    """Returns the loss of guessing; 0 if it is not known.

    Example:
        >>> output = OutputFacts("out", units=10, loss="sparse_categorical_crossentropy")
        >>> round(guessing_loss(output, ModelFacts()), 3)  # ln 10
        2.303
    """
    if facts.has_own_train_step or output.units is None or (output.axes or 2) > 2:
        return 0.0
    target = _targets_of(output, facts)
    if "categorical_crossentropy" in output.loss and output.units > 1:
        return _entropy(_majority(target, output.units), output.units)
    if output.loss == "binary_crossentropy" and output.units == 1:
        return _entropy(_majority(target, 2), 2)
    if output.loss == "binary_crossentropy" and target is not None and target.is_whole:
        return _entropy(max(target.mean, 1 - target.mean), 2)
    if output.loss == "mean_squared_error" and len(facts.outputs) == 1 and len(facts.targets) == 1:
        deviation = facts.targets[0].std
        return 0.0 if math.isnan(deviation) else deviation**2
    return 0.0


def _majority(target: TargetFacts | None, classes: int) -> float:
    """Returns the share of the most frequent class, 0 if it is not clearly above the others.

    By more than three standard errors: of few targets, one class is often ahead by chance.
    """
    if target is None or math.isnan(target.majority):
        return 0.0
    error = math.sqrt((1 - 1 / classes) / classes / max(1, target.items))
    return target.majority if target.majority > 1 / classes + 3 * error else 0.0


def _entropy(majority: float, classes: int) -> float:
    """Returns the entropy of classes of which one has this share and the others share the rest."""
    rest = 1 - majority
    if not 0 < rest < 1 - 1 / classes:
        return math.log(classes)
    return -majority * math.log(majority) - rest * math.log(rest / (classes - 1))


def _other_metrics(logged: Sequence[Scores], facts: ModelFacts) -> Iterator[Yardstick]:
    """Yields the yardsticks of other metrics of which 1 is best, such as an F1 score."""
    for name in _metrics(logged):
        direction = facts.metric_directions.get(name)
        if direction == "down" or _ACCURACY.search(name.lower()):
            continue
        if direction != "up" and not _HIGHER_IS_BETTER.search(name.lower()):
            continue
        if all(0 <= value <= 1 for value in _values(logged, name) if math.isfinite(value)):
            yield Yardstick(name, 0.0, 1.0, knows_guess=False)


def _metrics(logged: Sequence[Scores]) -> list[str]:
    """Returns the names of what was measured on the training data beside the losses."""
    return [
        name
        for name in logged[-1].logs
        if not name.startswith("val_") and not name.endswith("loss") and name not in _NOT_MEASURED
    ]


def _values(steps: Sequence[Scores], name: str) -> list[float]:
    return [each.logs[name] for each in steps if name in each.logs]
