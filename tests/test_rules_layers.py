"""Rules about single layers on made-up histories: each fires, and is silent next to that."""

from dataclasses import replace
from math import erf, sqrt

import numpy as np
import pytest
from made_up import (
    FORMED,
    GOOD,
    POOR,
    SMALL,
    START,
    facts,
    layer,
    network,
    noise_kernel,
    of_layers,
    probed,
    rough,
    says,
    scored,
    smooth,
    turned,
    units,
    with_head,
)

import keras_filterwatch as fw
from keras_filterwatch import rules
from keras_filterwatch.history import UNMOVED
from keras_filterwatch.rules import filters as filter_constants
from keras_filterwatch.rules import units as unit_constants

KNOWN = facts()  # patience of two epochs


def levels(alarms):
    return [alarm.level for alarm in alarms]


# noisy


def test_noisy_says_after_patience_epochs_what_was_measured_and_would_be_enough():
    alarms = rules.noisy(scored([START] * 6), patience=5)
    scores = scored([START])[0]["conv"]
    # three standard errors of the noise score below 1: Var1 = 1/18, C_min = 1/3 for 3x3
    bound = 1 - 3 * np.sqrt(1 / 18 / scores["slices"]) / (2 / 3)
    words = f"noise score {scores['noise']:.2f} (1 is noise, below {bound:.2f} would be structure)"
    says(alarms, "noisy", 5, scores["noise"], bound, words, level="note")


def test_noisy_fires_when_weights_changed_for_other_noise():
    assert rules.noisy(scored([noise_kernel(seed) for seed in range(6)]), patience=5)


def test_noisy_waits_a_fifth_of_the_planned_epochs():
    for epochs, waits in ((10, 2), (20, 4)):
        steps = scored([START] * 5, known=facts(epochs=epochs))
        fires = [bool(rules.noisy(steps[:end])) for end in range(1, 6)]
        assert fires == [end > waits for end in range(5 + 1)][1:]


def test_noisy_counts_patience_from_where_watching_began():
    assert not rules.noisy(scored([START] * 3, first_epoch=7), patience=5)


@pytest.mark.parametrize(
    "arrays",
    [
        [START] * 5,
        [START] + [FORMED] * 5,
        [START] * 3 + [FORMED] + [START] * 2,
        [noise_kernel(shape=(3, 3, 1, 8))] * 6,
        [noise_kernel(shape=(64, 128))] * 6,
    ],
    ids=["too early", "formed", "formed for a while", "few slices", "no window"],
)
def test_noisy_is_silent_next_to_that(arrays):
    assert not rules.noisy(scored(arrays), patience=5)


@pytest.mark.parametrize(
    ("rotation", "fires"),
    [
        (UNMOVED - 0.001, True),
        (UNMOVED + 0.001, False),
        (filter_constants._TURNED - 0.01, False),
        (filter_constants._TURNED + 0.01, True),
    ],
)
def test_noisy_is_about_layers_at_rest_or_far_from_their_start(rotation, fires):
    arrays = [START] + [turned(START, rotation)] * 5
    assert bool(rules.noisy(scored(arrays))) == fires


@pytest.mark.parametrize(
    ("rotation", "logs", "level"),
    [(0.0, POOR, "warning"), (0.1, POOR, "note"), (0.1, GOOD, "note"), (0.0, {}, "note")],
    ids=["at rest at guessing", "another layer moves", "learns", "unknown"],
)
def test_noisy_is_a_note_but_in_a_network_at_rest_that_gets_nowhere(rotation, logs, level):
    steps = scored(with_head([START] * 6, rotation), [logs] * 5)
    assert levels(rules.noisy(steps)) == [level]


def test_noisy_is_silent_about_a_frozen_layer():
    assert not rules.noisy(scored([START] * 6, frozen=("conv",)))


def test_noisy_is_silent_about_a_network_that_was_pretrained():
    assert not rules.noisy(scored({"conv": [FORMED] * 6, "new": [START] * 6}))


