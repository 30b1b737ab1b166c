"""What does a curve of the logs show where a network only guesses, and where it is perfect?"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from keras_filterwatch.model_facts import ModelFacts, OutputFacts, TargetFacts
from keras_filterwatch.scores import Scores

_ACCURACY = re.compile(r"(^|_)(acc|accuracy|top_?1(_acc|_accuracy)?)$")
# right if the class is among the first k: guessing is right more often than 1 time in k classes
_TOP_SEVERAL = re.compile(r"top_?(k|[2-9]|\d\d)")
_HIGHER_IS_BETTER = re.compile(r"acc|auc|f1|f_?score|dice|iou|precision|recall|r2|top_?\d")
# entries of the logs that Keras did not measure on the training data
_OF_NUMBERS = ("mean_", "huber", "log_cosh", "cosine", "poisson")  # parts of losses' names
_NOT_MEASURED = {"learning_rate", "probe_loss", "filter_noise", "dead_filters"}


@dataclass(frozen=True)
class Yardstick:
    """The two ends of one curve of the logs: its value by guessing, and its best value.

    Attributes:
        name: of the curve, such as `"accuracy"`. Validation data have the same yardstick.
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
        """Returns the way at each step that logged the curve, oldest first; NaN where that is NaN.

        Args:
            steps: the `Scores` of each step, oldest first.
            prefix: `""` for the training data, `"val_"` for the validation data.
        """
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

    Guessing gives an accuracy of 1/k for k classes, or the share of the most frequent one; a
    cross-entropy of ln k, or the entropy with that share; a squared error of the variance of the
    targets. For another metric between 0 and 1 it is taken to be 0, and for another loss that of
    the probe before training, or of the first epoch. A curve that begins perfect has no yardstick.

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


def known_yardsticks(steps: Sequence[Scores], facts: ModelFacts) -> list[Yardstick]:
    """Returns the yardsticks whose guessing is known, the most trusted first.

    The arguments are those of `yardsticks`.
    """
    return [each for each in yardsticks(steps, facts) if each.knows_guess]


def paired(steps: Sequence[Scores], facts: ModelFacts) -> Yardstick | None:
    """Returns the most trusted yardstick whose curve is logged for the validation data too.

    None if there is none. The arguments are those of `yardsticks`.
    """
    names = {name for each in steps for name in each.logs}
    every = yardsticks(steps, facts)
    return next((each for each in every if f"val_{each.name}" in names), None)


def _accuracies(logged: Sequence[Scores], facts: ModelFacts) -> Iterator[Yardstick]:
    """Yields the yardsticks of the accuracies whose guessing is known."""
    for name in _metrics(logged):
        if not _is_accuracy(name):
            continue
        guess = guessing_accuracy(name, logged[-1], facts)
        if guess is not None and guess < 1:
            yield Yardstick(name, guess, 1.0, knows_guess=True)


def _is_accuracy(name: str) -> bool:
    """Returns True if the name is that of an accuracy of the first guess, such as `val_acc`."""
    name = name.lower()
    return bool(_ACCURACY.search(name)) and not _TOP_SEVERAL.search(name)


def guessing_accuracy(name: str, scores: Scores, facts: ModelFacts) -> float | None:
    """Returns the accuracy of guessing the most frequent class, 0 to 1; None if it is not known.

    It is not known where the output has positions, such as pixels, or is no classification.

    Args:
        name: of the accuracy in the logs.
        scores: those of any step: the last layer's units are the classes if `facts` name no
            outputs.
        facts: what is known about the model.
    """
    output = output_of(name, facts)
    if output is None:
        shapes = [layer.shape for layer in scores.values()]
        if facts.outputs or not shapes or len(shapes[-1]) != 2:
            return None
        units = shapes[-1][-1]
    elif (
        output.units is None
        or (output.axes or 2) > 2
        or not _classifies(output, name, _targets_of(output, facts))
    ):
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


def _classifies(output: OutputFacts, name: str, target: TargetFacts | None) -> bool:
    """Returns True for an output of classes, by its loss, non-linearity, metric or targets."""
    loss, last = output.loss, output.trains_as or output.activation
    if "crossentropy" in loss or "hinge" in loss or last in ("softmax", "sigmoid"):
        return True
    is_of_keras = any(part in loss for part in _OF_NUMBERS)
    is_one_hot = target is not None and target.is_one_hot
    return not is_of_keras and ("categorical" in name or is_one_hot or (output.units or 0) > 2)


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
            # `loss` includes the penalties on weights, which may hide that something is learnt
            yield Yardstick(name, guess, 0.0, knows_guess=several or not facts.regularisers)
    before = _values(steps[:1], "probe_loss")
    if before and before[0] > 0:
        guess = guess if guess > 0 and len(facts.outputs) == 1 else 0.0
        # before training, BatchNormalization does not normalise in inference: the loss is odd
        is_start = not guess and not facts.batch_norm_momentum
        yield Yardstick("probe_loss", guess or before[0], 0.0, knows_guess=guess > 0 or is_start)
    values = _values(logged, "loss")
    if facts.regularisers and guess > 0:
        return  # the penalty falls while nothing is learnt
    if len(facts.outputs) == 1 and facts.outputs[0].loss == "cosine_similarity" and values:
        yield Yardstick("loss", 0.0, -1.0, knows_guess=facts.outputs[0].is_mean)
    elif values and math.isfinite(values[0]):
        is_positive = values[0] > 0 and min(values) >= 0
        perfect = 0.0 if is_positive else min(values)
        yield Yardstick("loss", values[0], perfect, knows_guess=False)


def guessing_loss(output: OutputFacts, facts: ModelFacts) -> float:
    """Returns the loss of guessing the most frequent class, or the mean; 0 if it is not known.

    It is not known for sums, with `loss_weights`, for a model's own `compute_loss`, and where the
    output has positions, such as pixels.

    Example:
        >>> output = OutputFacts("out", units=10, loss="sparse_categorical_crossentropy")
        >>> round(guessing_loss(output, ModelFacts()), 3)  # ln 10
        2.303
    """
    if facts.has_own_train_step or output.units is None or (output.axes or 2) > 2:
        return 0.0
    if not output.is_mean:
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
    """Returns the share of the most frequent class; 0 if it is not clearly above 1/k.

    Clearly is more than three standard errors: in few targets, one class is often ahead by chance.
    """
    if target is None or math.isnan(target.majority):
        return 0.0
    error = math.sqrt((1 - 1 / classes) / classes / max(1, target.items))
    return target.majority if target.majority > 1 / classes + 3 * error else 0.0


def _entropy(majority: float, classes: int) -> float:
    """Returns the entropy, in nats, if one class has this share and the others share the rest.

    That of equally frequent classes if the share is not above theirs, or is 1.
    """
    rest = 1 - majority
    if not 0 < rest < 1 - 1 / classes:
        return math.log(classes)
    return -majority * math.log(majority) - rest * math.log(rest / (classes - 1))


def _other_metrics(logged: Sequence[Scores], facts: ModelFacts) -> Iterator[Yardstick]:
    """Yields the yardsticks of other metrics of which 1 is best, such as an F1 score."""
    for name in _metrics(logged):
        direction = facts.metric_directions.get(name)
        if direction == "down" or _is_accuracy(name):
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
    """Returns the values of a curve at each step that logged it, oldest first."""
    return [each.logs[name] for each in steps if name in each.logs]
