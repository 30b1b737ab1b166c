"""Small real fits, healthy and faulty: what is said about each, with and without a probe."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_filterwatch as fw

CLASSES = 4


def data(count=256, noise=0.3):
    """Images of 6x6 numbers from 0 to 1, of four classes, each with a pattern and noise."""
    random = np.random.default_rng(0)
    patterns = random.random((CLASSES, 6, 6, 1))
    labels = random.integers(CLASSES, size=count)
    images = patterns[labels] + noise * random.standard_normal((count, 6, 6, 1))
    return np.clip(images, 0, 1).astype("float32"), labels


def one_hot(labels):
    return np.eye(CLASSES, dtype="float32")[labels]


def model(*parts, loss="sparse_categorical_crossentropy", optimizer=None, metrics=("accuracy",)):
    """A classifier of the images by these layers, the same weights each time."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([layers.Input((6, 6, 1)), *parts])
    network.compile(optimizer or keras.optimizers.Adam(1e-2), loss, metrics=list(metrics))
    return network


def dense(units=32, activation="relu", **options):
    return layers.Dense(units, activation, **options)


def watched(tmp_path, network, x, y, probe=True, batch_size=8, epochs=5, callbacks=(), **options):
    """A FilterWatch that watched a training with validation data, and gets probe inputs."""
    watch = fw.FilterWatch(tmp_path, images=False, probe=(x, y) if probe else None)
    network.fit(
        *(x, y, batch_size, epochs),
        callbacks=[*callbacks, watch],
        validation_data=(x[:64], y[:64]),
        validation_batch_size=64,
        verbose=0,
        **options,
    )
    assert not watch.problems
    return watch


def names(alarms):
    return {alarm.rule for alarm in alarms}


# Healthy trainings.


def test_dead_units_of_a_network_that_learns_are_a_note(tmp_path):
    biases = np.where(np.arange(32) < 20, -100.0, 0.0).astype("float32")
    start = lambda shape, dtype=None: keras.ops.convert_to_tensor(biases)  # noqa: E731
    network = model(layers.Flatten(), dense(bias_initializer=start), dense(CLASSES, "softmax"))
    watch = watched(tmp_path, network, *data())
    assert "dead" in names(watch.notes)
    assert not watch.alarms


def test_units_that_separate_two_classes_may_be_saturated(tmp_path):
    x, y = data(noise=0.05)
    keep = y < 2
    network = model(
        *(layers.Flatten(), dense(1, "tanh"), dense(2, "softmax")),
        optimizer=keras.optimizers.Adam(0.02),
    )
    watch = watched(tmp_path, network, x[keep] - 0.5, y[keep], epochs=8)
    assert watch.history[-1].logs["accuracy"] == 1
    assert "saturated" in names(watch.notes)
    assert not watch.alarms


def test_a_training_in_full_batches_is_not_judged_by_its_epochs(tmp_path):
    network = model(layers.Flatten(), dense(), dense(CLASSES, "softmax"), optimizer="sgd")
    watch = watched(tmp_path, network, *data(), batch_size=256, epochs=10)
    assert not watch.alarms


def test_an_alarm_that_is_over_is_not_diagnosed(tmp_path):
    head = dense(CLASSES, "softmax", kernel_initializer="zeros")  # begins by guessing
    network = model(layers.Flatten(), dense(), head)
    rates = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0 if epoch < 3 else 1e-2)
    watch = watched(tmp_path, network, *data(), epochs=8, callbacks=[rates])
    stalled = [alarm for alarm in watch.alarms if alarm.rule == "stalled"]
    assert [alarm.ended is not None for alarm in stalled] == [True]
    assert watch.diagnosis.cause == "no fault found"


# Faulty trainings.


def test_a_frozen_backbone_with_a_tiny_first_layer_is_at_random(tmp_path):
    parts = [
        layers.Conv2D(4, 3, activation="relu", kernel_initializer="he_normal", name="first"),
        layers.Conv2D(8, 3, activation="relu", kernel_initializer="he_normal", name="second"),
    ]
    for part in parts:
        part.trainable = False
    watch = watched(tmp_path, model(*parts, layers.Flatten(), dense(CLASSES, "softmax")), *data())
    assert watch.diagnosis.cause == "frozen at random"
    assert {alarm.layer for alarm in watch.alarms} >= {"first", "second"}


def test_a_loss_of_the_wrong_sign_contradicts_the_accuracy(tmp_path):
    def wrong(y, predicted):
        return -keras.losses.binary_crossentropy(y, predicted)

    x, y = data()
    network = model(layers.Flatten(), dense(), dense(1, "sigmoid"), loss=wrong)
    watch = watched(tmp_path, network, x, y[:, None] % 2)
    assert watch.diagnosis.cause == "labels or loss wrong"


@pytest.mark.parametrize("probe", [True, False])
def test_layers_that_are_dead_from_the_start_are_named_so(tmp_path, probe):
    biases = keras.initializers.Constant(-100.0)
    parts = layers.Flatten(), dense(bias_initializer=biases), dense(CLASSES, "softmax")
    watch = watched(tmp_path, model(*parts), *data(), probe=probe)
    assert watch.diagnosis.cause == "dead at the start"


def test_a_dropout_that_leaves_next_to_nothing_is_named(tmp_path):
    parts = layers.Flatten(), dense(), layers.Dropout(0.95, seed=0), dense(CLASSES, "softmax")
    watch = watched(tmp_path, model(*parts), *data())
    assert watch.diagnosis.cause == "too much dropout"


def test_pixels_that_are_not_divided_are_named_though_units_saturate(tmp_path):
    x, y = data(noise=1.0)
    network = model(
        *(layers.Flatten(), dense(activation="tanh"), dense(activation="tanh")),
        dense(CLASSES, "softmax"),
        optimizer=keras.optimizers.SGD(0.5),
    )
    watch = watched(tmp_path, network, 255 * x, y)
    assert "saturated" in names([*watch.alarms, *watch.notes])
    assert watch.diagnosis.cause == "inputs not normalised"


def test_an_absurd_first_loss_fakes_no_progress(tmp_path):
    x, y = data()
    network = model(
        *(layers.Flatten(), dense(), dense(1, None)),
        loss="mean_squared_error",
        metrics=(),
        optimizer=keras.optimizers.Adam(1e-4),
    )
    watch = watched(tmp_path, network, 1e7 * x, y.astype("float32"))
    assert watch.history.logged[0].logs["loss"] > 1e10
    assert watch.diagnosis.cause == "inputs not normalised"


def test_nan_behind_a_relu_output_is_a_loss_that_does_not_fit(tmp_path):
    x, y = data()
    network = model(
        *(layers.Flatten(), dense(), dense(CLASSES, "relu")), loss="categorical_crossentropy"
    )
    watch = watched(tmp_path, network, x, one_hot(y))
    assert "diverged" in names(watch.alarms)
    assert watch.diagnosis.cause == "loss does not fit the output"
