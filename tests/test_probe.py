"""What units return for probe inputs, against a plain forward pass through a model of its own."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from small_models import SharedActivation, randomize_batch_norms, sequential, stubborn

import keras_filterwatch as fw
from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.find import find, snapshot
from keras_filterwatch.model.probe import Probe, batches, take_inputs, take_probe


def inputs(shape=(12, 12, 3), count=70):
    return np.random.default_rng(0).standard_normal((count, *shape)).astype("float32")


def measured(model, x):
    return Probe(model, find(model), take_inputs(x)).run().outputs


def assert_same(outputs, plain):
    """Compares share of zeros, mean and standard deviation of each unit with NumPy's."""
    units = np.asarray(plain, np.float64).reshape(-1, plain.shape[-1])
    zeros, mean, deviation = (units == 0).mean(axis=0), units.mean(axis=0), units.std(axis=0)
    assert outputs.count == plain.size // plain.shape[-1]
    assert outputs.zeros / outputs.count == pytest.approx(zeros, abs=1e-3)
    assert outputs.total / outputs.count == pytest.approx(mean, abs=1e-4)
    from_sums = np.sqrt(outputs.squares / outputs.count - (outputs.total / outputs.count) ** 2)
    assert from_sums == pytest.approx(deviation, abs=1e-3)


BEHIND = {
    "its own activation": ({"activation": "relu"}, []),
    "Activation": ({}, [lambda: layers.Activation("relu")]),
    "ReLU": ({}, [layers.ReLU]),
    "LeakyReLU": ({}, [layers.LeakyReLU]),
    "PReLU": ({}, [layers.PReLU]),
    "BatchNormalization and ReLU": ({}, [layers.BatchNormalization, layers.ReLU]),
    "Dropout and tanh": ({}, [lambda: layers.Dropout(0.5), lambda: layers.Activation("tanh")]),
    "nothing": ({}, []),
}


@pytest.mark.parametrize("behind", BEHIND)
def test_outputs_are_taken_behind_the_non_linearity(behind):
    options, makers = BEHIND[behind]
    after = [maker() for maker in makers]
    parts = [layers.Conv2D(6, 3, **options, name="conv"), *after]
    model = randomize_batch_norms(
        keras.Sequential([layers.Input((12, 12, 3)), *parts, layers.Flatten(), layers.Dense(2)])
    )
    x = inputs()
    plain = keras.Model(model.inputs, parts[-1].output).predict(x, verbose=0)
    assert_same(measured(model, x)["conv"], plain)


def test_outputs_of_each_layer_are_taken_behind_its_own_use_of_a_shared_activation():
    model, x = SharedActivation(), inputs()
    model(x[:1])
    outputs = measured(randomize_batch_norms(model), x)
    for name, plain in zip(("first", "second"), model.hidden(x), strict=True):
        assert_same(outputs[name], to_numpy(plain))


def test_layers_of_nested_models_have_outputs():
    inner = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Conv2D(4, 3, name="conv"), layers.ReLU()], name="inner"
    )
    image = layers.Input((12, 12, 3))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(inner(image))))
    x = inputs()
    assert_same(measured(model, x)["inner/conv"], inner.predict(x, verbose=0))


