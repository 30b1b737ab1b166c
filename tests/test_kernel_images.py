"""Dense layers that read flattened images: by `window`, by a guess, and by a probe that tells."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential, shapes

import keras_filterwatch as fw
from keras_filterwatch.model.find import find

RANDOM = np.random.default_rng(0)
# random images of blocks of 4x4 pixels, and the same numbers in a random order
IMAGES = np.kron(RANDOM.standard_normal((64, 7, 7)), np.ones((4, 4))).reshape(64, 784)
TABLE = IMAGES[:, RANDOM.permutation(784)]


def digits_network(*before, **options):
    """784-8-2, with layers before the first Dense layer."""
    return sequential(
        *before,
        layers.Dense(8, "relu", name="hidden", **options),
        layers.Dense(2, name="last"),
        shape=(784,),
    )


def hidden_shape(model, **options):
    watched = find(model, **options)
    return watched.kernels[0].shape, {name: tuple(g) for name, g in watched.guesses.items()}


# Guesses.


def test_a_dense_layer_that_reads_784_numbers_is_taken_to_read_28x28_pixels():
    assert hidden_shape(digits_network()) == ((28, 28, 1, 8), {"hidden": ((28, 28, 1), False)})


@pytest.mark.parametrize(
    "before",
    [
        layers.Dropout(0.5),
        layers.Rescaling(1 / 255),
        layers.LayerNormalization(),
        layers.BatchNormalization(),
        layers.Flatten(),
        layers.GaussianNoise(0.1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_shift_and_scale_leave_the_image(before):
    assert hidden_shape(digits_network(before))[0] == (28, 28, 1, 8)


def test_arithmetic_leaves_the_image():
    numbers = layers.Input((784,))
    model = keras.Model(numbers, layers.Dense(8)((numbers - 0.5) / 255))
    assert hidden_shape(model)[0] == (28, 28, 1, 8)


def test_a_layer_behind_another_dense_layer_reads_no_image():
    model = sequential(layers.Dense(784, name="first"), layers.Dense(3, name="last"), shape=(10,))
    assert shapes(model) == {"first": (10, 784), "last": (784, 3)}


def test_a_layer_that_reads_784_numbers_at_each_position_reads_no_image():
    assert shapes(sequential(layers.Dense(3, name="d"), shape=(5, 784))) == {"d": (784, 3)}


def test_a_layer_that_reads_a_sum_of_two_inputs_reads_no_image():
    one, two = layers.Input((784,)), layers.Input((784,))
    model = keras.Model([one, two], layers.Dense(3, name="d")(layers.Add()([one, two])))
    assert shapes(model) == {"d": (784, 3)}


def test_a_known_image_needs_no_guess():
    model = sequential(layers.Flatten(), layers.Dense(3, name="d"), shape=(14, 56, 1))
    assert hidden_shape(model) == ((14, 56, 1, 3), {})


def test_inputs_confirm_or_refute_a_guess():
    model = digits_network()
    assert hidden_shape(model, inputs=IMAGES) == ((28, 28, 1, 8), {"hidden": ((28, 28, 1), True)})
    assert hidden_shape(model, inputs=TABLE) == ((784, 8), {})


def test_the_inputs_that_the_layer_reads_are_asked():
    table, images = layers.Input((3072,), name="a"), layers.Input((784,), name="b")
    outputs = [layers.Dense(3, name="of_a")(table), layers.Dense(3, name="of_b")(images)]
    model = keras.Model({"b": images, "a": table}, outputs)
    watched = find(model, inputs={"b": IMAGES, "a": np.tile(TABLE, 4)[:, :3072]})
    by_name = {kernel.name: kernel.shape for kernel in watched.kernels}
    assert by_name == {"of_a": (3072, 3), "of_b": (28, 28, 1, 3)}


def test_scores_of_a_model_warn_of_a_guess():
    with pytest.warns(UserWarning, match="'hidden' reads 784 numbers, taken as .* 28x28x1"):
        assert fw.score(digits_network())["hidden"].shape == (28, 28, 1, 8)


# What `window` says.


def test_a_window_comes_before_a_guess():
    model = digits_network()
    assert hidden_shape(model, window={"hidden": (14, 56)}) == ((14, 56, 1, 8), {})
    assert hidden_shape(model, window={"hidden": None}) == ((784, 8), {})


def test_a_window_comes_before_what_the_layers_say():
    table = sequential(layers.Flatten(), layers.Dense(3, name="d"), shape=(10, 6))
    assert shapes(table) == {"d": (10, 6, 1, 3)}
    assert shapes(table, window={"d": None}) == {"d": (60, 3)}


def test_patches_that_a_dense_layer_embeds_are_images():
    # as in a vision transformer: 4x4 patches of 6x6 pixels with 3 channels
    model = sequential(layers.Dense(16, name="embed"), shape=(16, 108))
    assert shapes(model) == {"embed": (108, 16)}
    assert shapes(model, window={"embed": (6, 6, 3)}) == {"embed": (6, 6, 3, 16)}


@pytest.mark.parametrize(
    "layer",
    [layers.EinsumDense("ab,bc->ac", 6, name="d"), layers.Dense(6, name="d")],
    ids=lambda layer: type(layer).__name__,
)
def test_a_unit_answers_an_image_with_its_template_times_the_image(layer):
    model = sequential(layer, shape=(60,))
    images = noise((2, 4, 5, 3))
    (kernel,) = find(model, window={"d": (4, 5, 3)}).read(0).kernels
    outputs = np.tensordot(images, kernel.array, 3)
    assert model.predict(images.reshape(2, 60), verbose=0) == pytest.approx(outputs, abs=1e-4)


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"hiden": (28, 28)}, "window: no kernel is called 'hiden'; did you mean 'hidden'"),
        ({"last": (28, 28)}, "window: 'last' reads 8 numbers, and an image of 28x28 has 784"),
    ],
)
def test_a_window_that_does_not_fit_a_model_is_refused(window, message):
    with pytest.raises(ValueError, match=message):
        fw.score(digits_network(), window=window)


# Pictures.


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("templates", {}),
        ("class_paths", {"k": 2}),
        ("evidence", {"units": 1, "classes": [0, 1]}),
        ("components", {"count": 3}),
    ],
)
def test_pictures_are_those_of_the_same_network_behind_a_flatten_layer(name, options):
    parts = [layers.Dense(8, "relu", name="hidden"), layers.Dense(2, name="last")]
    behind_flatten = sequential(layers.Flatten(), *parts, shape=(14, 56, 1))
    same_weights = sequential(*parts, shape=(784,))
    picture = getattr(fw.draw, name)
    inputs = noise((2, 784))
    expected_inputs, flat_inputs = (
        ({"inputs": inputs.reshape(2, 14, 56)}, {"inputs": inputs})
        if name == "evidence"
        else ({}, {})
    )
    expected = picture(behind_flatten, **options, **expected_inputs)
    window = {"hidden": (14, 56)}
    drawn = picture(same_weights, **options, **flat_inputs, window=window)
    np.testing.assert_array_equal(drawn, expected)


# In a training.


def fitted(tmp_path, epochs=3, model=None, **options):
    model = model or digits_network()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watch = fw.FilterWatch(tmp_path, **options)
    model.fit(IMAGES, np.arange(64) % 2, epochs=epochs, callbacks=[watch], verbose=0)
    assert len(watch.history) == epochs + 1
    return watch


def test_a_training_says_what_it_guesses_and_draws_it(tmp_path, capsys):
    watch = fitted(tmp_path, 1)
    message = "'hidden' reads 784 numbers, taken as the pixels of an image of 28x28x1. If they are "
    assert message in capsys.readouterr().out
    assert "noise" in watch.history[-1]["hidden"]
    assert watch.problems == []


def test_a_training_says_what_its_probe_shows(tmp_path, capsys):
    fitted(tmp_path, 1, probe=IMAGES, images=False)
    printed = capsys.readouterr().out
    assert "taken as the pixels of an image of 28x28x1 (numbers that are neighbours" in printed


def test_a_window_of_a_training_is_not_a_guess(tmp_path, capsys):
    watch = fitted(tmp_path, 1, window={"hid*": (14, 56)}, images=False)
    assert watch.history[-1]["hidden"].shape == (14, 56, 1, 8)
    assert "reads 784 numbers" not in capsys.readouterr().out


def test_gradients_of_a_probe_have_the_axes_of_the_image(tmp_path):
    probe = (IMAGES[:32], np.arange(32) % 2)
    watch = fitted(tmp_path, 1, window={"hidden": (28, 28)}, probe=probe, images=False)
    assert watch.problems == []
    assert watch.history[-1]["hidden"]["gradient"] > 0


def test_a_window_that_does_not_fit_is_one_warning_and_training_goes_on(tmp_path):
    with pytest.warns(UserWarning, match="'last' reads 8 numbers") as warned:
        watch = fitted(tmp_path, 2, window={"last": (28, 28)}, images=False)
    assert sum("'last' reads 8 numbers" in str(each.message) for each in warned) == 1
    (problem,) = watch.problems
    assert problem.consequence == "This window is not used"
    assert watch.history[-1]["last"].shape == (8, 2)


@pytest.mark.parametrize(
    ("window", "layers_with_alarm"), [({"hidden": (28, 28)}, ["hidden"]), (None, [])]
)
def test_only_of_a_certain_window_an_alarm_says_that_it_is_noise(
    tmp_path, window, layers_with_alarm
):
    model = digits_network()
    # so slow that the weights stay where they were initialised, which is noise in any window
    slow = keras.optimizers.SGD(1e-5)
    model.compile(slow, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rules = [lambda history: fw.rules.noisy(history, patience=2)]
    watch = fw.FilterWatch(tmp_path, images=False, rules=rules, window=window)
    model.fit(IMAGES, np.arange(64) % 2, epochs=3, callbacks=[watch], verbose=0)
    verdict = "untrained" if window else "undetermined"
    assert watch.history[-1]["hidden"].verdict == verdict
    assert [alarm.layer for alarm in (*watch.alarms, *watch.notes)] == layers_with_alarm
