"""Models that Keras saves, for the tests of the files that it writes."""

from contextlib import ExitStack

import keras
from keras import layers, ops
from small_models import randomize_batch_norms

from benchmarks.saved_applications import differences
from keras_filterwatch.files.keras.keras_archive import read_architecture, read_keras_archive
from keras_filterwatch.files.keras.keras_weights import read_keras_weights


class FileOf:
    """A file of a model, with all its kernels read."""

    def __init__(self, path, architecture=None):
        with ExitStack() as stack:
            if path.name.endswith(".keras"):
                self.file = read_keras_archive(path, stack)
            else:
                known = architecture and read_architecture(architecture)
                self.file = read_keras_weights(path, stack, known)
            self.kernels = {kernel.name: kernel.read() for kernel in self.file.kernels}

    def differences(self, model):
        """In what the kernels differ from those that are found in a model."""
        return [*differences(model, [*self.kernels], self.kernels.values())]

    @property
    def notes(self):
        return " ".join(self.file.notes)


def branches():
    """Two branches of one input, each with a BatchNormalization, and an operation."""
    image = layers.Input((8, 8, 3), name="image")
    left = layers.Conv2D(4, 3, padding="same", name="left")(image / 2)
    left = layers.BatchNormalization(name="left_norm")(left)
    right = layers.Conv2D(4, 1, activation="relu", name="right")(image)
    right = layers.BatchNormalization(scale=False, epsilon=0.1, name="right_norm")(right)
    both = layers.ReLU()(layers.Add()([left, right]) + 1)
    pooled = layers.GlobalAveragePooling2D()(both)
    return keras.Model(image, layers.Dense(3, name="head")(pooled))


def nested():
    """A model in a model; its last convolution is scaled behind it, and it is used twice."""
    image = layers.Input((8, 8, 3))
    inner = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(3, 3, padding="same", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(3, 3, padding="same", name="last"),
        ],
        name="inner",
    )
    second = layers.BatchNormalization(name="outer_norm")(inner(inner(image)))
    return keras.Model(image, layers.Conv2D(2, 1, name="out")(second))


def two_outputs():
    """A model in a model has two outputs, and another BatchNormalization reads each."""
    inner_input = layers.Input((6, 6, 3))
    first = layers.Conv2D(4, 3, name="first")(inner_input)
    second = layers.Conv2D(4, 3, name="second")(inner_input)
    inner = keras.Model(inner_input, [first, second], name="inner")
    image = layers.Input((6, 6, 3))
    one, other = inner(image)
    other = layers.BatchNormalization(name="norm_of_second")(other)
    return keras.Model(image, layers.Concatenate()([one, other]))


def shared():
    """One convolution in two places, also inside of another model."""
    conv = layers.Conv2D(3, 3, padding="same", name="shared")
    inner_input = layers.Input((8, 8, 3))
    inner = keras.Model(inner_input, layers.ReLU()(conv(inner_input)), name="inner")
    image = layers.Input((8, 8, 3))
    x = layers.BatchNormalization(name="norm")(conv(image))
    return keras.Model(image, layers.Conv2D(2, 1, name="out")(inner(conv(x))))


def all_convolutions():
    """A layer of each kind with a window of its own."""
    return keras.Sequential(
        [
            layers.Input((12, 12, 4)),
            layers.SeparableConv2D(6, 3, name="separable"),
            layers.BatchNormalization(name="norm"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
            layers.MaxPooling2D(1),
            layers.BatchNormalization(center=False, name="norm_of_depthwise"),
            layers.Conv2DTranspose(5, 3, name="transposed"),
            layers.BatchNormalization(name="norm_of_transposed"),
            layers.Conv2D(4, 3, groups=1, dilation_rate=2, use_bias=False, name="dilated"),
            layers.Reshape((-1, 4)),
            layers.Conv1D(3, 5, name="one"),
            layers.SeparableConv1D(3, 5, name="separable_one"),
            layers.Conv1DTranspose(2, 3, name="transposed_one"),
            layers.Reshape((5, -1, 2, 1)),
            layers.Conv3D(2, 2, padding="same", name="three"),
        ]
    )


def attention():
    """Attention, with one head and with several, and EinsumDense."""
    words = layers.Input((6, 8))
    x = layers.MultiHeadAttention(2, 3, name="attention")(words, words)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.MultiHeadAttention(1, 2, value_dim=3, output_shape=(5,), name="cross")(x, words)
    x = layers.EinsumDense("abc,cde->abde", (None, 2, 3), name="einsum")(x)
    x = layers.Reshape((6, 6))(x)
    x = layers.GroupQueryAttention(3, 4, 2, name="grouped")(x, x)
    return keras.Model(words, layers.LayerNormalization()(x))


def wrappers():
    """Layers in wrappers, recurrent ones, and embeddings."""
    words = layers.Input((6,))
    x = layers.Embedding(20, 4)(words)
    x = layers.TimeDistributed(layers.Dense(5, name="inner"), name="each")(x)
    x = layers.TimeDistributed(layers.BatchNormalization(), name="norms")(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    cells = layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)])
    x = layers.RNN(cells, return_sequences=True)(x)
    x = layers.Reshape((6, 2, 1, 1))(x)
    x = layers.ConvLSTM2D(2, 1)(x)
    conv = layers.Conv2D(3, 1, name="normed")
    x = layers.SpectralNormalization(conv, name="spectral")(x)
    return keras.Model(words, layers.BatchNormalization()(layers.PReLU()(x)))


