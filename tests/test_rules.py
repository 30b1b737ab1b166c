"""Each rule on made-up histories: it fires when it should, and is silent next to that."""

from dataclasses import replace

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch import rules
from keras_filterwatch.metrics.activity import Outputs

CLASSES = 10


def history(layers, logs=(), outputs=None, frozen=(), first_epoch=0):
    """Scores of layers, a step an epoch; the first one is the initial state, which has no logs.

    `layers` are the arrays of `conv`, or `{name: arrays}`, and `outputs` `{name: Outputs}`, one
    of each at each step; `logs` begin with the first epoch's.
    """
    layers = layers if isinstance(layers, dict) else {"conv": layers}
    logged = dict(enumerate(logs, 1))
    snapshots = [
        fw.Snapshot(
            first_epoch + i,
            tuple(
                fw.Kernel(name, "", array, trainable=name not in frozen)
                for name, array in zip(layers, arrays, strict=True)
            ),
        )
        for i, arrays in enumerate(zip(*layers.values(), strict=True))
    ]
    return [
        fw.score(
            now,
            first=snapshots[0],
            previous=before,
            logs=logged.get(i),
            outputs={name: steps[i] for name, steps in (outputs or {}).items()},
        )
        for i, (now, before) in enumerate(zip(snapshots, [None, *snapshots], strict=False))
    ]


def noise_kernel(seed=0, shape=(3, 3, 16, 32)):
    return np.random.default_rng(seed).standard_normal(shape)


def smooth(array):
    """Filters that each repeat one value over the window's columns: edges."""
    return np.broadcast_to(array[:, :1], array.shape) + 0.1 * array


START, FORMED = noise_kernel(), smooth(noise_kernel())
SMALL = noise_kernel(shape=(3, 3, 4, 8))  # for what does not need many slices


def turned(array, rotation):
    """The array turned by so much, 1 - cosine, at its norm, towards noise at right angles."""
    aside = noise_kernel(99, array.shape)
    aside -= array * (aside * array).sum() / np.square(array).sum()
    aside *= np.linalg.norm(array) / np.linalg.norm(aside)
    return (1 - rotation) * array + np.sqrt(1 - (1 - rotation) ** 2) * aside


def rough(noise, shape=(3, 3, 16, 32)):
    """Slices that all have this noise score, 0 to 1.

    They mix two eigenvectors of the grid's Laplacian, of eigenvalues 1 and 3. Of n = 9 taps and
    12 pairs, C is 8/24 times the mix's eigenvalue: 1/3, the smoothest, and 1, noise.
    """
    window = np.sqrt(1 - noise) * np.array([1, 0, -1]) / np.sqrt(2)
    window = window + np.sqrt(noise) * np.array([1, -2, 1]) / np.sqrt(6)
    return np.broadcast_to(window[:, None, None, None], shape)


def with_head(arrays, rotation=0.1):
    """Layers `conv` and `head`, which turns so far and tells `CLASSES` classes apart."""
    start = noise_kernel(9, (8, CLASSES))
    return {"conv": arrays, "head": [start] + [turned(start, rotation)] * (len(arrays) - 1)}


def units(affected, bounds=None, count=32):
    """Outputs, ten a unit, that are zero in the first few units; or, within bounds, at a rail."""
    flags = 10.0 * (np.arange(count) < affected)
    if bounds is None:
        return Outputs(10, flags, 10 - flags, 10 - flags)
    return Outputs(10, np.zeros(count), flags, flags, bounds, flags)


def probed(affected, bounds=None, layer="conv"):
    """A healthy network whose layer has so many dead or saturated units at each step."""
    count = 32 if layer == "conv" else CLASSES
    layers = with_head([noise_kernel(shape=(3, 3, 4, 32))] * len(affected))
    return history(layers, outputs={layer: [units(some, bounds, count) for some in affected]})


def says(alarms, rule, step, value, threshold, filters, words):
    """One alarm about `conv`, with all that."""
    (alarm,) = alarms
    assert (alarm.rule, alarm.layer, alarm.step) == (rule, "conv", step)
    assert (alarm.value, alarm.threshold) == pytest.approx((value, threshold))
    assert alarm.filters == tuple(filters)
    assert words in alarm.message


def test_noisy_says_after_patience_epochs_what_was_measured_and_would_be_enough():
    alarms = rules.noisy(history([START] * 6), patience=5)
    scores = history([START])[0]["conv"]
    # three standard errors of the noise score below 1: Var1 = 1/18, C_min = 1/3 for 3x3
    bound = 1 - 3 * np.sqrt(1 / 18 / scores["slices"]) / (2 / 3)
    words = f"conv still looks untrained after 5 epochs: noise score {scores['noise']:.2f}"
    says(alarms, "noisy", 5, scores["noise"], bound, (), words)