def test_noisy_is_silent_about_a_network_at_rest_that_does_well():
    # of ten classes, (.56 - .1) / .9 = .51 of the way is well
    resting = with_head([START] * 6, rotation=0)
    assert not rules.noisy(scored(resting, [{"loss": 1.0, "accuracy": 0.56}] * 5))
    assert rules.noisy(scored(resting, [{"loss": 1.0, "accuracy": 0.54}] * 5))


# frozen_at_random


def frozen(trained=None, **numbers):
    """A frozen layer after an epoch, and whether its bias shows that it was trained."""
    numbers = {"verdict": "untrained", "noise": 1.0, "rotation": 0.0, **numbers}
    start = {"conv": layer(**{"trainable": False} | numbers), "head": network()["head"]}
    known = {} if trained is None else {"conv": trained}
    return of_layers([start] * 2, [POOR], facts(was_trained=known))


def test_frozen_at_random_names_a_layer_that_is_as_it_was_initialised():
    words = "conv is frozen (trainable is False) with the random weights of its initialisation."
    says(rules.frozen_at_random(frozen(False)), "frozen_at_random", 1, np.nan, 0, words)


@pytest.mark.parametrize(
    ("steps", "fires"),
    [
        (frozen(False), True),
        (frozen(False)[:1], False),
        (frozen(False, trainable=True), False),
        (frozen(False, rotation=1e-5), False),
        (frozen(False, verdict="structured"), False),
        (frozen(True, coverage=0.99), False),
    ],
    ids=["frozen", "at first", "trainable", "moved", "structured", "trained bias"],
)
def test_frozen_at_random_is_silent_next_to_that(steps, fires):
    assert bool(rules.frozen_at_random(steps)) == fires


def test_frozen_at_random_knows_layers_that_are_too_small_to_judge_by_their_biases():
    small = {"verdict": "undetermined", "coverage": 0.5}
    assert rules.frozen_at_random(frozen(False, **small))
    assert not rules.frozen_at_random(frozen(None, **small))


@pytest.mark.parametrize(
    ("verdict", "bound"),
    [("untrained", filter_constants._SPREAD), ("undetermined", filter_constants._EVENLY_SPREAD)],
)
def test_frozen_at_random_judges_layers_without_bias_by_how_evenly_weights_are_spread(
    verdict, bound
):
    for coverage, fires in ((bound + 0.01, True), (bound - 0.01, False)):
        steps = frozen(verdict=verdict, coverage=coverage)
        assert bool(rules.frozen_at_random(steps)) == fires


def truncated_normal(shape=(3, 3, 16, 32), seed=0):
    """Normal numbers without those beyond 2, as he_normal and glorot_normal draw them."""
    numbers = noise_kernel(seed, (2 * np.prod(shape),))
    return numbers[abs(numbers) < 2][: np.prod(shape)].reshape(shape)


def test_weights_of_he_normal_use_ninety_percent_of_their_range():
    # exp of the entropy over ten bins of the normal distribution between -2 and 2
    ends = np.linspace(-2, 2, 11)
    below = np.array([0.5 * (1 + erf(each / sqrt(2))) for each in ends])
    shares = np.diff(below) / (below[-1] - below[0])
    expected = np.exp(-(shares * np.log(shares)).sum()) / 10
    assert scored([truncated_normal()])[0]["conv"]["coverage"] == pytest.approx(expected, abs=0.01)
    assert filter_constants._SPREAD < expected < filter_constants._EVENLY_SPREAD


@pytest.mark.parametrize(
    ("array", "fires"),
    [
        (np.random.default_rng(0).uniform(-1, 1, START.shape), True),
        (truncated_normal(), True),
        (START, False),
        (FORMED, False),
        (np.random.default_rng(0).uniform(-1, 1, (64, 128)), False),
    ],
    ids=["uniform", "truncated normal", "normal", "structured", "no window"],
)
def test_frozen_at_random_knows_the_usual_initialisers(array, fires):
    steps = scored([array] * 2, frozen=("conv",))
    assert bool(rules.frozen_at_random(steps)) == fires


