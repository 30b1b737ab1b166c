"""Pictures of a `Run`: drawn from the record of a training, at any of its steps."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

import keras_filterwatch as fw

SIDE = 8


def fitted(directory, *parts, epochs=2):
    """Trains a network of these layers, and returns the callback and the record."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((SIDE, SIDE, 1)), *parts])
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(directory)
    random = np.random.default_rng(0)
    x, y = random.random((16, SIDE, SIDE, 1)), random.random((16, 3))
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[watch])
    return watch, fw.read(directory)


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory):
    parts = [layers.Conv2D(6, 3, name="first"), layers.Conv2D(5, 3, name="second")]
    head = layers.Dense(3, name="head")
    return fitted(tmp_path_factory.mktemp("conv"), *parts, layers.Flatten(), head)


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    hidden = layers.Dense(9, activation="relu", name="hidden")
    head = layers.Dense(3, name="head")
    return fitted(tmp_path_factory.mktemp("dense"), layers.Flatten(), hidden, head)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A layer with more weights than are recorded: the first of its units are."""
    hidden = layers.Dense(2100, activation="relu", name="hidden")
    head = layers.Dense(3, name="head")
    return fitted(tmp_path_factory.mktemp("wide"), layers.Flatten(), hidden, head, epochs=1)


def same(picture, other):
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(other))


def test_a_film_strip_is_that_of_the_callback(convolutions):
    watch, run = convolutions
    same(fw.draw.film_strip(run, "second"), fw.draw.film_strip(watch, "second"))


def test_a_movie_has_the_steps_of_the_run(convolutions, tmp_path):
    _, run = convolutions
    with Image.open(fw.draw.movie(run, tmp_path / "filters.gif")) as film:
        assert film.n_frames == len(run.steps)


@pytest.mark.parametrize("step", [0, 1, None])
def test_filters_are_those_of_the_step(convolutions, step):
    _, run = convolutions
    number = run.steps[-1] if step is None else step
    snapshot, scores = run.snapshot_at(number), run.history[number]
    expected = fw.draw.filters(snapshot, "second", scores=scores)
    same(fw.draw.filters(run, "second", step=step), expected)


def test_the_caption_has_the_scores_that_were_recorded(convolutions, written):
    _, run = convolutions
    fw.draw.filters(run, "first", step=1)
    assert any(f"noise {run.history[1]['first']['noise']:.2f}" in text for text in written)


def test_filters_of_a_run_can_be_ordered(convolutions, written):
    _, run = convolutions
    fw.draw.filters(run, "first", order="noise")
    noise = run.history[-1]["first"].filters["noise"]
    assert written[:6] == [str(number) for number in np.argsort(noise, kind="stable")]


def test_components_are_those_of_the_step(convolutions):
    _, run = convolutions
    expected = fw.draw.components(run.snapshot_at(1), "second", step=1)
    same(fw.draw.components(run, "second", step=1), expected)


@pytest.mark.parametrize("name", ["templates", "class_paths"])
def test_pictures_of_dense_layers_are_those_of_the_step(dense, name):
    _, run = dense
    draw = getattr(fw.draw, name)
    same(draw(run, step=1), draw(run.snapshot_at(1)))


def test_evidence_is_that_of_the_step(dense):
    _, run = dense
    x = np.random.default_rng(1).random((2, SIDE, SIDE, 1))
    expected = fw.draw.evidence(run.snapshot_at(1), inputs=x, units=[2], classes=[1])
    same(fw.draw.evidence(run, inputs=x, units=[2], classes=[1], step=1), expected)


def test_path_templates_are_the_product_of_the_recorded_kernels(dense):
    _, run = dense
    hidden, head = run.kernels("hidden", 1).array, run.kernels("head", 1).array
    expected = hidden.astype(float) @ head.astype(float)
    np.testing.assert_allclose(fw.draw.path_templates(run, step=1), expected)


def test_the_caption_counts_all_filters_where_some_were_recorded(wide, written):
    _, run = wide
    kept = run.kernels("hidden").filters
    fw.draw.filters(run, "hidden")
    assert kept < 2100
    assert any("2100 filters" in text for text in written)
    assert any("of 2100 filters" in text for text in written)


def test_templates_count_all_units_where_some_were_recorded(wide, written):
    _, run = wide
    fw.draw.templates(run, "hidden")
    assert any("of 2100 units" in text for text in written)


def test_a_unit_that_was_not_recorded_is_refused(wide):
    _, run = wide
    with pytest.raises(ValueError, match=r"units \[2000\] were not recorded: .* Pass the model"):
        fw.draw.templates(run, units=[0, 2000])


def test_a_unit_that_does_not_exist_is_refused(wide):
    _, run = wide
    with pytest.raises(ValueError, match=r"units \[2100\] do not exist: there are 0 to 2099"):
        fw.draw.templates(run, units=2100)


def test_paths_through_kernels_that_were_not_recorded_whole_are_refused(wide):
    _, run = wide
    with pytest.raises(ValueError, match=r"no path leads from 'hidden' .* Pass the model"):
        fw.draw.class_paths(run)


def test_a_layer_that_was_not_recorded_is_refused(wide):
    _, run = wide
    for draw in (fw.draw.filters, fw.draw.film_strip):
        with pytest.raises(ValueError, match="the weights of 'head' were not recorded"):
            draw(run, "head")


def test_a_step_that_the_run_does_not_have_is_refused(convolutions):
    _, run = convolutions
    with pytest.raises(ValueError, match="the run has no step 7"):
        fw.draw.filters(run, step=7)


@pytest.mark.parametrize("name", ["activations", "favourites", "inputs"])
def test_pictures_that_need_a_model_or_images_say_so(convolutions, name):
    _, run = convolutions
    with pytest.raises(ValueError, match=f"{name}: a Run .* has no model .* Pass "):
        getattr(fw.draw, name)(run)


def test_a_run_has_windows_of_its_own(convolutions):
    _, run = convolutions
    with pytest.raises(ValueError, match="a FilterWatch and a Run have their own"):
        fw.draw.film_strip(run, window={"head": (4, 4, 1)})
