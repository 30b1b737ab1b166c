"""Keras models in, kernels out: each kind of layer and of model, on the backend at hand."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_filterwatch as fw
from keras_filterwatch.model import find as extraction


def shapes(model, **choice):
    return {k.name: k.array.shape for k in extraction.snapshot(model, **choice).kernels}


def kernel(model, name=None):
    kernels = {k.name: k for k in extraction.snapshot(model).kernels}
    return kernels[name] if name else next(iter(kernels.values()))


def sequential(*parts, shape):
    return keras.Sequential([layers.Input(shape), *parts])


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv1D(6, 5, dilation_rate=2), (20, 4), (5, 4, 6)),
        (layers.Conv2D(6, 3), (9, 9, 4), (3, 3, 4, 6)),
        (layers.Conv2D(6, (3, 5), groups=2), (9, 9, 4), (3, 5, 2, 6)),
        (layers.Conv3D(6, 3), (5, 5, 5, 2), (3, 3, 3, 2, 6)),
        (layers.Conv1DTranspose(6, 3), (9, 4), (3, 4, 6)),
        (layers.Conv2DTranspose(6, 3), (9, 9, 4), (3, 3, 4, 6)),
        (layers.Conv3DTranspose(6, 3), (5, 5, 5, 2), (3, 3, 3, 2, 6)),
        (layers.DepthwiseConv1D(3, depth_multiplier=2), (9, 4), (3, 1, 8)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 9, 4), (3, 3, 1, 8)),
        (layers.Dense(6), (4,), (4, 6)),
        (layers.EinsumDense("ab,bc->ac", 6), (4,), (4, 6)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_layer_kind_has_its_axes(layer, shape, expected):
    model = sequential(layer, shape=shape)
    assert shapes(model) == {layer.name: expected}
    assert kernel(model).layer_type == type(layer).__name__


def test_separable_convolutions_have_both_kernels():
    model = sequential(layers.SeparableConv2D(6, 3, name="s"), shape=(9, 9, 4))
    assert shapes(model) == {"s/depthwise_kernel": (3, 3, 1, 4), "s/pointwise_kernel": (1, 1, 4, 6)}
    model = sequential(layers.SeparableConv1D(6, 3, name="s"), shape=(9, 4))
    assert shapes(model) == {"s/depthwise_kernel": (3, 1, 4), "s/pointwise_kernel": (1, 4, 6)}


def test_attention_has_the_kernels_of_its_projections():
    inputs = layers.Input((5, 8))
    attention = layers.MultiHeadAttention(2, 3, name="mha")
    model = keras.Model(inputs, attention(inputs, inputs))
    assert shapes(model) == {
        "mha/query": (8, 6),
        "mha/key": (8, 6),
        "mha/value": (8, 6),
        "mha/attention_output": (6, 8),
    }


# That the axes are the right ones is shown by computing the layer's output from them.


@pytest.mark.parametrize(
    ("equation", "output", "shape"),
    [
        ("abc,cde->abde", (None, 3, 2), (5, 4)),
        ("abcd,cde->abe", (None, 6), (5, 2, 3)),
        ("abc,dc->abd", (None, 6), (5, 4)),
        ("...x,xy->...y", 6, (4,)),
    ],
)
def test_einsum_kernel_maps_channels_to_filters(equation, output, shape):
    layer = layers.EinsumDense(equation, output)
    model = sequential(layer, shape=shape)
    array = kernel(model).array
    x = noise((1, *shape))
    flat = x.reshape(-1, array.shape[0]) @ array
    assert flat.ravel() == pytest.approx(np.ravel(model.predict(x, verbose=0)), rel=1e-4, abs=1e-4)


def test_depthwise_filter_is_the_one_that_makes_its_output():
    model = sequential(layers.DepthwiseConv2D(3, depth_multiplier=2), shape=(3, 3, 4))
    x = noise((1, 3, 3, 4))
    array = kernel(model).array
    expected = [(x[0, ..., f // 2] * array[..., 0, f]).sum() for f in range(8)]
    assert np.ravel(model.predict(x, verbose=0)) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_transposed_filter_is_what_an_impulse_leaves():
    model = sequential(layers.Conv2DTranspose(6, 3), shape=(1, 1, 4))
    array = kernel(model).array
    for channel in range(4):
        impulse = np.zeros((1, 1, 1, 4), "float32")
        impulse[..., channel] = 1
        output = model.predict(impulse, verbose=0)[0]
        assert output == pytest.approx(array[..., channel, :], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    "before", [[], [layers.Rescaling(2.0)], [layers.Normalization()], [layers.Dropout(0.1)]]
)
@pytest.mark.parametrize("between", [[], [layers.Dropout(0.1)]])
def test_dense_on_a_flattened_image_has_its_axes(before, between):
    model = sequential(*before, layers.Flatten(), *between, layers.Dense(5), shape=(8, 6, 3))
    assert list(shapes(model).values()) == [(8, 6, 3, 5)]


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_image_axes_of_a_dense_kernel_are_those_of_the_image(form):
    shape = (8, 6, 3) if form == "channels_last" else (3, 8, 6)
    model = sequential(layers.Flatten(data_format=form), layers.Dense(5), shape=shape)
    x = noise((1, *shape))
    image = x[0] if form == "channels_last" else x[0].transpose(1, 2, 0)
    expected = np.tensordot(image, kernel(model).array, 3)
    assert model.predict(x, verbose=0)[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_grey_image_without_channel_axis_has_one_channel():
    model = sequential(layers.Flatten(), layers.Dense(5), layers.Dense(2), shape=(8, 6))
    assert list(shapes(model).values()) == [(8, 6, 1, 5), (5, 2)]


def test_reshape_flattens_as_well():
    model = sequential(layers.Reshape((48,)), layers.Dense(5), shape=(8, 6, 1))
    assert list(shapes(model).values()) == [(8, 6, 1, 5)]


def test_a_subclassed_network_may_flatten_too():
    class Templates(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten, self.hidden = layers.Flatten(), layers.Dense(5, name="hidden")

        def call(self, x):
            return self.hidden(self.flatten(x / 255))

    model = Templates()
    model(noise((1, 8, 6, 1)))
    assert shapes(model) == {"hidden": (8, 6, 1, 5)}


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        ([layers.Conv2D(4, 3), layers.Flatten()], (8, 8, 1)),
        ([layers.Embedding(10, 4), layers.Flatten()], (8,)),
        ([layers.Flatten(), layers.Dense(16), layers.Reshape((4, 4, 1)), layers.Flatten()], (8,)),
    ],
    ids=["feature maps", "embeddings", "reshaped features"],
)
def test_dense_on_anything_but_an_image_has_no_window(parts, shape):
    model = sequential(*parts, layers.Dense(5, name="last"), shape=shape)
    assert len(shapes(model)["last"]) == 2


# Kinds of models.


class Block(keras.layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.last = layers.Conv2D(filters, 1, name="last")  # used last, though made first
        self.conv = layers.Conv2D(filters, 3, padding="same", name="conv")
        self.norm = layers.BatchNormalization(name="norm")
        self.more = [layers.Conv2D(filters, 1, name="more")]

    def call(self, x):
        x = self.norm(self.conv(x))
        for layer in self.more:
            x = layer(x)
        return self.last(x)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = Block(4, name="block")
        self.second = Block(4, name="block")
        self.head = layers.Dense(2, name="head")

    def call(self, x):
        return self.head(keras.ops.mean(self.second(self.first(x)), axis=(1, 2)))


def test_subclassed_model_has_unique_names_in_the_order_of_use():
    model = Subclassed()
    model(noise((1, 8, 8, 3)))
    assert list(shapes(model)) == [
        *("block/conv", "block/more", "block/last"),
        *("block/conv_1", "block/more_1", "block/last_1"),
        "head",
    ]


def test_nested_models_have_names_that_say_where():
    inputs = layers.Input((8, 8, 3))
    inner = keras.Model(inputs, layers.Conv2D(4, 3, name="conv")(inputs), name="inner")
    also = keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.ReLU()], name="also")
    image = layers.Input((8, 8, 3))
    joined = layers.Concatenate()([inner(image), also(image)])
    model = keras.Model(image, layers.Conv2D(2, 3, name="conv")(joined))
    assert list(shapes(model)) == ["inner/conv", "also/conv", "conv"]


def test_a_shared_layer_is_watched_once():
    shared = layers.Conv2D(4, 3, name="shared")
    inputs = layers.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Add()([shared(inputs), shared(inputs)]))
    assert list(shapes(model)) == ["shared"]


def test_wrapped_layers_are_found():
    model = sequential(
        layers.TimeDistributed(layers.Conv2D(4, 3, name="conv"), name="each"),
        layers.TimeDistributed(layers.Flatten()),
        layers.SpectralNormalization(layers.Dense(4, name="dense"), name="limited"),
        shape=(5, 8, 8, 3),
    )
    assert shapes(model) == {"each/conv": (3, 3, 3, 4), "limited/dense": (144, 4)}


def test_a_custom_layer_with_a_weight_called_kernel_is_watched():
    class Custom(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], 7), name="kernel")

        def call(self, x):
            return x @ self.w

    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1],), name="kernel")

        def call(self, x):
            return x * self.kernel

    model = sequential(Custom(name="mine"), Scale(name="scale"), shape=(4,))
    assert shapes(model) == {"mine": (4, 7)}
    assert "shape (7,)" in extraction.snapshot(model).skipped["scale"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_low_precision_is_scored_like_full_precision(dtype):
    layer = layers.Conv2D(16, 3, dtype=dtype)
    model = sequential(layer, shape=(8, 8, 8))
    array = np.asarray(keras.ops.convert_to_numpy(layer.kernel)).astype("float32")
    scores = fw.score(model)[layer.name]
    assert scores["noise"] == pytest.approx(fw.score({"c": array})["c"]["noise"], abs=1e-6)


def test_a_sequential_model_is_found_after_its_first_call():
    model = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    model(noise((1, 8, 8, 3)))
    assert list(shapes(model).values()) == [(3, 3, 3, 4), (144, 2)]


def test_dictionary_inputs_are_followed():
    image, other = layers.Input((8, 8, 1), name="image"), layers.Input((3,), name="other")
    joined = layers.Concatenate()([layers.Dense(4, name="d")(layers.Flatten()(image)), other])
    assert shapes(keras.Model({"image": image, "other": other}, joined)) == {"d": (8, 8, 1, 4)}


# What is not watched.


def test_what_has_weights_and_is_not_watched_is_named_with_its_reason():
    model = sequential(
        layers.Embedding(10, 4, name="words"),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"),
        layers.GRU(3, name="gru"),
        layers.BatchNormalization(name="norm"),
        layers.Dense(2, name="dense"),
        shape=(5,),
    )
    snapshot = extraction.snapshot(model)
    assert [k.name for k in snapshot.kernels] == ["dense"]
    gates = "recurrent: its kernel holds gates, not filters"
    assert snapshot.skipped == {
        "words": "Embedding has no kernel, only embeddings",
        "both/forward_lstm": gates,
        "both/backward_lstm": gates,
        "gru": gates,
        "norm": "BatchNormalization has no kernel, only gamma, beta, moving_mean, moving_variance",
    }


# BatchNormalization and the filters before it.


def randomized(norm):
    random = np.random.default_rng(0)
    for weight in norm.weights:
        weight.assign(random.uniform(0.5, 2, weight.shape))


@pytest.mark.parametrize(
    "between",
    [[], [layers.ReLU()], [layers.Dropout(0.5), layers.MaxPooling2D(), layers.LeakyReLU()]],
    ids=["directly", "through ReLU", "through three layers"],
)
def test_batch_normalization_gives_each_filter_its_gain(between):
    norm = layers.BatchNormalization(epsilon=0.1)
    model = sequential(layers.Conv2D(6, 3), *between, norm, shape=(9, 9, 3))
    randomized(norm)
    gamma, _, _, variance = (keras.ops.convert_to_numpy(weight) for weight in norm.weights)
    assert kernel(model).gain == pytest.approx(np.abs(gamma) / np.sqrt(variance + 0.1))


def test_batch_normalization_without_scale_divides_only():
    norm = layers.BatchNormalization(scale=False, center=False, epsilon=0.1)
    model = sequential(layers.Dense(6), norm, shape=(3,))
    norm.moving_variance.assign(np.full(6, 0.9))
    assert kernel(model).gain == pytest.approx(np.ones(6))


@pytest.mark.parametrize(
    "between",
    [[layers.Conv2D(6, 1, name="second")], [layers.LayerNormalization()]],
    ids=["behind another convolution", "behind another normalization"],
)
def test_batch_normalization_elsewhere_is_none_of_its_business(between):
    model = sequential(
        layers.Conv2D(6, 3, name="first"), *between, layers.BatchNormalization(), shape=(9, 9, 3)
    )
    assert kernel(model, "first").gain is None


def test_batch_normalization_is_found_in_subclassed_models():
    model = Subclassed()
    model(noise((1, 8, 8, 3)))
    assert kernel(model, "block/conv").gain is not None
    assert kernel(model, "block/more").gain is None


def test_batch_normalization_is_found_behind_wrapped_layers():
    model = sequential(
        layers.TimeDistributed(layers.Conv2D(4, 3)),
        layers.TimeDistributed(layers.BatchNormalization()),
        shape=(5, 8, 8, 3),
    )
    assert kernel(model).gain is not None


def test_of_several_batch_normalizations_the_largest_gain_counts():
    inputs = layers.Input((9, 9, 3))
    features = layers.Conv2D(4, 3, name="conv")(inputs)
    norms = [layers.BatchNormalization(epsilon=0), layers.BatchNormalization(epsilon=0)]
    model = keras.Model(inputs, layers.Add()([norm(features) for norm in norms]))
    for norm, gamma in zip(norms, ([0, 1, 2, 0], [3, 0, 1, 0]), strict=True):
        norm.gamma.assign(gamma)
    assert kernel(model, "conv").gain == pytest.approx([3, 1, 2, 0])


# Layers whose weights are not what they compute with, or not all there.


@pytest.mark.parametrize("layer", [layers.Dense(6), layers.Conv1D(6, 3)], ids=["Dense", "Conv1D"])
def test_lora_is_part_of_the_kernel(layer):
    model = sequential(layer, shape=(9, 4))
    layer.enable_lora(2)
    for weight in layer.trainable_weights:
        weight.assign(noise(weight.shape))
    assert kernel(model).array == pytest.approx(
        np.asarray(keras.ops.convert_to_numpy(layer.kernel))
    )
    assert kernel(model).trainable


def test_a_frozen_layer_is_known_as_such():
    model = sequential(
        layers.Conv2D(4, 3, trainable=False, name="frozen"), layers.Conv2D(4, 3), shape=(9, 9, 3)
    )
    assert [k.trainable for k in extraction.snapshot(model).kernels] == [False, True]


def test_a_layer_that_the_model_has_not_used_is_named():
    class Half(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(3, name="used"), layers.Dense(3, name="unused")

        def call(self, x):
            return self.used(x)

    model = Half()
    model(noise((1, 4)))
    snapshot = extraction.snapshot(model)
    assert [k.name for k in snapshot.kernels] == ["used"]
    assert snapshot.skipped == {"unused": "not built: the model has not used it"}


def test_a_dense_layer_that_lays_its_kernel_out_otherwise_is_read_as_it_is():
    class Packed(layers.Dense):
        def build(self, shape):
            self._kernel = self.add_weight(shape=(shape[-1] + 1, self.units), name="kernel")
            self.bias, self.built = None, True

        def call(self, x):
            return x @ self._kernel[1:]

    model = sequential(layers.Flatten(), Packed(5, name="packed"), shape=(8, 8, 3))
    assert shapes(model) == {"packed": (193, 5)}


def test_a_kernel_that_cannot_be_read_is_named_and_the_others_are_watched():
    class Shy(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3, 3), name="w")

        @property
        def kernel(self):
            raise RuntimeError("not now")

        def call(self, x):
            return x @ self.w

    model = sequential(Shy(name="shy"), layers.Dense(2, name="dense"), shape=(3,))
    snapshot = extraction.snapshot(model)
    assert [k.name for k in snapshot.kernels] == ["dense"]
    assert snapshot.skipped == {"shy": "its kernel cannot be read: RuntimeError: not now"}


def test_a_model_whose_call_asks_for_training_is_followed():
    class Asking(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization()

        def call(self, x, training):
            return self.norm(self.conv(x), training=training)

    model = Asking()
    model(noise((1, 9, 9, 3)), training=False)
    assert kernel(model, "conv").gain is not None


# The model stays as it was.


def test_looking_at_a_model_leaves_it_alone():
    model = sequential(layers.Conv2D(4, 3), layers.BatchNormalization(), shape=(9, 9, 3))
    x = noise((2, 9, 9, 3))
    before = model.predict(x, verbose=0), [len(layer._inbound_nodes) for layer in model.layers]
    extraction.snapshot(model)
    after = model.predict(x, verbose=0), [len(layer._inbound_nodes) for layer in model.layers]
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] == after[1]


def test_a_model_that_cannot_be_followed_is_watched_all_the_same():
    class Stubborn(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(4, 3, name="conv")
            self.willing = True

        def call(self, x):
            if not self.willing:
                raise RuntimeError("not now")
            return self.conv(x)

    model = Stubborn()
    model(noise((1, 8, 8, 3)))
    model.willing = False
    with pytest.warns(
        UserWarning, match=r"could not follow the data through 'stubborn' \(not now\)"
    ):
        assert list(shapes(model)) == ["conv"]


# The choice of layers.


@pytest.fixture(scope="module")
def network():
    return sequential(
        layers.Conv2D(4, 3, name="conv_a"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(4, 3, name="conv_b"),
        layers.SeparableConv2D(4, 3, name="separable"),
        layers.Flatten(),
        layers.Dense(2, name="dense"),
        shape=(12, 12, 3),
    )


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("conv_a", ["conv_a"]),
        (["dense", "conv_a"], ["conv_a", "dense"]),
        ("conv_*", ["conv_a", "conv_b"]),
        ("separable", ["separable/depthwise_kernel", "separable/pointwise_kernel"]),
        ("*/pointwise_kernel", ["separable/pointwise_kernel"]),
        (lambda layer: isinstance(layer, layers.Dense), ["dense"]),
    ],
    ids=["name", "names", "glob", "owner", "glob with path", "function"],
)
def test_layers_are_chosen(network, choice, chosen):
    assert list(shapes(network, layers=choice)) == chosen


def test_a_layer_is_chosen_with_all_it_contains(network):
    assert list(shapes(network, layers=network.get_layer("separable"))) == [
        "separable/depthwise_kernel",
        "separable/pointwise_kernel",
    ]


def test_what_was_not_chosen_is_named(network):
    skipped = extraction.snapshot(network, layers="conv_a").skipped
    assert skipped["conv_b"] == "not among the chosen layers"


def test_an_unknown_name_is_answered_with_the_nearest(network):
    with pytest.raises(ValueError, match=r"no kernel is called 'conv_c'; did you mean 'conv_b'"):
        extraction.snapshot(network, layers=["conv_a", "conv_c"])


def test_a_layer_that_cannot_be_watched_is_answered_with_the_reason(network):
    with pytest.raises(ValueError, match="'norm' cannot be watched: BatchNormalization has no"):
        extraction.snapshot(network, layers="norm")


# What score takes.


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["network.keras", "network.h5"])
def test_a_saved_model_is_scored_like_the_model(tmp_path, network, name):
    network.save(tmp_path / name)
    saved, direct = fw.score(tmp_path / name), fw.score(network)
    assert {name: dict(layer) for name, layer in saved.items()} == {
        name: dict(layer) for name, layer in direct.items()
    }


def test_weights_without_a_model_are_refused_with_the_remedy(tmp_path, network):
    network.save_weights(tmp_path / "network.weights.h5")
    with pytest.raises(ValueError, match="build the model, call"):
        fw.score(tmp_path / "network.weights.h5")


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="a Keras model is needed; got list"):
        fw.score([1, 2])


def test_a_model_without_weights_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"has no weights yet: call it on data"):
        fw.score(keras.Sequential([layers.Conv2D(4, 3)]))


def test_a_nested_layer_is_drawn_and_chosen_by_its_own_name_and_as_an_object():
    inner = keras.Sequential(
        [layers.Input((9, 9, 3)), layers.Conv2D(4, 3, name="conv"), layers.Conv2D(4, 3, name="c2")],
        name="inner",
    )
    model = sequential(inner, layers.Conv2D(5, 3, name="conv"), shape=(9, 9, 3))
    by_path = np.asarray(fw.draw.filters(model, "inner/conv"))
    np.testing.assert_array_equal(fw.draw.filters(model, inner.get_layer("conv")), by_path)
    assert np.asarray(fw.draw.filters(model, model.get_layer("conv"))).shape != by_path.shape
    assert list(shapes(model, layers="c*")) == ["inner/conv", "inner/c2", "conv"]
    assert list(shapes(model, layers="c?")) == ["inner/c2"]


def test_of_a_separable_convolution_the_windows_are_drawn(network):
    by_owner = np.asarray(fw.draw.filters(network, "separable"))
    by_kernel = fw.draw.filters(network, "separable/depthwise_kernel")
    np.testing.assert_array_equal(by_owner, by_kernel)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("norm", "'norm' cannot be watched: BatchNormalization has no kernel"),
        ("conv_c", "no kernel is called 'conv_c'; did you mean 'conv_"),
        ("dense", r"nothing to draw: none of \['dense'\] has a window"),
    ],
)
def test_what_cannot_be_drawn_is_answered_with_the_reason(network, layer, message):
    with pytest.raises(ValueError, match=message):
        fw.draw.filters(network, layer)


def test_a_model_is_drawn_by_name_or_by_layer(network):
    by_name = fw.draw.filters(network, "conv_b")
    np.testing.assert_array_equal(by_name, fw.draw.filters(network, network.get_layer("conv_b")))
    np.testing.assert_array_equal(fw.draw.filters(network), fw.draw.filters(network, "conv_a"))