def test_noisy_fires_when_weights_changed_for_other_noise():
    assert rules.noisy(history([noise_kernel(seed) for seed in range(6)]), patience=5)


def test_noisy_counts_patience_from_where_watching_began():
    assert not rules.noisy(history([START] * 3, first_epoch=7), patience=5)


@pytest.mark.parametrize(
    "arrays",
    [
        [START] * 5,
        [START] + [FORMED] * 5,
        [START] * 3 + [FORMED] + [START] * 2,
        [noise_kernel(shape=(3, 3, 1, 8))] * 6,
        [noise_kernel(shape=(256, 512))] * 6,
    ],
    ids=["too early", "formed", "formed for a while", "few slices", "no window"],
)
def test_noisy_is_silent_next_to_that(arrays):
    assert not rules.noisy(history(arrays), patience=5)


def test_noisy_says_so_where_the_layer_is_frozen():
    uniform = np.random.default_rng(0).uniform(-1, 1, START.shape)
    (alarm,) = rules.noisy(history([uniform] * 6, frozen=("conv",)))
    assert alarm.message.endswith("It is frozen: trainable is False.")
    assert "frozen" not in rules.noisy(history([START] * 6))[0].message


def test_noisy_sees_a_frozen_layer_of_few_slices_by_weights_spread_as_fresh_ones_are():
    few = np.random.default_rng(0).uniform(-1, 1, (3, 3, 1, 32))
    assert fw.score({"conv": few})["conv"].verdict == "undetermined"
    assert rules.noisy(history([few] * 6, frozen=("conv",)))
    assert not rules.noisy(history([few] * 6))


def test_noisy_leaves_a_frozen_base_alone_of_which_a_part_steps_trained():
    fresh = np.random.default_rng(0).uniform(-1, 1, START.shape)
    base = {"conv": [fresh] * 6, "formed": [FORMED] * 6}
    poor = [{"loss": 1.0, "accuracy": 0.1}] * 5
    assert rules.noisy(history(base, poor, frozen=("conv",)))
    assert not rules.noisy(history(base, poor, frozen=("conv", "formed")))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_diverged_names_layer_and_filters(value):
    array = noise_kernel()
    array[1, 1, 3, [4, 9]] = value
    alarms = rules.diverged(history([START, array]))
    words = "conv diverged: 2 of 32 filters are not finite any more"
    says(alarms, "diverged", 1, 2, 0, (4, 9), words)
    assert "(filters 4, 9)" in alarms[0].message


def test_diverged_sees_a_batch_normalization_that_is_not_finite():
    gain = np.ones(32)
    gain[5] = np.nan
    kernel = fw.Kernel("conv", "Conv2D", START, gain)
    (alarm,) = rules.diverged([fw.score(fw.Snapshot(1, (kernel,)))])
    assert alarm.filters == (5,)
    assert "by their weights or the BatchNormalization behind them" in alarm.message


def test_diverged_sees_a_layer_of_nothing_but_nan():
    (alarm,) = rules.diverged(history([START, np.full((3, 3, 16, 32), np.nan)]))
    assert len(alarm.filters) == 32


def test_diverged_is_silent_about_large_weights():
    assert not rules.diverged(history([START * 1e30]))


@pytest.mark.parametrize(("rotation", "fires"), [(0.009, 1), (0.011, 0), (0.29, 0), (0.31, 1)])
def test_noisy_is_about_layers_at_rest_or_far_from_their_start(rotation, fires):
    arrays = [START] + [turned(START, rotation)] * 5
    assert len(rules.noisy(history(arrays))) == fires


def test_noisy_is_silent_about_a_network_that_was_pretrained():
    assert not rules.noisy(history({"conv": [FORMED] * 6, "new": [START] * 6}))


def test_noisy_is_silent_about_a_network_at_rest_that_does_well():
    # of ten classes, (.56 - .1) / .9 = .51 of the way is well
    resting = with_head([START] * 6, rotation=0)
    assert not rules.noisy(history(resting, [{"loss": 1.0, "accuracy": 0.56}] * 5))
    assert rules.noisy(history(resting, [{"loss": 1.0, "accuracy": 0.54}] * 5))


