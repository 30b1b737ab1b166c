"""Each kind of layer: the shape, the kind and the axes of its kernels.

That the axes are the right ones is shown by computing the layer's output from them.
"""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import kernel_of, noise, sequential, shapes

from keras_filterwatch import kernel_layouts
from keras_filterwatch.model.find import find, snapshot
from keras_filterwatch.model.layouts import layouts_of


def kinds(model):
    return {kernel.name: kernel.kind for kernel in snapshot(model).kernels}


@pytest.mark.parametrize(
    ("layer", "shape", "kernel_shape", "kind"),
    [
        (layers.Conv1D(6, 5, dilation_rate=2), (20, 4), (5, 4, 6), "conv"),
        (layers.Conv2D(6, 3), (9, 9, 4), (3, 3, 4, 6), "conv"),
        (layers.Conv2D(6, (3, 5), groups=2), (9, 9, 4), (3, 5, 2, 6), "conv"),
        (layers.Conv3D(6, 3), (5, 5, 5, 2), (3, 3, 3, 2, 6), "conv"),
        (layers.Conv1DTranspose(6, 3), (9, 4), (3, 4, 6), "transposed"),
        (layers.Conv2DTranspose(6, 3), (9, 9, 4), (3, 3, 4, 6), "transposed"),
        (layers.Conv3DTranspose(6, 3), (5, 5, 5, 2), (3, 3, 3, 2, 6), "transposed"),
        (layers.DepthwiseConv1D(3, depth_multiplier=2), (9, 4), (3, 1, 8), "depthwise"),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (9, 9, 4), (3, 3, 1, 8), "depthwise"),
        (layers.Dense(6), (4,), (4, 6), "dense"),
        (layers.EinsumDense("ab,bc->ac", 6), (4,), (4, 6), "dense"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_a_layer_has_the_shape_and_kind_of_its_row(layer, shape, kernel_shape, kind):
    model = sequential(layer, shape=shape)
    assert list(shapes(model).values()) == [kernel_shape]
    assert list(kinds(model).values()) == [kind]
    assert kernel_of(model).layer_type == type(layer).__name__


def test_separable_convolutions_have_a_depthwise_and_a_pointwise_kernel():
    model = sequential(layers.SeparableConv2D(6, 3, name="s"), shape=(9, 9, 4))
    assert shapes(model) == {"s/depthwise_kernel": (3, 3, 1, 4), "s/pointwise_kernel": (1, 1, 4, 6)}
    assert kinds(model) == {"s/depthwise_kernel": "depthwise", "s/pointwise_kernel": "conv"}
    model = sequential(layers.SeparableConv1D(6, 3, name="s"), shape=(9, 4))
    assert shapes(model) == {"s/depthwise_kernel": (3, 1, 4), "s/pointwise_kernel": (1, 4, 6)}
    assert kinds(model) == {"s/depthwise_kernel": "depthwise", "s/pointwise_kernel": "conv"}


def test_the_depthwise_half_of_a_separable_convolution_has_no_outputs_of_its_own():
    model = sequential(layers.SeparableConv2D(6, 3, name="s"), shape=(9, 9, 4))
    sites = {kernel.name: len(kernel.output_sites) for kernel in find(model).kernels}
    assert sites == {"s/depthwise_kernel": 0, "s/pointwise_kernel": 1}


def test_two_rows_of_one_kind_of_layer_count_although_each_writes_its_classes_anew(monkeypatch):
    rows = tuple(
        kernel_layouts.Layout(("Dense",), name, place, "dense", kernel_layouts.keep_axes)
        for place, name in enumerate(("first_kernel", "second_kernel"))
    )
    rows = tuple(row._replace(classes=tuple(map(str, ["Dense"]))) for row in rows)
    assert rows[0].classes is not rows[1].classes
    monkeypatch.setattr(kernel_layouts, "LAYOUTS", rows)
    assert layouts_of(layers.Dense(2)) == rows


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
    assert set(kinds(model).values()) == {"dense"}


class Patchify(layers.Layer):
    """Projects patches: a kernel with four axes in a layer that Keras does not ship."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(4, 4, shape[-1], 6), name="kernel")

    def call(self, x):
        return keras.ops.conv(x, self.kernel, strides=4)


def test_a_layer_that_keras_does_not_ship_is_custom():
    model = sequential(Patchify(name="patches"), shape=(8, 8, 3))
    assert kinds(model) == {"patches": "custom"}
    assert shapes(model) == {"patches": (4, 4, 3, 6)}


def test_a_custom_layer_may_hold_several_kernels_under_any_attribute():
    class Custom(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(shape[-1], 7), name="kernel")
            self.v = self.add_weight(shape=(7, 5), name="kernel")

        def call(self, x):
            return x @ self.w @ self.v

    model = sequential(Custom(name="mine"), shape=(4,))
    assert shapes(model) == {"mine": (4, 7), "mine/kernel_1": (7, 5)}


@pytest.mark.parametrize(
    ("base", "shape", "kind"),
    [
        (layers.Conv2D, (9, 9, 4), "conv"),
        (layers.Conv2DTranspose, (9, 9, 4), "transposed"),
        (layers.Dense, (4,), "dense"),
    ],
)
def test_a_subclass_keeps_the_kind_of_its_base(base, shape, kind):
    class Mine(base):
        pass

    options = {} if base is layers.Dense else {"kernel_size": 3}
    assert kinds(sequential(Mine(6, **options, name="mine"), shape=shape)) == {"mine": kind}


@pytest.mark.parametrize(
    ("equation", "output", "shape"),
    [
        ("abc,cde->abde", (None, 3, 2), (5, 4)),
        ("abcd,cde->abe", (None, 6), (5, 2, 3)),
        ("abc,dc->abd", (None, 6), (5, 4)),
        ("...x,xy->...y", 6, (4,)),
    ],
)
def test_the_kernel_of_an_einsum_maps_channels_to_filters(equation, output, shape):
    layer = layers.EinsumDense(equation, output)
    model = sequential(layer, shape=shape)
    array = kernel_of(model).array
    x = noise((1, *shape))
    flat = x.reshape(-1, array.shape[0]) @ array
    assert flat.ravel() == pytest.approx(np.ravel(model.predict(x, verbose=0)), rel=1e-4, abs=1e-4)


def test_a_depthwise_filter_is_the_one_that_makes_its_output():
    model = sequential(layers.DepthwiseConv2D(3, depth_multiplier=2), shape=(3, 3, 4))
    x = noise((1, 3, 3, 4))
    array = kernel_of(model).array
    outputs = [(x[0, ..., f // 2] * array[..., 0, f]).sum() for f in range(8)]
    assert np.ravel(model.predict(x, verbose=0)) == pytest.approx(outputs, rel=1e-4, abs=1e-4)


def test_a_transposed_filter_is_what_an_impulse_leaves():
    model = sequential(layers.Conv2DTranspose(6, 3), shape=(1, 1, 4))
    array = kernel_of(model).array
    for channel in range(4):
        impulse = np.zeros((1, 1, 1, 4), "float32")
        impulse[..., channel] = 1
        output = model.predict(impulse, verbose=0)[0]
        assert output == pytest.approx(array[..., channel, :], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_image_axes_of_a_dense_kernel_are_those_of_the_image(form):
    shape = (8, 6, 3) if form == "channels_last" else (3, 8, 6)
    model = sequential(layers.Flatten(data_format=form), layers.Dense(5), shape=shape)
    x = noise((1, *shape))
    image = x[0] if form == "channels_last" else x[0].transpose(1, 2, 0)
    outputs = np.tensordot(image, kernel_of(model).array, 3)
    assert model.predict(x, verbose=0)[0] == pytest.approx(outputs, rel=1e-4, abs=1e-4)


def test_a_dense_kernel_on_an_image_is_still_dense():
    model = sequential(layers.Flatten(), layers.Dense(5, name="d"), shape=(8, 6, 3))
    assert (shapes(model), kinds(model)) == ({"d": (8, 6, 3, 5)}, {"d": "dense"})


def test_a_dense_layer_that_lays_its_kernel_out_otherwise_is_read_as_it_is():
    class Packed(layers.Dense):
        def build(self, shape):
            self._kernel = self.add_weight(shape=(shape[-1] + 1, self.units), name="kernel")
            self.bias, self.built = None, True

        def call(self, x):
            return x @ self._kernel[1:]

    model = sequential(layers.Flatten(), Packed(5, name="packed"), shape=(8, 8, 3))
    assert shapes(model) == {"packed": (193, 5)}
