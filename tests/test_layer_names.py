"""Names of layers: without Keras's counter in a second model, and what still means a layer."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import sequential, shapes

import keras_filterwatch as fw
from keras_filterwatch.kernel_names import KernelNames, matching_kernels
from keras_filterwatch.model.find import find, selected_kernel
from keras_filterwatch.model.layer_names import layer_names


def made_before(*kinds):
    """Makes layers first, so that Keras's counters do not begin at 0."""
    return [kind(2) for kind in kinds]


def two_dense():
    made_before(layers.Dense, layers.Dense, layers.Dense)
    return sequential(layers.Dense(3), layers.Dense(2), shape=(4,))


@pytest.mark.parametrize("kind", [layers.ReLU, layers.Conv2DTranspose, layers.LSTM, layers.GRUCell])
def test_names_are_those_that_keras_gives_in_a_fresh_process(kind):
    def options():
        return {"filters": 2, "kernel_size": 2} if kind is layers.Conv2DTranspose else {}

    arguments = () if kind is layers.ReLU or options() else (2,)
    parts = [kind(*arguments, **options()) for _ in range(3)]
    # Keras begins with the name of the class alone, and goes on with _1, _2
    begin = parts[0].name.rstrip("0123456789").rstrip("_")
    names = layer_names(parts)
    assert [names[id(part)] for part in parts] == [begin, f"{begin}_1", f"{begin}_2"]


def test_a_second_model_has_the_names_of_the_first():
    def network():
        inner = keras.Sequential([layers.Conv2D(4, 3), layers.Conv2D(4, 3)])
        return sequential(
            inner, layers.BatchNormalization(), layers.Flatten(), layers.Dense(2), shape=(9, 9, 3)
        )

    first, second = find(network()), find(network())
    names = [kernel.name for kernel in second.kernels]
    assert names == ["sequential/conv2d", "sequential/conv2d_1", "dense"]
    assert names == [kernel.name for kernel in first.kernels]
    assert list(second.skipped) == ["batch_normalization"]


def test_layers_are_counted_in_the_order_in_which_they_were_made():
    last, first = layers.Dense(2), layers.Dense(3)
    assert list(shapes(sequential(first, last, shape=(4,)))) == ["dense_1", "dense"]


def test_a_bidirectional_layer_has_two_names_without_a_counter():
    made_before(layers.LSTM)
    model = sequential(
        layers.Bidirectional(layers.LSTM(2), name="both"), layers.Dense(2), shape=(3, 2)
    )
    assert list(find(model).skipped) == ["both/forward_lstm", "both/backward_lstm"]


def test_a_layer_that_a_model_uses_twice_is_counted_once():
    made_before(layers.Dense)
    first, second = layers.Dense(4), layers.Dense(4)
    names = layer_names([first, second, first])
    assert (names[id(first)], names[id(second)]) == ("dense", "dense_1")


def test_names_that_a_user_gave_stay():
    model = sequential(
        layers.Dense(3, name="dense_one"), layers.Dense(3, name="head_7"), shape=(4,)
    )
    assert list(shapes(model)) == ["dense_one", "head_7"]


def test_names_with_a_number_that_keras_has_not_come_to_stay():
    keras.backend.clear_session()  # Keras counts from 0
    model = sequential(layers.Dense(3, name="dense_1"), layers.Dense(3, name="dense_2"), shape=(4,))
    assert list(shapes(model)) == ["dense_1", "dense_2"]


def test_the_name_that_keras_gives_next_stays():
    keras.backend.clear_session()
    made_before(layers.Dense)  # "dense"
    model = sequential(layers.Dense(3, name="dense_1"), shape=(4,))
    assert list(shapes(model)) == ["dense_1"]


def test_all_names_of_a_class_stay_if_one_would_be_that_of_another_layer():
    made_before(layers.Dense)
    dense = layers.Dense(3)
    model = sequential(
        dense, layers.ReLU(), layers.EinsumDense("ab,bc->ac", 2, name="dense"), shape=(4,)
    )
    assert list(shapes(model)) == [dense.name, "dense"]


