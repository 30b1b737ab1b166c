"""Applies rules to a training that is over, step by step, as during the training."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from keras_filterwatch.alarms import Judgement, Rule, follow
from keras_filterwatch.history import History
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.retention import with_step
from keras_filterwatch.rules import default_rules
from keras_filterwatch.scores import Scores


def judge(run: Any, rules: Iterable[Rule] | None = None) -> Judgement:
    """Returns what rules say of a training: alarms and notes with the steps of begin and end.

    At each step the rules get the history up to it, and of a `Run` the facts about the model that
    were known then, as they would have got them during the training.

    Args:
        run: a `Run`, a `FilterWatch`, a `History` or another sequence of `Scores`, oldest first.
        rules: functions `history -> alarms`; None for `default_rules()`.

    Raises:
        TypeError: `run` is none of these.

    Example:
        >>> history = [Scores(step, step, {}, logs={"loss": 0.5}) for step in range(3)]
        >>> judge(history, [lambda history: []]).alarms
        ()
    """
    rules = default_rules() if rules is None else list(rules)
    judgement, history = Judgement(), History()
    for scores, facts in _steps(run):
        # long trainings lose the same steps as while they went on
        history = History(with_step(history, scores), facts)
        judgement = follow(rules, history, judgement.raised)
    return judgement


def _steps(run: Any) -> Iterator[tuple[Scores, ModelFacts]]:
    """Yields the scores of each step, and what was known about the model then."""
    history = getattr(run, "history", run)
    if isinstance(history, str) or not isinstance(history, Sequence):
        raise TypeError(
            "judge: a Run, such as fw.read(log_dir), a FilterWatch or a sequence of Scores is "
            f"needed; got {type(run).__name__}."
        )
    history = History.of(history)
    for scores in history:
        facts = run.facts_at(scores.step) if hasattr(run, "facts_at") else history.facts
        yield scores, facts