@pytest.mark.parametrize(
    ("kind", "frozen", "fires"),
    [("uniform", "conv", 1), ("uniform", "", 0), ("standard_normal", "conv", 0)],
)
def test_noisy_takes_a_frozen_layers_even_weights_for_evidence(kind, frozen, fires):
    # 48 slices are too few to see structure; uniform weights fill their range, normal ones do not
    array = getattr(np.random.default_rng(0), kind)(size=(3, 3, 3, 16))
    array -= array.mean()
    assert len(rules.noisy(history([array] * 6, frozen=(frozen,)))) == fires


def least_rise(slices):
    """.15 or five standard errors of the noise score: Var1 = 1/18 and C_min = 1/3 for 3x3."""
    return max(0.15, 5 * np.sqrt(1 / 18 / slices) / (2 / 3))


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), SMALL.shape], ids=["many slices", "few slices"])
def test_getting_noisier_needs_a_clear_rise_from_the_minimum(shape):
    bound = 0.2 + least_rise(shape[2] * shape[3])
    rising = [rough(noise, shape) for noise in (0.4, 0.2, bound + 0.01, bound + 0.01)]
    words = f"noise score {bound + 0.01:.2f}, after 0.20 at its smoothest"
    alarms = rules.getting_noisier(history(rising))
    says(alarms, "getting_noisier", 3, bound + 0.01, bound, (), words)
    below = [rough(noise, shape) for noise in (0.4, 0.2, bound - 0.01, bound - 0.01)]
    assert not rules.getting_noisier(history(below))


@pytest.mark.parametrize("noise", [(0.2, 0.9), (0.2, 0.2, 0.9), (0.2, 0.9, 0.2)])
def test_getting_noisier_needs_the_rise_at_two_steps_in_a_row(noise):
    assert not rules.getting_noisier(history([rough(each) for each in noise]))


def test_getting_noisier_abstains_about_kernels_without_a_window():
    assert not rules.getting_noisier(history([noise_kernel(seed, (64, 32)) for seed in range(4)]))


def test_dead_names_the_units_that_never_answer_to_the_probe():
    words = "16 of 32 filters of conv are dead: they never answer to the probe"
    says(rules.dead(probed([0, 20, 20, 20, 16])), "dead", 4, 0.5, 0.5, range(16), words)


def test_dead_names_the_filters_without_weight_where_there_is_no_probe():
    array = noise_kernel()
    array[..., 8:24] = 0
    alarms = rules.dead(history(with_head([START] + [array] * 4)))
    words = "16 of 32 filters of conv are dead: they have next to no weight"
    says(alarms, "dead", 4, 0.5, 0.5, range(8, 24), words)


@pytest.mark.parametrize(
    "dead",
    [
        *([0, 15, 15, 15, 15], [0, 32, 32, 32], [0, 32, 32, 0, 32, 32, 32]),
        *([0, 32, 32, 32, 32, 15], [16] * 5),
    ],
)
def test_dead_is_silent_below_half_or_four_steps_in_a_row_or_where_half_came_dead(dead):
    assert not rules.dead(probed(dead))


def in_epochs(steps, epochs):
    return [replace(scores, epoch=epoch) for scores, epoch in zip(steps, epochs, strict=True)]


def test_steps_within_an_epoch_do_not_count_as_epochs():
    steps = probed([0, 16, 16, 16, 16, 16, 16, 16, 16])
    assert not rules.dead(in_epochs(steps, [0, 0, 0, 0, 0, 1, 1, 2, 3]))  # dead at three ends
    assert rules.dead(in_epochs(steps, [0, 0, 1, 1, 2, 2, 3, 3, 4]))