def test_frozen_at_random_leaves_a_base_alone_of_which_a_part_was_trained():
    fresh = np.random.default_rng(0).uniform(-1, 1, START.shape)
    base = {"conv": [fresh] * 2, "formed": [FORMED] * 2}
    assert rules.frozen_at_random(scored(base, frozen=("conv",)))
    assert not rules.frozen_at_random(scored(base, frozen=("conv", "formed")))
    known = facts(was_trained={"conv": False, "formed": True})
    base["formed"] = [fresh] * 2
    assert not rules.frozen_at_random(scored(base, known=known, frozen=("conv", "formed")))


def test_a_layer_that_trains_says_nothing_about_a_frozen_one():
    fresh = np.random.default_rng(0).uniform(-1, 1, START.shape)
    known = facts(was_trained={"conv": False, "other": True})
    steps = scored({"conv": [fresh] * 2, "other": [FORMED] * 2}, known=known, frozen=("conv",))
    assert rules.frozen_at_random(steps)


# getting_noisier


def least_rise(slices):
    """.15 or five standard errors of the noise score: Var1 = 1/18 and C_min = 1/3 for 3x3."""
    return max(0.15, 5 * np.sqrt(1 / 18 / slices) / (2 / 3))


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), SMALL.shape], ids=["many slices", "few slices"])
def test_getting_noisier_needs_a_clear_rise_from_the_minimum(shape):
    bound = 0.2 + least_rise(shape[2] * shape[3])
    rising = [rough(noise, shape) for noise in (0.4, 0.2, bound + 0.01, bound + 0.01)]
    words = f"noise score {bound + 0.01:.2f}, after 0.20 at its smoothest"
    alarms = rules.getting_noisier(scored(rising))
    says(alarms, "getting_noisier", 3, bound + 0.01, bound, words, level="note")
    below = [rough(noise, shape) for noise in (0.4, 0.2, bound - 0.01, bound - 0.01)]
    assert not rules.getting_noisier(scored(below))


@pytest.mark.parametrize("noise", [(0.2, 0.9), (0.2, 0.2, 0.9), (0.2, 0.9, 0.2)])
def test_getting_noisier_needs_the_rise_at_two_steps_in_a_row(noise):
    assert not rules.getting_noisier(scored([rough(each) for each in noise]))


def test_getting_noisier_is_a_note_even_in_a_network_that_gets_nowhere():
    arrays = [rough(0.2)] * 3 + [rough(0.9)] * 3
    assert levels(rules.getting_noisier(scored(with_head(arrays), [POOR] * 5))) == ["note"]


def test_getting_noisier_abstains_about_kernels_without_a_window():
    assert not rules.getting_noisier(scored([noise_kernel(seed, (64, 32)) for seed in range(4)]))


# dead


def test_dead_names_the_units_that_never_answer_to_the_probe():
    words = "16 of 32 units of conv are dead: they are zero for every input of the probe"
    alarms = rules.dead(probed([0, 20, 20, 20, 16]), epochs=4)
    says(alarms, "dead", 4, 0.5, 0.5, words, filters=range(16), level="note")


def moving(*parts):
    """Kernels of 32 filters that change at each step, but for what `parts` make of them."""
    arrays = [noise_kernel(seed) for seed in range(6)]
    for array in arrays[1:]:
        for filters, values in parts:
            array[..., filters] = values
    return arrays


def test_dead_names_the_filters_without_weight_where_there_is_no_probe():
    words = "16 of 32 filters of conv are dead: they have next to no weight"
    few = 0.001 * noise_kernel(1)[..., 8:24]
    arrays = moving()
    for step, array in enumerate(arrays[1:], 1):
        array[..., 8:24] = step * few
    alarms = rules.dead(scored(with_head(arrays)), epochs=4)
    says(alarms, "dead", 5, 0.5, 0.5, words, filters=range(8, 24), level="note")


def test_dead_names_the_filters_that_no_epoch_changed_where_there_is_no_probe():
    words = "16 of 32 filters of conv do not change at all: no gradient reaches them"
    arrays = moving((slice(8, 24), START[..., 8:24]))
    alarms = rules.dead(scored(with_head(arrays)), epochs=4)
    says(alarms, "dead", 5, 0.5, 0.5, words, filters=range(8, 24), level="note")


