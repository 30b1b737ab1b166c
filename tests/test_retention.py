"""Which steps of a long training are kept: bounded, and enough to judge by."""

from dataclasses import replace

import numpy as np
import pytest
from small_rules import alarm

from keras_filterwatch.history import History
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.retention import with_step, without_oldest
from keras_filterwatch.scores import LayerScores, Scores


def scores_of(step, filters=8, logs=None):
    """The scores of one layer."""
    numbers = {"norm": np.full(filters, float(step))}
    layer = LayerScores("Conv2D", (3, 3, 1, filters), "undetermined", {"dead": 0.0}, numbers)
    return Scores(step, step, {"conv": layer}, logs=logs or {})


def after(count, filters=8, without_loss=0, logged="loss"):
    """The history after so many steps, the first of which logged no loss."""
    history = []
    for step in range(count):
        logs = {logged: 1.0} if step >= without_loss else {"learning_rate": 0.1}
        history = with_step(history, scores_of(step, filters, logs))
    return history


def steps(history):
    return [scores.step for scores in history]


def test_up_to_256_steps_all_are_kept():
    assert steps(after(256)) == list(range(256))


def test_of_more_the_first_and_the_last_128_are_kept_and_256_in_all():
    kept = steps(after(3000))
    assert len(kept) == 256
    assert kept[0] == 0
    assert kept[-128:] == list(range(2872, 3000))


def test_what_is_kept_of_the_past_is_spread_evenly():
    gaps = np.diff(steps(after(3000))[1:-127])
    assert gaps.max() < 3 * np.median(gaps)


@pytest.mark.parametrize("logged", ["loss", "d_loss", "f1"])
def test_the_first_step_that_logged_a_loss_or_a_metric_is_kept(logged):
    assert 100 in steps(after(1000, without_loss=100, logged=logged))


def test_a_history_keeps_what_is_known_about_the_model():
    facts = ModelFacts(optimizer="SGD")
    history = History([scores_of(0)], facts)
    for step in range(1, 300):
        history = with_step(history, scores_of(step))
    assert history.facts == facts


def test_up_to_1000_alarms_that_ended_are_kept():
    ended = [alarm(step=step, ended=step + 1) for step in range(1000)]
    assert without_oldest(ended) == ended


def test_of_more_alarms_that_ended_the_oldest_are_dropped_and_none_that_holds():
    holds = alarm("holds")
    ended = [alarm(step=step, ended=step + 1) for step in range(1003)]
    assert without_oldest([holds, *ended]) == [holds, *ended[3:]]


def test_numbers_of_filters_are_kept_while_there_is_room():
    assert all(scores["conv"].filters for scores in after(300))


def test_without_room_the_first_step_and_the_last_ones_keep_the_numbers_of_filters():
    history = after(20, filters=2**20)  # 8 MiB each
    detailed = [scores.step for scores in history if scores["conv"].filters]
    assert detailed == [0, *range(13, 20)]  # 64 MiB in all
    assert all(scores.dead_filters == 0 for scores in history)


def test_ends_of_epochs_are_kept_before_steps_within_them():
    history = []
    for step in range(20 * 500):
        epoch, batch = divmod(step, 500)
        logs = {"loss": 1.0} if batch == 0 and epoch else {}
        history = with_step(history, replace(scores_of(step, logs=logs), epoch=epoch))
    assert [scores.epoch for scores in history if scores.logs] == list(range(1, 20))
