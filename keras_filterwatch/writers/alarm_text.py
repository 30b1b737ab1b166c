"""The text `alarms` of TensorBoard: the last scores, the diagnosis, and all alarms and notes."""

import math
from collections.abc import Sequence

from keras_filterwatch import sentences
from keras_filterwatch.alarms import Alarm
from keras_filterwatch.report import Report
from keras_filterwatch.scores import Scores
from keras_filterwatch.text import markdown

_MOST_ENDED = 50  # alarms in a list: TensorBoard keeps many versions of it
_MOST_LOGS = 8  # of the training's logs in the line of scores


def alarms_as_markdown(report: Report) -> str:
    """Returns the state of a training at one step, healthy or not, in Markdown.

    It has the last scores in a line, the diagnosis, a sentence about each layer that matters, and
    all alarms and notes so far with the steps at which they began and ended. The last text that
    TensorBoard keeps so has all of them. These are lists, since TensorBoard breaks the words in
    narrow columns of tables.

    Example:
        >>> from keras_filterwatch.diagnosis import Diagnosis
        >>> healthy = Diagnosis("no fault found", (), "Train on.")
        >>> alarm = Alarm("noisy", "conv", 2, 1.0, 0.9, (), "conv looks untrained.", ended=4)
        >>> print(alarms_as_markdown(Report(Scores(5, 5, {}), {}, (alarm,), healthy)))
        **Step 5**: no scores.
        <BLANKLINE>
        **No fault found.** No alarm holds now. Train on.
        <BLANKLINE>
        **Alarms that ended**
        <BLANKLINE>
        - **noisy**, conv, warning, steps 2 to 4: conv looks untrained.
    """
    hold = [alarm for alarm in report.alarms if alarm.ended is None]
    ended = [alarm for alarm in report.alarms if alarm.ended is not None]
    paragraphs = [
        _scores_line(report.scores),
        _diagnosis_line(report),
        "\n".join(f"- {markdown(line)}" for line in sentences.overview(report.scores)),
        *_list("Alarms that hold", hold),
        *_list("Alarms that ended", ended),
        *_list("Notes: odd, but harmless so far", report.notes),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _scores_line(scores: Scores) -> str:
    """Returns the step and the numbers of the whole network."""
    numbers = []
    if math.isfinite(scores.filter_noise):
        numbers.append(f"mean noise score {scores.filter_noise:.2f}")
    if math.isfinite(scores.dead_filters):
        numbers.append(f"dead filters {scores.dead_filters:.1%}")
    logs = [*scores.logs.items()][:_MOST_LOGS]
    numbers += [f"{markdown(name)} {number:.4g}" for name, number in logs]
    return f"**Step {scores.step}**: {', '.join(numbers) or 'no scores'}."


def _diagnosis_line(report: Report) -> str:
    diagnosis = report.diagnosis
    if any(alarm.ended is None for alarm in report.alarms):
        return f"**Probable cause: {markdown(diagnosis.cause)}.** {markdown(diagnosis.advice)}"
    alarms = "No alarm holds now." if report.alarms else "No alarm so far."
    words = [f"**{markdown(diagnosis.cause.capitalize())}.**", alarms]
    return " ".join([*words, *map(markdown, diagnosis.evidence), markdown(diagnosis.advice)])


def _list(title: str, alarms: Sequence[Alarm]) -> list[str]:
    """Returns the paragraphs of a list: all alarms that hold, and the last ones that ended."""
    ended = [alarm for alarm in alarms if alarm.ended is not None]
    left_out = {id(alarm) for alarm in ended[:-_MOST_ENDED]}
    items = [
        f"- **{markdown(alarm.rule)}**, {markdown(alarm.layer or 'whole network')}, {alarm.level}, "
        f"{_steps(alarm)}: {markdown(alarm.message)}"
        for alarm in alarms
        if id(alarm) not in left_out
    ]
    if not items:
        return []
    more = [f"{len(left_out)} that ended before are left out."] if left_out else []
    return [f"**{title}**", "\n".join(items), *more]


def _steps(alarm: Alarm) -> str:
    if alarm.ended is None:
        return f"since step {alarm.step}"
    return f"steps {alarm.step} to {alarm.ended}"