@pytest.mark.parametrize(
    ("still", "logs", "known"),
    [
        (slice(8, 23), {}, facts()),
        (slice(8, 24), {"learning_rate": 0.0}, facts()),
        (slice(8, 24), {}, facts(activations={"conv": "tanh"})),
    ],
    ids=["15 of 32", "a rate of zero", "a bounded non-linearity"],
)
def test_filters_that_no_epoch_changed_are_not_dead_next_to_that(still, logs, known):
    arrays = moving((still, START[..., still]))
    assert not rules.dead(scored(with_head(arrays), [logs] * 5, known), epochs=4)


@pytest.mark.parametrize(
    "dead",
    [[0, 15, 15, 15, 15], [0, 32, 32, 32], [0, 32, 32, 0, 32, 32, 32], [0, 32, 32, 32, 32, 15]],
    ids=["15 of 32", "too early", "interrupted", "over"],
)
def test_dead_is_silent_below_half_or_four_epochs_in_a_row(dead):
    assert not rules.dead(probed(dead), epochs=4)


def test_dead_sees_a_layer_that_was_dead_from_the_start():
    assert rules.dead(probed([16] * 5), epochs=4)


def test_dead_waits_a_fifth_of_the_planned_epochs():
    steps = probed([0, 32, 32], known=facts(epochs=10))
    assert [bool(rules.dead(steps[:end])) for end in (1, 2, 3)] == [False, False, True]


@pytest.mark.parametrize(("logs", "level"), [(POOR, "warning"), (GOOD, "note"), ({}, "note")])
def test_dead_is_a_note_but_in_a_network_that_gets_nowhere(logs, level):
    assert levels(rules.dead(probed([0] + [32] * 5, logs=[logs] * 5))) == [level]


def test_dead_names_filters_that_do_nothing_but_shrink_where_there_is_no_probe():
    # weight decay takes a hundredth at each step, and no gradient comes
    words = "32 of 32 filters of conv do nothing but shrink: no gradient reaches them"
    alarms = rules.dead(scored(with_head([START * 0.99**i for i in range(6)])), epochs=4)
    says(alarms, "dead", 5, 1.0, 0.5, words, filters=range(32), level="note")


def test_a_layer_that_shrinks_and_turns_is_not_dead():
    # steps of a hundredth of its size towards noise turn it by up to half their sum squared
    arrays = [turned(START, 1e-4 * i) * 0.99**i for i in range(6)]
    assert not rules.dead(scored(with_head(arrays)), epochs=4)


def test_a_layer_that_grows_without_turning_does_not_shrink():
    arrays = [START * 1.01**i for i in range(6)]
    assert not rules.dead(scored(with_head(arrays)), epochs=4)


def all_dead(dead=32, **known):
    known = {"activations": {"conv": "relu"}, **known}
    return probed([0] + [dead] * 3, logs=[GOOD] * 3, known=facts(**known))


@pytest.mark.parametrize(
    ("steps", "level"),
    [
        (all_dead(), "warning"),
        (all_dead(31), "note"),
        (all_dead(has_shortcuts=True), "note"),
        (all_dead(activations={}), "note"),
    ],
    ids=["in a chain", "31 of 32", "with a shortcut", "unknown flow"],
)
def test_a_layer_without_any_living_unit_that_nothing_goes_around_is_a_warning(steps, level):
    assert levels(rules.dead(steps)) == [level]


@pytest.mark.parametrize(
    ("rotation", "rate", "level"), [(0.0, 0.1, "warning"), (0.1, 0.1, "note"), (0.0, 0.0, "note")]
)
def test_dead_units_are_a_warning_where_no_kernel_changes_any_more(rotation, rate, level):
    # the head turns at the first epoch, and by more at each further one, or not at all
    start = noise_kernel(9, (8, 10))
    head = [turned(start, rotation * step / 4) for step in range(4)]
    kernels = {"conv": [noise_kernel(shape=(3, 3, 4, 32))] * 4, "head": head}
    outputs = {"conv": [units(20)] * 4}
    logs = [GOOD | {"learning_rate": rate}] * 3
    assert levels(rules.dead(scored(kernels, logs, KNOWN, outputs))) == [level]


