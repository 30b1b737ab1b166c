"""A FilterWatch as a source: its snapshot, its history, and each picture of a watched training."""

import copy
import pickle
import threading

import keras
import numpy as np
import pytest
from keras import layers
from pictures import cells, one_pixel_per_tap
from PIL import Image
from trainings import compiled, data, fit, network

import keras_filterwatch as fw

X = data()[0]


def dense():
    """A dense network on images, with a layer `hidden` that has a window."""
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(6, activation="relu", name="hidden")
    head = layers.Dense(3, activation="softmax", name="head")
    return compiled(keras.Sequential([layers.Input((12, 12, 3)), layers.Flatten(), hidden, head]))


def deep(count=6):
    """Convolutions `conv0`, `conv1`, ... and a head."""
    keras.utils.set_random_seed(0)
    parts = [layers.Conv2D(4, 3, padding="same", name=f"conv{i}") for i in range(count)]
    head = layers.Dense(3, activation="softmax", name="head")
    return compiled(keras.Sequential([layers.Input((12, 12, 3)), *parts, layers.Flatten(), head]))


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A FilterWatch without pictures after a training of two epochs."""
    watch = fw.FilterWatch(tmp_path_factory.mktemp("logs"), images=False)
    fit(network(), watch)
    return watch


@pytest.fixture(scope="module")
def dense_watched(tmp_path_factory):
    watch = fw.FilterWatch(tmp_path_factory.mktemp("logs"), images=False)
    fit(dense(), watch)
    return watch


# The snapshot.


def test_the_snapshot_has_the_weights_of_the_last_step(watched):
    assert watched.snapshot.step == 2
    kernels = {kernel.name: kernel.array for kernel in watched.snapshot.kernels}
    assert list(kernels) == ["first", "second", "head"]
    for name, array in kernels.items():
        weights = watched.model.get_layer(name).get_weights()[0]
        np.testing.assert_array_equal(array, weights.reshape(array.shape))


def test_a_snapshot_stays_as_it_is_while_training_goes_on(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False)
    kept, expected = [], []

    def keep(epoch, logs):
        kept.append(watch.snapshot)
        expected.append(model.get_layer("first").get_weights()[0])

    fit(model, watch, keras.callbacks.LambdaCallback(on_epoch_end=keep))
    assert [snapshot.step for snapshot in kept] == [1, 2]
    for snapshot, weights in zip(kept, expected, strict=True):
        np.testing.assert_array_equal(snapshot.kernels[0].array, weights)


def test_rules_and_other_threads_can_read_the_snapshot(tmp_path):
    steps, watch = [], None

    def rule(history):
        steps.append(watch.snapshot.step)
        other = threading.Thread(target=lambda: steps.append(watch.snapshot.step))
        other.start()
        other.join()
        return []

    watch = fw.FilterWatch(tmp_path, images=False, rules=[rule])
    fit(network(), watch)
    assert not watch.problems
    assert steps == [0, 0, 1, 1, 2, 2]


def test_scores_of_the_callback_are_those_of_the_model(watched):
    expected = fw.score(watched.model)["first"]
    assert dict(fw.score(watched)["first"]) == pytest.approx(dict(expected))


@pytest.mark.parametrize("what", ["snapshot", "film_strips"])
def test_before_a_training_there_is_nothing_to_draw(tmp_path, what):
    with pytest.raises(ValueError, match=r"watched nothing yet: pass it to model\.fit"):
        getattr(fw.FilterWatch(tmp_path), what)


@pytest.mark.parametrize(
    "copied", [copy.copy, lambda watch: pickle.loads(pickle.dumps(watch))], ids=["copy", "pickle"]
)
def test_a_copy_has_nothing_to_draw_and_says_where_it_is(watched, copied):
    other = copied(watched)
    for draw in (fw.draw.filters, fw.draw.film_strip):
        with pytest.raises(ValueError, match=r"a copy: .* Take these from the FilterWatch that"):
            draw(other)


# The history.


def colours(strip, columns, filters):
    """The colours of the middle taps of a strip of 5x5 windows, `(filters, columns, 3)`."""
    size = (50, 50)
    middles = [one_pixel_per_tap(cell, (5, 5))[2][2] for cell in cells(strip, columns, size)]
    return np.array(middles).reshape(filters, columns, 3)


def test_the_film_strip_of_the_callback_is_that_of_its_steps(tmp_path):
    model, watch = network(rate=1.0), fw.FilterWatch(tmp_path, images=False)
    snapshots = []
    remember = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: snapshots.append(watch.snapshot)
    )
    fit(model, watch, remember)
    expected = fw.draw.film_strip([*snapshots, watch.snapshot])
    strip = fw.draw.film_strip(watch)
    np.testing.assert_array_equal(np.asarray(strip), np.asarray(expected))
    shown = colours(strip, columns=3, filters=32)
    assert (shown[:, 0] != shown[:, 2]).any()


def test_a_layer_can_be_chosen_by_name_by_pattern_and_itself(watched):
    names = []
    for layer in ("second", "sec*", watched.model.get_layer("second")):
        names.append(fw.draw.film_strip(watched, layer).size)
    assert names == [names[0]] * 3 != [fw.draw.film_strip(watched).size] * 3


def test_an_unknown_layer_is_refused_with_a_suggestion(watched):
    with pytest.raises(ValueError, match=r"secnod.*second"):
        fw.draw.film_strip(watched, "secnod")


def test_a_layer_that_is_not_drawn_has_no_history_unless_it_is_named(tmp_path):
    watch = fw.FilterWatch(tmp_path / "some", images=False)
    fit(deep(), watch, epochs=1)
    assert list(watch.film_strips) == ["conv0", "conv2", "conv3", "conv5"]
    with pytest.raises(ValueError, match=r"no history of \['conv1'\], but of \['conv0', 'c"):
        fw.draw.film_strip(watch, "conv1")
    watch = fw.FilterWatch(tmp_path / "all", images=False, layers="conv*")
    fit(deep(), watch, epochs=1)
    assert fw.draw.film_strip(watch, "conv1").width > 0


def test_a_network_without_windows_has_no_film_strip(tmp_path):
    model = compiled(
        keras.Sequential(
            [
                layers.Input((12, 12, 3)),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )
    )
    watch = fw.FilterWatch(tmp_path)
    fit(model, watch, epochs=1)
    with pytest.raises(ValueError, match="nothing to draw: no layer that this FilterWatch watches"):
        fw.draw.film_strip(watch)


def test_a_callback_has_its_own_windows(watched):
    with pytest.raises(ValueError, match="window: a FilterWatch and a Run have their own"):
        fw.draw.film_strip(watched, window={"head": (4, 4, 1)})


def test_steps_within_epochs_are_called_steps(tmp_path, written):
    watch = fw.FilterWatch(tmp_path, freq=2, images=False)
    fit(network(), watch, epochs=1)
    fw.draw.film_strip(watch)
    assert any("32 filters from step 0 to " in text for text in written)


def test_the_histories_of_large_layers_take_at_most_half_their_memory(tmp_path):
    keras.utils.set_random_seed(0)
    wide = layers.Conv2D(512, 3, padding="same", name="wide")
    inputs = layers.Conv2D(512, 1, name="widening")
    head = layers.Dense(3, activation="softmax")
    model = compiled(
        keras.Sequential(
            [layers.Input((4, 4, 3)), inputs, wide, layers.GlobalAveragePooling2D(), head]
        )
    )
    watch = fw.FilterWatch(tmp_path, images=False, freq=1)
    x, y = data(40)
    model.fit(x[:, :4, :4], y, batch_size=2, epochs=1, verbose=0, callbacks=[watch])
    columns = watch.film_strips["wide"].columns
    assert len(columns) == 16
    assert sum(column.kernel.levels.nbytes for column in columns) <= 4 * 512 * 512 * 9 / 2


# Each picture.


@pytest.mark.parametrize("name", ["filters", "components"])
def test_pictures_of_kernels_are_those_of_the_last_step(watched, name):
    draw = getattr(fw.draw, name)
    for layer in (None, "second"):
        expected = draw(watched.snapshot, layer)
        np.testing.assert_array_equal(np.asarray(draw(watched, layer)), np.asarray(expected))


@pytest.mark.parametrize(
    ("name", "options"),
    [("templates", {}), ("class_paths", {}), ("evidence", {"inputs": X[:2]})],
)
def test_pictures_of_dense_layers_are_those_of_the_last_step(dense_watched, name, options):
    draw = getattr(fw.draw, name)
    expected = draw(dense_watched.snapshot, **options)
    np.testing.assert_array_equal(np.asarray(draw(dense_watched, **options)), np.asarray(expected))


@pytest.mark.parametrize("name", ["activations", "favourites"])
def test_pictures_of_outputs_are_those_of_the_model(watched, name):
    draw = getattr(fw.draw, name)
    expected = draw(watched.model, inputs=X[:4])
    np.testing.assert_array_equal(np.asarray(draw(watched, inputs=X[:4])), np.asarray(expected))


def test_maximize_takes_the_model_of_the_callback(watched):
    images = fw.maximize(watched, filters=0, steps=2)
    np.testing.assert_array_equal(images, fw.maximize(watched.model, filters=0, steps=2))


def test_outputs_of_an_unused_callback_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"this FilterWatch has no model: pass it to model\.fit"):
        fw.draw.activations(fw.FilterWatch(tmp_path), inputs=X[:4])


def test_the_movie_of_the_callback_has_a_frame_for_each_step(watched, tmp_path):
    with Image.open(fw.draw.movie(watched, tmp_path / "filters.gif")) as film:
        assert film.n_frames == 3
