"""What the text `alarms` says of a training at one step."""

from dataclasses import replace

import numpy as np
from small_rules import alarm

import keras_filterwatch as fw
from keras_filterwatch import text
from keras_filterwatch.sentences import overview
from keras_filterwatch.writers.alarm_text import alarms_as_markdown

KERNELS = {"conv": np.random.default_rng(0).standard_normal((5, 5, 3, 8))}


def lines_of(*alarms, notes=(), scores=None, diagnosis=None):
    """The lines of the text about these alarms."""
    scores = fw.score({}) if scores is None else scores
    diagnosis = diagnosis or fw.Diagnosis("rate too high", ("conv is noise.",), "Lower it.")
    return alarms_as_markdown(fw.Report(scores, {}, alarms, diagnosis, notes)).splitlines()


def test_the_first_line_has_the_step_and_the_last_scores_and_logs():
    scores = replace(fw.score(KERNELS), step=3, logs={"loss": 0.25, "val_loss": 1 / 3})
    noise = scores.filter_noise
    assert lines_of(scores=scores)[0] == (
        f"**Step 3**: mean noise score {noise:.2f}, dead filters 0.0%, loss 0.25, val_loss 0.3333."
    )


def test_where_nothing_is_scored_the_first_line_says_so():
    assert lines_of()[0] == "**Step 0**: no scores."


def test_a_healthy_training_has_a_diagnosis_too():
    healthy = fw.Diagnosis("no fault found", ("Epochs watched: 2.",), "Train on.")
    assert lines_of(diagnosis=healthy)[2] == (
        "**No fault found.** No alarm so far. Epochs watched: 2. Train on."
    )


def test_where_every_alarm_has_ended_the_text_says_that_none_holds():
    healthy = fw.Diagnosis("no fault found", (), "Train on.")
    assert lines_of(alarm(ended=3), diagnosis=healthy)[2] == (
        "**No fault found.** No alarm holds now. Train on."
    )


def test_an_alarm_that_holds_has_a_cause():
    assert lines_of(alarm())[2] == "**Probable cause: rate too high.** Lower it."


def test_each_layer_that_matters_has_a_sentence():
    scores = fw.score(KERNELS)
    (sentence,) = overview(scores)
    assert lines_of(scores=scores)[3:] == ["", f"- {text.markdown(sentence)}"]


def test_alarms_that_hold_come_first_with_rule_layer_level_and_begin():
    ends, holds = alarm("ends", step=2, ended=4), alarm("goes_on", "", step=3, level="error")
    assert lines_of(ends, holds)[3:7] == [
        *("", "**Alarms that hold**", ""),
        "- **goes_on**, whole network, error, since step 3: It is so.",
    ]


def test_alarms_that_ended_say_when():
    assert lines_of(alarm("ends", step=2, ended=4))[3:] == [
        *("", "**Alarms that ended**", ""),
        "- **ends**, conv, warning, steps 2 to 4: It is so.",
    ]


def test_notes_have_a_list_of_their_own_without_an_alarm_too():
    assert lines_of(notes=[alarm("odd", step=1, level="note")])[3:] == [
        *("", "**Notes: odd, but harmless so far**", ""),
        "- **odd**, conv, note, since step 1: It is so.",
    ]


def test_of_many_alarms_that_ended_the_last_ones_are_written():
    lines = lines_of(*(alarm(step=step, ended=step + 1) for step in range(1, 61)))
    begins = [int(line.split("steps ")[1].split()[0]) for line in lines if "steps " in line]
    assert begins == [*range(11, 61)]
    assert lines[-1] == "10 that ended before are left out."


def test_all_alarms_that_hold_are_written():
    lines = lines_of(*(alarm(step=step) for step in range(60)))
    assert len([line for line in lines if "since step" in line]) == 60


def test_characters_of_markdown_are_shown_as_they_are():
    name, message = "![x](http://example.org/p.png)", "two\nlines </td> | and a bar"
    assert lines_of(alarm("a|b", name, step=3, message=message))[-1] == (
        "- **a\\|b**, !\\[x\\](http://example.org/p.png), warning, since step 3: "
        "two lines &lt;/td&gt; \\| and a bar"
    )