def test_few_zeros_of_a_unit_are_no_evidence():
    # a unit that answers to one input of twenty is silent n times in a row by (1 - 1/20)^n
    assert 0.95**unit_constants._OBSERVATIONS < 0.05
    for observations, fires in (
        (unit_constants._OBSERVATIONS, True),
        (unit_constants._OBSERVATIONS - 1, False),
    ):
        assert bool(rules.dead(probed([32] * 6, observations=observations))) == fires


def in_epochs(steps, epochs):
    return [replace(scores, epoch=epoch) for scores, epoch in zip(steps, epochs, strict=True)]


def test_steps_within_an_epoch_do_not_count_as_epochs():
    steps = probed([0, 16, 16, 16, 16, 16, 16, 16, 16])
    assert not rules.dead(in_epochs(steps, [0, 0, 0, 0, 0, 1, 1, 2, 3]), epochs=4)
    assert rules.dead(in_epochs(steps, [0, 0, 1, 1, 2, 2, 3, 3, 4]), epochs=4)


def test_of_each_epoch_its_end_counts():
    dead_within = probed([0, 16, 0, 16, 0, 16, 0, 16, 0])
    dead_at_ends = probed([0, 0, 16, 0, 16, 0, 16, 0, 16])
    epochs = [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert not rules.dead(in_epochs(dead_within, epochs), epochs=4)
    assert rules.dead(in_epochs(dead_at_ends, epochs), epochs=4)


def test_dead_believes_the_probe_rather_than_the_weights():
    layers = with_head([SMALL] + [0 * SMALL] * 5)
    assert rules.dead(scored(layers))
    assert not rules.dead(scored(layers, outputs={"conv": [units(0, count=8)] * 6}))


def test_dead_is_silent_about_a_frozen_layer():
    layers = with_head([SMALL] + [0 * SMALL] * 5)
    assert not rules.dead(scored(layers, frozen=("conv",)))


@pytest.mark.parametrize("rule", [rules.dead, rules.saturated])
def test_the_units_of_a_dense_last_layer_may_be_dead_or_saturated(rule):
    assert not rule(probed([10] * 6, None if rule is rules.dead else (0, 1), "head"))


# saturated


def test_saturated_names_the_units_that_stay_at_a_rail():
    words = "50% of the units of conv are saturated"
    alarms = rules.saturated(probed([0, 20, 16], (-1, 1)))
    says(alarms, "saturated", 2, 0.5, 0.5, words, filters=range(16), level="note")
    assert "at the start" not in alarms[0].message


@pytest.mark.parametrize("affected", [[15, 15, 15], [32, 32], [32, 15, 32], [32, 32, 15]])
def test_saturated_is_silent_below_half_or_two_steps_in_a_row(affected):
    assert not rules.saturated(probed(affected, (-1, 1)))


@pytest.mark.parametrize(("logs", "level"), [(POOR, "warning"), (GOOD, "note"), ({}, "note")])
def test_saturated_is_a_note_but_in_a_network_that_gets_nowhere(logs, level):
    steps = probed([0] + [32] * 5, (-1, 1), logs=[logs] * 5)
    assert levels(rules.saturated(steps)) == [level]


# of ten classes, .6 is .56 of the way: the network learnt, and stands still below perfection
STANDING = [{"loss": 1.2, "accuracy": 0.6}] * 5


@pytest.mark.parametrize(
    ("affected", "logs", "level"),
    [
        ([32] * 6, STANDING, "warning"),
        ([0] + [32] * 5, STANDING, "note"),
        ([32] * 6, [GOOD] * 5, "note"),
    ],
    ids=["since the start", "later", "since the start and doing well"],
)
def test_units_saturated_since_the_start_are_a_warning_where_training_struggles(
    affected, logs, level
):
    alarms = rules.saturated(probed(affected, (-1, 1), logs=logs, known=KNOWN))
    assert levels(alarms) == [level]
    assert ("They were so at the start already." in alarms[0].message) == (affected[0] > 0)


def test_saturated_abstains_about_units_without_bounds():
    assert not rules.saturated(probed([0] * 4))


def test_saturated_is_silent_about_a_frozen_layer():
    kernels, outputs = with_head([noise_kernel(shape=(3, 3, 4, 32))] * 4), [units(32, (-1, 1))] * 4
    assert rules.saturated(scored(kernels, outputs={"conv": outputs}))
    assert not rules.saturated(scored(kernels, outputs={"conv": outputs}, frozen=("conv",)))


def test_saturated_sees_weights_that_came_to_their_constraints_rail():
    held = np.clip(START, -0.6, 0.6)
    share = (np.abs(START) >= 0.6).mean()  # P(|x| > .6) = .549 of normal numbers
    words = f"{share:.0%} of the weights of conv are saturated"
    alarms = rules.saturated(scored(with_head([START, held, held])))
    most = (np.abs(START) >= 0.6).reshape(-1, 32).mean(axis=0) >= 0.5
    filters = np.flatnonzero(most)
    says(alarms, "saturated", 2, share, 0.5, words, filters=filters, level="note")
    assert not rules.saturated(scored(with_head([START] + [np.clip(START, -0.8, 0.8)] * 2)))


def test_saturated_is_silent_about_weights_that_began_at_the_rail():
    half = np.where(np.arange(32) < 16, np.sign(START), 0.01 * START)
    assert not rules.saturated(scored(with_head([np.sign(START)] * 4)))
    assert not rules.saturated(scored(with_head([half] + [np.sign(START)] * 3)))


def large_at_first(name="conv", times=1.1, last="tanh", epochs=1, logs=(), trainable=True, **known):
    """Filters whose norm at the start is so many times the bound of the rule."""
    numbers = {"norm": times * unit_constants._LARGE_NORM, "trainable": trainable}
    shape = {"conv": (3, 3, 4, 8), "head": (8, 10)}[name]
    steps = [network() | {name: layer(shape, **numbers)}] * (epochs + 1)
    return of_layers(steps, logs, facts(activations={name: last}, **known))


def test_saturated_sees_without_a_probe_that_weights_were_huge_at_the_start():
    norm = 1.1 * unit_constants._LARGE_NORM
    words = f"The filters of conv had a norm of {norm:.3g} at the start, where he_normal gives 1.4"
    alarms = rules.saturated(large_at_first())
    says(alarms, "saturated", 1, norm, unit_constants._LARGE_NORM, words, level="note")
    assert "at the ends of the range of tanh" in alarms[0].message


def test_filters_of_he_normal_are_not_huge():
    # variance 2 / n for n weights a filter: the norm is the square root of 2, give or take
    he = noise_kernel() * np.sqrt(2 / (3 * 3 * 16))
    norm = scored([he])[0]["conv"]["norm"]
    assert norm == pytest.approx(np.sqrt(2), rel=0.05)
    assert norm < unit_constants._LARGE_NORM / 2


@pytest.mark.parametrize(
    "change",
    [
        {"times": 0.9},
        {"last": "relu"},
        {"last": ""},
        {"epochs": 0},
        {"name": "head"},
        {"trainable": False},
        {"batch_norm_momentum": {"conv": 0.99}},
    ],
    ids=["usual norm", "relu", "unknown", "at first", "last layer", "frozen", "batch norm"],
)
def test_huge_weights_saturate_nothing_next_to_that(change):
    assert not rules.saturated(large_at_first(**change))


def test_huge_weights_are_a_warning_where_training_struggles():
    assert levels(rules.saturated(large_at_first(epochs=5, logs=STANDING))) == ["warning"]


def test_saturated_believes_the_probe_rather_than_the_weights():
    huge = with_head([10 * START] * 4)
    known = facts(activations={"conv": "tanh"})
    assert rules.saturated(scored(huge, known=known))
    unsaturated = {"conv": [units(0, (-1, 1))] * 4}
    assert not rules.saturated(scored(huge, known=known, outputs=unsaturated))


# symmetric


@pytest.mark.parametrize(("value", "rank", "word"), [(0.1, 1, "the same"), (0, 0, "zero")])
def test_symmetric_fires_after_an_epoch_of_one_filter_since_the_start(value, rank, word):
    alarms = rules.symmetric(scored(with_head([np.full(SMALL.shape, value)] * 2)))
    words = f"All 8 filters of conv are {word}, as they were at the start"
    # the effective rank of one direction is exp(0) = 1
    says(alarms, "symmetric", 1, rank, filter_constants.ONE_DIRECTION, words, filters=range(8))


def ones(last=1.0):
    """Filters of ones, but for the last one."""
    return np.concatenate([np.ones((3, 3, 4, 7)), np.full((3, 3, 4, 1), last)], axis=-1)


@pytest.mark.parametrize(
    "arrays",
    [
        [ones()],
        [ones(), SMALL],
        [SMALL, ones()],
        [ones(last=-1)] * 2,
        [ones(last=np.nan)] * 2,
        [ones() + 0.2 * SMALL] * 2,
        [np.zeros((3, 3, 4, 1))] * 2,
    ],
    ids=["at first", "broken", "later", "mirrored", "diverged", "nearly the same", "one filter"],
)
def test_symmetric_is_silent_next_to_that(arrays):
    assert not rules.symmetric(scored(with_head(arrays)))


def test_symmetric_is_silent_about_the_last_layer():
    assert not rules.symmetric(scored([np.zeros((8, 10))] * 3))


def test_symmetric_is_silent_about_a_frozen_layer():
    assert not rules.symmetric(scored(with_head([ones()] * 2), frozen=("conv",)))


# vanishing


HIDDEN = [f"layer{i}" for i in range(5)]


def deep(*gradients, logs=POOR, frozen=(), **known):
    """Five sigmoid layers and a head; `gradients` are those of the five at each step, if any."""
    steps = []
    for each in gradients or [()] * 4:
        numbers = [{"gradient": gradient} for gradient in each] or [{}] * 5
        hidden = {
            name: layer(trainable=name not in frozen, rotation=0.1, **number)
            for name, number in zip(HIDDEN, numbers, strict=True)
        }
        steps.append(hidden | {"head": layer((8, 10), rotation=0.1)})
    known = {"activations": dict.fromkeys(HIDDEN, "sigmoid"), **known}
    return of_layers(steps, [logs] * (len(steps) - 1), facts(**known))


SMALLEST = unit_constants._VANISHED
BELOW, ABOVE = (0.9 * SMALLEST, 1, 1, 1, 1), (1.1 * SMALLEST, 1, 1, 1, 1)


def test_vanishing_says_how_small_the_gradient_of_the_first_layer_is():
    ratio = 0.9 * SMALLEST
    words = f"The gradient of layer0 is {ratio:.1g} of the largest one"
    says(rules.vanishing(deep(*[BELOW] * 4)), "vanishing", 3, ratio, SMALLEST, words, "layer0")


@pytest.mark.parametrize(
    ("steps", "fires"),
    [
        (deep(*[BELOW] * 4), True),
        (deep(BELOW, ABOVE, BELOW, BELOW), False),
        (deep(*[BELOW] * 4, logs=GOOD), False),
        (deep(*[BELOW] * 2), False),
        (deep(*[BELOW[::-1]] * 4), False),
    ],
    ids=["always small", "once large", "network learns", "too early", "last layer's small"],
)
def test_vanishing_needs_a_small_gradient_at_every_step_and_a_network_that_gets_nowhere(
    steps, fires
):
    assert bool(rules.vanishing(steps)) == fires


def test_vanishing_is_about_the_first_layer_that_trains():
    second = (1, 0.9 * SMALLEST, 1, 1, 1)
    assert not rules.vanishing(deep(*[second] * 4))
    (alarm,) = rules.vanishing(deep(*[second] * 4, frozen=["layer0"]))
    assert alarm.layer == "layer1"


def test_vanishing_sees_many_sigmoids_where_no_gradient_is_measured():
    words = "5 layers end with a sigmoid, without normalisation or shortcuts"
    says(rules.vanishing(deep()), "vanishing", 3, 5, unit_constants._MANY_SIGMOIDS, words, "layer0")


def test_five_sigmoids_leave_less_of_a_gradient_than_vanishing_asks_for():
    # the slope of a sigmoid is s (1 - s), 1/4 at most
    assert 0.25**unit_constants._MANY_SIGMOIDS < unit_constants._VANISHED


@pytest.mark.parametrize(
    "change",
    [
        {"activations": dict.fromkeys(HIDDEN[:4], "sigmoid")},
        {"activations": dict.fromkeys(HIDDEN, "tanh")},
        {"activations": dict.fromkeys(HIDDEN, "relu")},
        {"normalisations": ("norm",)},
        {"has_shortcuts": True},
        {"logs": GOOD},
    ],
    ids=["four layers", "tanh", "relu", "normalisation", "shortcuts", "network learns"],
)
def test_many_layers_are_no_fault_next_to_that(change):
    assert not rules.vanishing(deep(**change))


def test_vanishing_believes_the_gradients_rather_than_the_layers():
    assert not rules.vanishing(deep(*[ABOVE] * 4))


# exploding and shrinking


def scaled(factor, accuracy=0.1, epochs=4, start=1.0, **options):
    """Norms that changed by a factor, in a network that gets nowhere by default."""
    logs = [{"loss": 2.3, "accuracy": accuracy}] * epochs
    arrays = with_head([start * SMALL] + [factor * SMALL] * epochs)
    return scored(arrays, logs, options.pop("known", KNOWN), **options)


@pytest.mark.parametrize(
    ("rule", "factor", "border", "words"),
    [
        (rules.exploding, 10.1, 10, "The filters of conv grew to 10.1 times"),
        (rules.shrinking, 0.19, 0.2, "The filters of conv shrank to 0.19 times their size"),
    ],
)
def test_norms_that_change_while_training_gets_nowhere(rule, factor, border, words):
    says(rule(scaled(factor)), rule.__name__, 4, factor, border, words)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (rule, {"factor": factor} | change)
        for rule, factor, near in ((rules.exploding, 20, 9.9), (rules.shrinking, 0.1, 0.21))
        for change in (
            {"factor": near},
            {"accuracy": 0.3},
            {"epochs": 1},
            {"start": 0.0},
            {"updates": 10},
        )
    ],
)
def test_norms_are_left_alone_next_to_that(rule, change):
    assert not rule(scaled(**change))