def test_all_names_of_a_class_stay_if_two_layers_have_one_name():
    made_before(*[layers.Dense] * 6)  # so that Keras has given this name
    model = sequential(
        keras.Sequential([layers.Dense(3, name="dense_5")], name="a"),
        keras.Sequential([layers.Dense(3, name="dense_5")], name="b"),
        shape=(4,),
    )
    assert list(shapes(model)) == ["a/dense_5", "b/dense_5"]


def test_a_layer_alone_is_named_too():
    made_before(layers.Dense)
    dense = layers.Dense(2)
    dense.build((None, 3))
    assert list(shapes(dense)) == ["dense"]


# What means a layer.

NAMES = [
    KernelNames("dense", "dense", ("dense_1",)),
    KernelNames("block/dense_1", "dense_1", ("block/dense_2", "dense_2")),
    KernelNames("up.0.weight", "", ()),
]


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("dense", ["dense"]),
        ("dense_1", ["block/dense_1"]),  # also what Keras calls the other one
        ("dense_2", ["block/dense_1"]),
        ("block", ["block/dense_1"]),
        ("up", ["up.0.weight"]),
        ("up.0", ["up.0.weight"]),
        ("u", []),
        ("dense*", ["dense", "block/dense_1"]),
        ("d*_1", ["dense", "block/dense_1"]),
        ("*_2", ["block/dense_1"]),
        ("DENSE", []),
    ],
)
def test_a_name_or_a_block_or_a_pattern_means_its_kernels(choice, meant):
    assert matching_kernels(choice, NAMES) == meant


def test_both_names_mean_the_layer():
    model = two_dense()
    keras_name = model.layers[1].name
    for name in ("dense_1", keras_name):
        assert list(shapes(model, layers=name)) == ["dense_1"]
        assert selected_kernel(model, name).name == "dense_1"


def test_both_names_mean_the_layer_in_pictures_and_windows():
    made_before(layers.Dense)
    model = sequential(layers.Dense(3), layers.Dense(2), shape=(20,))
    keras_name = model.layers[0].name
    by_name = np.asarray(fw.draw.templates(model, "dense", window={"dense": (4, 5)}))
    by_keras_name = fw.draw.templates(model, keras_name, window={keras_name: (4, 5)})
    np.testing.assert_array_equal(by_name, by_keras_name)


def test_the_reason_why_a_layer_is_not_watched_is_found_by_both_names():
    made_before(lambda _: layers.BatchNormalization())
    norm = layers.BatchNormalization()
    model = sequential(norm, layers.Dense(2), shape=(4,))
    for name in ("batch_normalization", norm.name):
        (problem,) = find(model, name).problems
        assert problem.what == f"layers: {name!r} cannot be watched"


def test_where_a_name_could_mean_two_layers_it_is_the_name_here_and_a_note_says_so():
    made_before(*[layers.Dense] * 3)
    # as Keras names them in a process where one Dense layer was made before
    first, second = layers.Dense(3, name="dense_1"), layers.Dense(3, name="dense_2")
    model = sequential(first, second, shape=(4,))
    watched = find(model, "dense_1")
    assert [kernel.layer for kernel in watched.kernels] == [second]
    (note,) = watched.notes
    assert note.what == "layers: 'dense_1' is also what Keras calls the layer 'dense'"
    with pytest.warns(UserWarning, match="'dense_1' is taken, as FilterWatch names it"):
        assert selected_kernel(model, "dense_1").layer is second
    assert selected_kernel(model, first).name == "dense"


# Everything that names a layer.


def test_facts_and_kernels_have_one_name_for_a_layer(tmp_path):
    made_before(layers.Dense, lambda _: layers.Dropout(0.5), lambda _: layers.LayerNormalization())
    model = sequential(
        layers.LayerNormalization(),
        layers.Dense(3, kernel_regularizer="l2"),
        layers.Dropout(0.9),
        layers.Dense(1),
        shape=(4,),
    )
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(tmp_path, images=False)
    model.fit(np.ones((4, 4)), np.ones((4, 1)), callbacks=[watch], verbose=0)
    facts = watch.history.facts
    assert list(facts.dropout) == ["dropout"]
    assert list(facts.regularisers) == ["dense"]
    assert facts.normalisations == ("layer_normalization",)
    assert facts.normalises_inputs == "layer_normalization"
    assert list(watch.history[-1]) == ["dense", "dense_1"]