def test_outputs_of_a_layer_that_is_used_twice_are_those_of_both_uses():
    shared = layers.Conv2D(4, 3, activation="relu", name="shared")
    one, two = layers.Input((12, 12, 3)), layers.Input((12, 12, 3))
    first, second = shared(one), shared(two)
    model = keras.Model([one, two], layers.Add()([first, second]))
    x = [inputs(), -inputs()]
    plain = keras.Model([one, two], [first, second]).predict(x, verbose=0)
    assert_same(measured(model, x)["shared"], np.concatenate(plain))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv1D(6, 3, activation="relu"), (12, 3)),
        (layers.Conv3D(2, 3, activation="relu"), (5, 5, 5, 2)),
        (layers.Conv2DTranspose(4, 3, activation="relu"), (6, 6, 3)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"), (9, 9, 3)),
        (layers.Dense(6, activation="relu"), (7,)),
        (layers.EinsumDense("abc,cde->abde", (None, 3, 2), activation="relu"), (5, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_each_kind_of_layer_has_one_number_per_filter(layer, shape):
    model = keras.Sequential([layers.Input(shape), layer])
    (kernel,) = snapshot(model).kernels
    x = inputs(shape)
    plain = model.predict(x, verbose=0)
    assert_same(measured(model, x)[kernel.name], plain.reshape(-1, kernel.filters))


def test_of_a_separable_convolution_the_pointwise_half_has_the_outputs():
    layer = layers.SeparableConv2D(6, 3, activation="relu", name="s")
    model = keras.Sequential([layers.Input((9, 9, 3)), layer])
    x = inputs((9, 9, 3))
    outputs = measured(model, x)
    assert set(outputs) == {"s/pointwise_kernel"}
    assert_same(outputs["s/pointwise_kernel"], model.predict(x, verbose=0))


def test_wrapped_layers_have_outputs():
    conv = layers.Conv2D(4, 3, activation="relu", name="conv")
    model = keras.Sequential([layers.Input((5, 9, 9, 3)), layers.TimeDistributed(conv)])
    x = inputs((5, 9, 9, 3), count=20)
    (outputs,) = measured(model, x).values()
    assert_same(outputs, model.predict(x, verbose=0))


@pytest.mark.parametrize(("name", "middle", "half"), [("sigmoid", 0.5, 0.5), ("tanh", 0.0, 1.0)])
def test_bounded_units_have_their_distance_from_the_middle(name, middle, half):
    model = keras.Sequential([layers.Input((7,)), layers.Dense(6, activation=name)])
    x = 3 * inputs((7,))
    (outputs,) = measured(model, x).values()
    away = np.abs(model.predict(x, verbose=0) - middle).mean(axis=0) / half
    assert outputs.outward / outputs.count == pytest.approx(away, abs=1e-4)


def test_units_without_bounds_have_no_distance_from_a_middle():
    model = keras.Sequential([layers.Input((7,)), layers.Dense(6, activation="relu")])
    (outputs,) = measured(model, inputs((7,))).values()
    assert outputs.outward is None


def test_a_second_measurement_uses_the_weights_as_they_are_then():
    model = keras.Sequential([layers.Input((7,)), layers.Dense(6, activation="relu", name="d")])
    x = inputs((7,))
    probe = Probe(model, find(model), take_inputs(x))
    probe.run()
    model.set_weights([np.ones((7, 6)), np.full(6, -1e3)])
    assert (probe.run().outputs["d"].zeros == len(x)).all()


def test_each_unit_has_as_many_observations_as_inputs_times_positions():
    model = sequential(layers.Conv2D(4, 3, name="conv"), shape=(12, 12, 3))
    outputs = measured(model, inputs())
    scores = fw.score(model, outputs=outputs)
    assert scores["conv"]["observations"] == 70 * 10 * 10  # a 3x3 window has 10x10 places


def test_probing_leaves_the_model_alone():
    model = randomize_batch_norms(
        keras.Sequential([layers.Input((7,)), layers.Dense(6), layers.BatchNormalization()])
    )
    before = [np.array(weight) for weight in model.get_weights()]
    measured(model, inputs((7,)))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# What a probe may be.


class Batches(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return len(self.x) // 10

    def __getitem__(self, i):
        part = slice(10 * i, 10 * i + 10)
        return self.x[part], targets(self.x)[part]


def targets(x):
    """A target for each input: its first number."""
    return x[:, 0]


def generator(x):
    for start in range(0, len(x), 10):
        yield x[start : start + 10], targets(x[start : start + 10])


KINDS_WITH_TARGETS = {
    "pair": lambda x: (x, targets(x)),
    "pair with sample weights": lambda x: (x, targets(x), np.ones(len(x))),
    "PyDataset": Batches,
    "generator": generator,
}
KINDS_WITHOUT = {
    "array": np.asarray,
    "inputs alone in a tuple": lambda x: (x,),
    "generator of inputs": lambda x: iter([x[:200], x[200:]]),
    "pair without targets": lambda x: (x, None),
}


@pytest.mark.parametrize("kind", [*KINDS_WITH_TARGETS, *KINDS_WITHOUT])
def test_the_first_inputs_of_a_probe_are_taken(kind):
    x = inputs((7,), count=400)
    probe = (KINDS_WITH_TARGETS | KINDS_WITHOUT)[kind](x)
    np.testing.assert_array_equal(take_inputs(probe), x[:256])


@pytest.mark.parametrize("kind", KINDS_WITH_TARGETS)
def test_the_targets_of_the_first_inputs_are_taken(kind):
    x = inputs((7,), count=400)
    taken = take_probe(KINDS_WITH_TARGETS[kind](x)).targets
    np.testing.assert_array_equal(taken, targets(x)[:256])


@pytest.mark.parametrize("kind", KINDS_WITHOUT)
def test_inputs_alone_have_no_targets(kind):
    assert take_probe(KINDS_WITHOUT[kind](inputs((7,), count=400))).targets is None


if keras.backend.backend() == "tensorflow":  # it is not there elsewhere

    def test_a_tf_dataset_is_a_probe():
        import tensorflow as tf

        x = inputs((7,), count=400)
        taken = take_probe(tf.data.Dataset.from_tensor_slices((x, targets(x))).batch(32))
        np.testing.assert_array_equal(taken.inputs, x[:256])
        np.testing.assert_array_equal(taken.targets, targets(x)[:256])


@pytest.mark.parametrize("structure", [dict, list])
def test_targets_of_several_outputs_keep_their_structure(structure):
    x = inputs((7,), 400)
    y = {"a": x[:, :2], "b": x[:, 0]}
    y = y if structure is dict else list(y.values())
    for pair in [(x, y), iter([(x, y)])]:
        taken = take_probe(pair).targets
        assert type(taken) is structure
        assert [part.shape for part in keras.tree.flatten(taken)] == [(256, 2), (256,)]


def test_decimal_numbers_are_taken_in_the_precision_of_the_training():
    taken = take_probe((np.zeros((3, 2), "float64"), np.zeros(3, "float64")))
    assert (taken.inputs.dtype, taken.targets.dtype) == (np.float32, np.float32)
    taken = take_probe((np.zeros((3, 2), "uint8"), np.zeros(3, "int64")))
    assert (taken.inputs.dtype, taken.targets.dtype) == (np.uint8, np.int64)


def test_several_inputs_keep_their_structure():
    x = {"a": inputs((7,), 400), "b": inputs((3,), 400)}
    taken = take_inputs(x)
    assert {name: part.shape for name, part in taken.items()} == {"a": (256, 7), "b": (256, 3)}


@pytest.mark.parametrize(
    ("probe", "error", "message"),
    [
        (3, TypeError, "an array, a dataset or a generator of inputs is needed; got 3"),
        (np.array(["a", "b"]), TypeError, "inputs: numbers are needed; got dtype <U1"),
        (
            [3.0, 4.0],
            TypeError,
            "inputs: an array, or a list or dict of arrays, is needed; got 3.0",
        ),
        (np.float64(3), TypeError, "an array, a dataset or a generator of inputs is needed"),
        (np.zeros((0, 7)), ValueError, r"above 0, are needed; got \[0\]"),
        (iter([]), ValueError, "it has no inputs"),
        ([np.zeros((3, 2)), np.zeros((4, 2))], ValueError, r"of one number.*got \[3, 4\]"),
    ],
)
def test_a_value_that_is_no_probe_is_refused(probe, error, message):
    with pytest.raises(error, match=message):
        take_inputs(probe)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        (np.zeros(300), ValueError, r"got \[300\] targets for \[299\] inputs"),
        ([np.zeros(299), np.zeros(3)], ValueError, r"got \[3, 299\] targets for \[299\] inputs"),
        (np.full(299, "cat"), TypeError, "targets: numbers are needed; got dtype <U3"),
        (np.full(299, None), TypeError, "targets: numbers are needed; got dtype object"),
        ([np.zeros(299), None], TypeError, "targets: an array, .* is needed; got None"),
        (3, TypeError, "targets: an array, .* is needed; got 3"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, error, message):
    with pytest.raises(error, match=message):
        take_probe((np.zeros((299, 7)), targets))


def test_batches_with_another_number_of_targets_are_refused():
    with pytest.raises(ValueError, match=r"got \[9\] targets for \[10\] inputs"):
        take_probe(iter([(np.zeros((5, 7)), np.zeros(5)), (np.zeros((5, 7)), np.zeros(4))]))


def test_inputs_are_sent_in_batches_that_lose_none():
    x = {"a": inputs((7,), 70), "b": inputs((3,), 70)}
    parts = list(batches(x))
    assert len(parts) > 1
    for name, array in x.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), array)


def test_a_model_that_cannot_be_traced_has_no_outputs_to_measure():
    model = stubborn()
    watched = find(model)
    model.willing = True
    assert Probe(model, watched, inputs((8, 8, 3))).run().outputs == {}


def test_taking_inputs_and_measuring_emit_no_warning():
    model = keras.Sequential([layers.Input((7,)), layers.Dense(6, activation="tanh")])
    tensors = [keras.ops.convert_to_tensor(inputs((7,), 10)) for _ in range(3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert take_inputs(iter(tensors)).shape == (30, 7)
        measured(model, inputs((7,)))


# In training.


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(8, 5, activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(6, activation="sigmoid", name="hidden"),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    model.compile(keras.optimizers.SGD(1e-2), loss="sparse_categorical_crossentropy")
    return model


def test_dead_filters_are_those_that_are_zero_for_the_whole_probe(tmp_path):
    model, x = network(), inputs()
    kernel, bias = model.get_layer("conv").get_weights()
    bias[:2] = -1e3
    model.get_layer("conv").set_weights([kernel, bias])
    watch = fw.FilterWatch(tmp_path, probe=x)
    logs = model.fit(x, np.arange(70) % 3, epochs=2, callbacks=[watch], verbose=0).history
    scores = watch.history[-1]
    assert scores["conv"]["dead_units"] == 2 / 8
    assert np.flatnonzero(scores["conv"].filters["dead_units"]).tolist() == [0, 1]
    assert scores["conv"]["dead"] == 0  # by their weights they are as large as the others
    assert logs["dead_filters"] == [pytest.approx(2 / 17)] * 2
    assert "saturated_units" in scores["hidden"]
    assert "saturated_units" not in scores["conv"]


def test_without_a_probe_there_are_no_scores_of_activity(tmp_path):
    watch, x = fw.FilterWatch(tmp_path), inputs()
    network().fit(x, np.arange(70) % 3, callbacks=[watch], verbose=0)
    assert {"apoz", "dead_units", "saturated_units"}.isdisjoint(watch.history[-1]["hidden"])


def test_a_probe_that_does_not_fit_costs_the_scores_of_activity_only(tmp_path):
    watch, x = fw.FilterWatch(tmp_path, probe=inputs((5, 5, 1))), inputs()
    with pytest.warns(UserWarning, match="probe"):
        network().fit(x, np.arange(70) % 3, epochs=2, callbacks=[watch], verbose=0)
    assert [scores.step for scores in watch.history] == [0, 1, 2]
    assert "noise" in watch.history[-1]["conv"]
