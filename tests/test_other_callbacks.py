"""Callbacks that use scores of FilterWatch but stand before it, in real trainings."""

import pytest
from keras import layers
from keras.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from small_models import noise, sequential

import keras_filterwatch as fw
from keras_filterwatch.training.other_callbacks import misplaced_callbacks


def fit(callbacks):
    """Trains a small network for an epoch; Keras warns of the missing logs too."""
    model = sequential(layers.Conv2D(4, 3), shape=(6, 6, 3))
    model.compile("sgd", "mse")
    x, y = noise((4, 6, 6, 3)), noise((4, 4, 4, 4))
    model.fit(x, y, epochs=1, verbose=0, callbacks=callbacks)


@pytest.fixture
def watch(tmp_path):
    return fw.FilterWatch(tmp_path, images=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("other", "name"),
    [
        (EarlyStopping("filter_noise", mode="min"), "filter_noise"),
        (ReduceLROnPlateau("dead_filters", mode="min"), "dead_filters"),
    ],
    ids=["EarlyStopping", "ReduceLROnPlateau"],
)
def test_a_callback_before_filterwatch_that_monitors_its_score_gets_a_hint(other, name, watch):
    fit([other, watch])
    assert [str(problem) for problem in watch.problems] == [
        f"FilterWatch: {type(other).__name__} uses {name!r} but stands before FilterWatch in the "
        "list of callbacks. Its logs lack the score: put FilterWatch first; training continues."
    ]


@pytest.mark.filterwarnings("ignore")
def test_the_hint_comes_before_an_error_of_the_other_callback(watch, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "{filter_noise:.2f}.weights.h5", save_weights_only=True)
    with pytest.raises(KeyError, match="filter_noise"):
        fit([checkpoint, watch])
    assert "ModelCheckpoint uses 'filter_noise'" in str(watch.problems[0])


def test_a_file_that_is_only_called_as_a_score_gets_none(watch, tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "filter_noise.weights.h5", save_weights_only=True)
    fit([checkpoint, watch])
    assert watch.problems == []


@pytest.mark.parametrize("wrap", [list, tuple])
def test_a_callback_behind_filterwatch_gets_none(watch, wrap):
    others = [EarlyStopping("filter_noise", mode="min"), LambdaCallback()]
    fit(wrap([LambdaCallback(), EarlyStopping("loss"), watch, *others]))
    assert watch.problems == []


def test_nothing_is_said_where_no_list_calls_the_callback(watch):
    assert misplaced_callbacks(watch) == []