def behind_batch_norm(norms, momentum=0.99, updates=100):
    """A layer of these norms, with a BatchNormalization behind it."""
    layers = [network(norm=norm) for norm in norms]
    known = facts(batch_norm_momentum={"conv": momentum})
    return of_layers(layers, [POOR] * (len(norms) - 1), known, updates)


@pytest.mark.parametrize(
    ("norms", "fires"),
    [
        # 3 / (1 - .99) = 300 updates are needed, of 100 an epoch: the moving variance, 1 at the
        # start, has all but e^-3 of its way behind it
        ([1, 5, 15, 20, 20, 20], False),
        ([1, 1, 1, 1, 20, 20], True),
        ([20, 5, 1.5, 1, 10, 10.1], True),
        ([20, 5, 1.5, 1, 9.8, 9.9], False),
    ],
)
def test_norms_behind_batch_normalization_count_from_where_it_has_settled(norms, fires):
    assert bool(rules.exploding(behind_batch_norm(norms))) == fires


def test_a_batch_normalization_of_small_momentum_settles_sooner():
    norms = [1, 1, 20, 20]
    assert not rules.exploding(behind_batch_norm(norms, 0.99))
    assert rules.exploding(behind_batch_norm(norms, 0.9))  # 30 updates are enough


def test_norms_behind_batch_normalization_say_nothing_where_updates_are_unknown():
    norms = [1, 1, 1, 1, 20, 20]
    assert not rules.exploding(behind_batch_norm(norms, updates=None))


@pytest.mark.parametrize("name", ["noisy", "dead"])
def test_a_smooth_kernel_that_moves_raises_nothing(name):
    arrays = [smooth(noise_kernel(seed)) for seed in range(6)]
    assert not getattr(rules, name)(scored(with_head(arrays), [POOR] * 5))


def test_rules_about_layers_take_a_plain_list_of_scores():
    steps = [fw.score({"conv": START})] * 2
    every = [rules.noisy, rules.frozen_at_random, rules.getting_noisier, rules.dead]
    every += [rules.saturated, rules.symmetric, rules.vanishing, rules.exploding, rules.shrinking]
    assert [alarm for rule in every for alarm in rule(steps)] == []