def test_of_each_epoch_its_end_counts():
    dead_within = probed([0, 16, 0, 16, 0, 16, 0, 16, 0])
    dead_at_ends = probed([0, 0, 16, 0, 16, 0, 16, 0, 16])
    epochs = [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert not rules.dead(in_epochs(dead_within, epochs))
    assert rules.dead(in_epochs(dead_at_ends, epochs))


def test_dead_believes_the_probe_rather_than_the_weights():
    layers = with_head([SMALL] + [0 * SMALL] * 5)
    assert rules.dead(history(layers))
    assert not rules.dead(history(layers, outputs={"conv": [units(0, count=8)] * 6}))


def test_dead_leaves_alone_what_came_dead_or_is_frozen():
    assert not rules.dead(history(with_head([0 * SMALL] * 6)))
    assert not rules.dead(history(with_head([SMALL] + [0 * SMALL] * 5), frozen=("conv",)))


@pytest.mark.parametrize("rule", [rules.dead, rules.saturated])
def test_the_last_layer_answers_for_itself(rule):
    assert not rule(probed([10] * 6, None if rule is rules.dead else (0, 1), "head"))


def test_saturated_names_the_units_that_stay_at_a_rail():
    words = "50% of the units of conv are saturated"
    alarms = rules.saturated(probed([0, 20, 16], (-1, 1)))
    says(alarms, "saturated", 2, 0.5, 0.5, range(16), words)


@pytest.mark.parametrize("affected", [[15, 15, 15], [32, 32], [32, 15, 32], [32, 32, 15]])
def test_saturated_is_silent_below_half_or_two_steps_in_a_row(affected):
    assert not rules.saturated(probed(affected, (-1, 1)))


def test_saturated_abstains_about_units_without_bounds():
    assert not rules.saturated(probed([0] * 4))


def test_saturated_sees_weights_that_came_to_their_constraints_rail():
    held = np.clip(START, -0.6, 0.6)
    share = (np.abs(START) >= 0.6).mean()  # P(|x| > .6) = .549 of normal numbers
    words = f"{share:.0%} of the weights of conv are saturated"
    alarms = rules.saturated(history(with_head([START, held, held])))
    most = (np.abs(START) >= 0.6).reshape(-1, 32).mean(axis=0) >= 0.5
    says(alarms, "saturated", 2, share, 0.5, np.flatnonzero(most), words)
    assert not rules.saturated(history(with_head([START] + [np.clip(START, -0.8, 0.8)] * 2)))


def test_saturated_is_silent_about_weights_that_began_at_the_rail():
    half = np.where(np.arange(32) < 16, np.sign(START), 0.01 * START)
    assert not rules.saturated(history(with_head([np.sign(START)] * 4)))
    assert not rules.saturated(history(with_head([half] + [np.sign(START)] * 3)))


@pytest.mark.parametrize(("value", "rank", "word"), [(0.1, 1, "the same"), (0, 0, "zero")])
def test_symmetric_fires_after_an_epoch_of_one_filter_since_the_start(value, rank, word):
    alarms = rules.symmetric(history(with_head([np.full(SMALL.shape, value)] * 2)))
    words = f"All 8 filters of conv are {word}, as they were at the start"
    says(alarms, "symmetric", 1, rank, 1.05, range(8), words)  # of one direction, exp(0) = 1


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
    assert not rules.symmetric(history(with_head(arrays)))


def test_symmetric_is_silent_about_the_last_layer():
    assert not rules.symmetric(history([np.zeros((8, CLASSES))] * 3))


def at_rest(rotation=0.0029, lost=0.09, accuracy=0.1, epochs=5, start=None, logged=True):
    """A network whose first layer turned, and whose loss fell, by so much."""
    start = SMALL if start is None else start
    losses = [2.0] * (epochs - 1) + [2.0 * (1 - lost)]
    told = {} if accuracy is None else {"accuracy": accuracy}
    logs = [{"loss": loss, **told} for loss in losses] if logged else ()
    return history(with_head([start] + [turned(start, rotation)] * epochs), logs)


def test_stalled_says_how_little_the_layer_and_the_loss_moved():
    (alarm,) = alarms = rules.stalled(at_rest())
    words = "conv has not moved in 5 epochs: rotation 0.003"
    says(alarms, "stalled", 5, 0.0029, 0.003, (), words)
    assert "the loss fell by 9% only" in alarm.message


@pytest.mark.parametrize(
    "change",
    [
        {"rotation": 0.0031},
        {"lost": 0.11},
        {"lost": np.nan},
        {"accuracy": 0.56},  # (.56 - .1) / .9 = .51 of the way
        {"epochs": 4},
        {"logged": False},
        {"start": FORMED, "accuracy": None},  # as far as can be told, it came trained
    ],
    ids=lambda change: next(iter(change)),
)
def test_stalled_is_silent_next_to_that(change):
    assert not rules.stalled(at_rest(**change))


def test_stalled_is_about_the_first_layers_that_train():
    rotations = {"frozen": 0, "a": 0, "b": 0.001, "moves": 0.01, "behind": 0}
    layers = {name: [SMALL] + [turned(SMALL, by)] * 5 for name, by in rotations.items()}
    alarms = rules.stalled(history(layers, [{"loss": 1.0}] * 5, frozen=("frozen",)))
    assert [alarm.layer for alarm in alarms] == ["a", "b"]


def scaled(factor, accuracy=0.54, epochs=3, start=1.0):
    """Norms that changed by a factor; of ten classes, .54 is (.54 - .1) / .9 = .49 of the way."""
    logs = [{"loss": 2.0, "accuracy": accuracy}] * epochs
    return history(with_head([start * SMALL] + [factor * SMALL] * 3), logs)


@pytest.mark.parametrize(
    ("rule", "factor", "border", "words"),
    [
        (rules.exploding, 10.1, 10, "The filters of conv grew to 10.1 times"),
        (rules.shrinking, 0.19, 0.2, "The filters of conv shrank to 0.19 times their size"),
    ],
)
def test_norms_that_change_while_training_gets_nowhere(rule, factor, border, words):
    says(rule(scaled(factor)), rule.__name__, 3, factor, border, (), words)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (rule, {"factor": factor} | change)
        for rule, factor, near in ((rules.exploding, 20, 9.9), (rules.shrinking, 0.1, 0.21))
        for change in ({"factor": near}, {"accuracy": 0.56}, {"epochs": 2}, {"start": 0.0})
    ],
)
def test_norms_are_left_alone_next_to_that(rule, change):
    assert not rule(scaled(**change))


