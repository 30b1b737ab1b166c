"""Each rule on made-up histories: it fires when it should, and is silent next to that."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch import rules


def history(arrays, first_epoch=0):
    """Scores of one layer `conv`, an array an epoch; the first one is the initial state."""
    snapshots = [
        fw.Snapshot(first_epoch + i, (fw.Kernel("conv", "Conv2D", array),))
        for i, array in enumerate(arrays)
    ]
    return [
        fw.score(now, first=snapshots[0], previous=before)
        for now, before in zip(snapshots, [None, *snapshots], strict=False)
    ]


def noise_kernel(seed=0, shape=(3, 3, 16, 32)):
    return np.random.default_rng(seed).standard_normal(shape)


def smooth(array):
    """Filters that each repeat one value over the window's columns: edges."""
    return np.broadcast_to(array[:, :1], array.shape) + 0.1 * array


def test_noisy_fires_after_patience_epochs_at_rest():
    alarms = rules.noisy(history([noise_kernel()] * 6), patience=5)
    assert [(alarm.rule, alarm.layer, alarm.step) for alarm in alarms] == [("noisy", "conv", 5)]
    assert "conv still looks untrained after 5 epochs" in alarms[0].message


def test_noisy_waits_for_patience():
    assert not rules.noisy(history([noise_kernel()] * 5), patience=5)


def test_noisy_counts_patience_from_where_watching_began():
    assert not rules.noisy(history([noise_kernel()] * 3, first_epoch=7), patience=5)


def test_noisy_fires_when_weights_changed_for_other_noise():
    assert rules.noisy(history([noise_kernel(seed) for seed in range(6)]), patience=5)


def test_noisy_is_silent_about_a_layer_that_has_structure():
    assert not rules.noisy(history([noise_kernel()] + [smooth(noise_kernel())] * 5), patience=5)


def test_noisy_is_silent_where_structure_was_seen_within_patience():
    arrays = [noise_kernel()] * 3 + [smooth(noise_kernel())] + [noise_kernel()] * 2
    assert not rules.noisy(history(arrays), patience=5)


def test_noisy_is_silent_about_a_layer_that_turned_a_little():
    # rotation .03, as in healthy wide layers that learn without a visible pattern
    turned = noise_kernel(0) + 0.25 * noise_kernel(1)
    assert not rules.noisy(history([noise_kernel(0)] + [turned] * 5), patience=5)


def test_noisy_abstains_without_enough_slices():
    assert not rules.noisy(history([noise_kernel(shape=(3, 3, 1, 8))] * 6), patience=5)


def test_noisy_abstains_about_kernels_without_a_window():
    assert not rules.noisy(history([noise_kernel(shape=(256, 512))] * 6), patience=5)


def test_noisy_says_so_where_the_layer_is_frozen():
    kernel = fw.Kernel("conv", "Conv2D", noise_kernel(), trainable=False)
    frozen = [fw.score(fw.Snapshot(step, (kernel,))) for step in range(6)]
    (alarm,) = rules.noisy(frozen)
    assert alarm.message.endswith("It is frozen: trainable is False.")
    assert "frozen" not in rules.noisy(history([noise_kernel()] * 6))[0].message


def test_noisy_says_what_was_measured_and_what_would_be_enough():
    (alarm,) = rules.noisy(history([noise_kernel()] * 6))
    scores = history([noise_kernel()])[0]["conv"]
    assert alarm.value == scores["noise"]
    # three standard errors of the noise score below 1: Var1 = 1/18, C_min = 1/3 for 3x3
    assert alarm.threshold == pytest.approx(1 - 3 * np.sqrt(1 / 18 / scores["slices"]) / (2 / 3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_diverged_names_layer_and_filters(value):
    array = noise_kernel()
    array[1, 1, 3, [4, 9]] = value
    (alarm,) = rules.diverged(history([noise_kernel(), array]))
    assert (alarm.rule, alarm.layer, alarm.step) == ("diverged", "conv", 1)
    assert alarm.filters == (4, 9)
    assert (alarm.value, alarm.threshold) == (2, 0)
    assert "(filters 4, 9)" in alarm.message
    assert "conv diverged: 2 of 32 filters are not finite any more" in alarm.message


def test_diverged_sees_a_batch_normalization_that_is_not_finite():
    gain = np.ones(32)
    gain[5] = np.nan
    kernel = fw.Kernel("conv", "Conv2D", noise_kernel(), gain)
    (alarm,) = rules.diverged([fw.score(fw.Snapshot(1, (kernel,)))])
    assert alarm.filters == (5,)
    assert "by their weights or the BatchNormalization behind them" in alarm.message


def test_diverged_sees_a_layer_of_nothing_but_nan():
    (alarm,) = rules.diverged(history([noise_kernel(), np.full((3, 3, 16, 32), np.nan)]))
    assert len(alarm.filters) == 32


def test_diverged_is_silent_about_large_weights():
    assert not rules.diverged(history([noise_kernel() * 1e30]))


def test_default_rules_are_the_two_above():
    assert fw.default_rules() == [rules.noisy, rules.diverged]


def test_an_alarm_is_frozen():
    (alarm,) = rules.noisy(history([noise_kernel()] * 6))
    with pytest.raises(AttributeError):
        alarm.value = 0