def flat_images():
    """Dense layers on an image, behind what scales, pools and flattens it."""
    image = layers.Input((6, 6, 3))
    x = layers.BatchNormalization()(layers.Rescaling(1 / 255)(image))
    flat = layers.Flatten()(x)
    first = layers.Dense(4, name="behind_flatten")(flat)
    second = layers.Dense(4, name="behind_reshape")(layers.Reshape((108,))(image))
    pooled = layers.Flatten()(layers.MaxPooling2D()(image))
    third = layers.Dense(4, name="behind_pooling")(pooled)
    learnt = layers.Flatten()(layers.Conv2D(2, 1, name="conv")(image))
    return keras.Model(image, [first, second, third, layers.Dense(2, name="behind_conv")(learnt)])


def flat_numbers():
    """Dense layers on as many numbers as an image of MNIST has: a guess."""
    numbers = layers.Input((784,))
    first = layers.Dense(4, name="first")(layers.Dropout(0.1)(numbers / 255))
    second = layers.Dense(3, name="second")(layers.Identity()(numbers))
    return keras.Model(numbers, [layers.Dense(2, name="third")(first), second])


def channels_first():
    """Images with their channels first, flattened."""
    image = layers.Input((3, 6, 5))
    flat = layers.Flatten(data_format="channels_first")(image)
    return keras.Model(image, layers.Dense(4, name="dense")(flat))


def frozen():
    """Layers that training may not change."""
    model = branches()
    model.get_layer("left").trainable = False
    model.get_layer("left_norm").trainable = False
    return model


def constrained():
    """Kernels with each of Keras's constraints."""
    limit = keras.constraints
    return keras.Sequential(
        [
            layers.Input((9, 9, 2)),
            layers.Conv2D(8, 3, kernel_constraint=limit.MaxNorm(0.9, [0, 1, 2]), name="max_norm"),
            layers.Conv2D(8, 3, kernel_constraint=limit.NonNeg(), name="non_neg"),
            layers.DepthwiseConv2D(3, depthwise_constraint=limit.UnitNorm([0, 1]), name="unit"),
            layers.SeparableConv2D(
                4, 3, pointwise_constraint=limit.MinMaxNorm(0.1, 0.8, 0.9, 2), name="min_max"
            ),
            layers.Dense(4, kernel_constraint="max_norm", name="dense"),
        ]
    )


def half_precision():
    """Layers that hold their weights in bfloat16 and float16, and some that only compute so."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, dtype="bfloat16", name="bfloat16"),
            layers.BatchNormalization(dtype="bfloat16"),
            layers.Conv2D(4, 3, dtype="float16", name="float16"),
            layers.Conv2D(4, 3, dtype="mixed_bfloat16", name="mixed"),
            layers.BatchNormalization(dtype="mixed_bfloat16"),
        ]
    )


def idle_layers():
    """Layers between a convolution and its BatchNormalization that return what they read."""
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="first")(image)
    x = layers.BatchNormalization()(layers.Identity()(x))
    x = layers.Conv2D(4, 3, name="second")(x)
    x = layers.BatchNormalization()(layers.AlphaDropout(0.2)(x))
    x = layers.Conv2D(4, 3, name="third")(x)
    x = layers.BatchNormalization()(layers.Dropout(0.2)(layers.Activation("linear")(x)))
    return keras.Model(image, x)


def unbalanced():
    """Branches of different depth, which Keras does not call in the order of the config."""
    image = layers.Input((8, 8, 3), name="b")
    inputs = layers.Input((5,), name="a")
    deep = image
    for i in range(3):
        deep = layers.Conv2D(2, 1, name=f"deep_{i}")(deep)
    shallow = layers.Conv2D(2, 1, name="shallow")(image)
    numbers = layers.Dense(2, name="numbers")(inputs)
    both = layers.Add()([layers.GlobalMaxPooling2D()(x) for x in (shallow, deep)])
    return keras.Model({"b": image, "a": inputs}, layers.Multiply()([numbers, both]))


def functions():
    """Functions of Keras between layers, with several tensors and keyword arguments."""
    image = layers.Input((8, 8, 3))
    left, right = ops.split(layers.Conv2D(4, 3, name="conv")(image), 2, axis=-1)
    left = layers.BatchNormalization(name="norm")(left)
    x = ops.concatenate([left, ops.where(right > 0, x1=right, x2=left)], axis=-1)
    return keras.Model(image, layers.Conv2D(2, 1, name="last")(x))


MODELS = {
    function.__name__: function
    for function in (
        *(branches, nested, two_outputs, shared, all_convolutions, attention, wrappers),
        *(flat_images, flat_numbers, channels_first, frozen, constrained, half_precision),
        *(idle_layers, unbalanced, functions),
    )
}


def built(name):
    """The model of this name, with random BatchNormalizations."""
    return randomize_batch_norms(MODELS[name]())