def memorising(accuracy=0.9, others=0.71, epochs=4, validated=True):
    """Of ten classes, accuracies .9 and .71 are .889 and .678 of the way."""
    logs = {"loss": 1.0, "accuracy": accuracy}
    logs |= {"val_loss": 1.0, "val_accuracy": others} if validated else {}
    return history(with_head([SMALL] * (epochs + 1)), [logs] * epochs)


def test_overfitting_says_how_far_training_came_on_both_data():
    words = "89% of the way from guessing to perfection on its training data, 68%"
    says(rules.overfitting(memorising()), "overfitting", 4, (0.9 - 0.71) / 0.9, 0.2, (), words)


@pytest.mark.parametrize(
    "change",
    [{"others": 0.73}, {"accuracy": 0.54, "others": 0.1}, {"epochs": 3}, {"validated": False}],
    ids=["small gap", "half way", "too short", "no validation"],
)
def test_overfitting_is_silent_next_to_that(change):
    assert not rules.overfitting(memorising(**change))


def test_overfitting_needs_the_gap_at_every_one_of_the_last_epochs():
    logs = [{"loss": 1.0, "accuracy": 0.9, "val_accuracy": val} for val in (0.3, 0.3, 0.9, 0.3)]
    assert not rules.overfitting(history(with_head([SMALL] * 5), logs))


def test_overfitting_goes_by_the_losses_where_there_is_no_accuracy():
    # the loss lost 1 - .2 / 2 = .9, the one on others 1 - 1.6 / 2 = .2
    later = {"loss": 0.2, "val_loss": 1.6}
    logs = [{"loss": 2.0, "val_loss": 2.0}] + [later] * 4
    (alarm,) = rules.overfitting(history([SMALL] * 6, logs))
    assert alarm.value == pytest.approx(0.7)


SLOW = [{"loss": 2.3 * 0.9**i, "accuracy": 0.1 + 0.04 * i} for i in range(8)]
FLAT = [{"loss": 0.2, "accuracy": 0.95, "val_accuracy": 0.9}] * 8
SLEEPY = [units(dead) for dead in (0, 20, 20, 2, 2, 2, 2, 2, 2)]


@pytest.mark.parametrize(
    "benign",
    [
        lambda: history(with_head([FORMED] * 9), SLOW, frozen=("conv",)),
        lambda: history(with_head([FORMED] + [turned(FORMED, 0.002)] * 8, 0.002), FLAT),
        lambda: history(with_head([START] + [FORMED] * 8), FLAT),
        lambda: history(with_head([START] + [turned(START, 0.03)] * 8), SLOW),
        lambda: history(with_head([START] * 3 + [FORMED] * 6), SLOW, {"conv": SLEEPY}),
        lambda: history(with_head([0 * START] + [FORMED] * 8), SLOW),
    ],
    ids=["frozen", "fine-tuned", "rate decayed", "rough", "slow start", "zero at first"],
)
def test_what_is_benign_raises_nothing_at_any_epoch(benign):
    steps = benign()
    past = [steps[:end] for end in range(1, len(steps) + 1)]
    assert not [alarm for part in past for rule in fw.default_rules() for alarm in rule(part)]


def test_each_default_rule_is_called_as_its_alarms_are():
    assert list(rules.RULES) == [rule.__name__ for rule in fw.default_rules()]
    assert {"diverged", "noisy", "dead", "overfitting"} <= set(rules.RULES)
