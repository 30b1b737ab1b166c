"""A vision transformer and an MLP-Mixer."""

from typing import Any

import keras
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import accuracy, data_seed, log_uniform

# Vision transformer: AdamW with clipped gradients, an average of the weights, metrics by own names.


class PatchEncoder(layers.Layer):
    """Projects patches of an image and adds what tells their place."""

    def __init__(self, patch: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.projection = layers.Conv2D(width, patch, strides=patch, name="patches")
        self.width = width

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Creates the variables."""
        self.projection.build(shape)
        _, rows, columns, _ = self.projection.compute_output_shape(shape)
        self.position = self.add_weight(
            shape=(rows * columns, self.width), initializer="random_normal", name="position"
        )

    def call(self, images: Any) -> Any:
        """Returns the output of the layer."""
        patches = self.projection(images)
        return keras.ops.reshape(patches, (-1, *self.position.shape)) + self.position


def _vit(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=1800, val=400)
    width = 32

    inputs = keras.Input((28, 28, 1))
    tokens = PatchEncoder(7, width)(layers.Rescaling(2.0, offset=-1.0)(inputs))
    for _ in range(1):
        x1 = layers.LayerNormalization(epsilon=1e-6)(tokens)
        attention = layers.MultiHeadAttention(num_heads=2, key_dim=16)(x1, x1)
        x2 = layers.Add()([attention, tokens])
        x3 = layers.LayerNormalization(epsilon=1e-6)(x2)
        x3 = layers.Dense(2 * width, activation="gelu")(x3)
        x3 = layers.Dropout(0.1)(x3)
        x3 = layers.Dense(width)(x3)
        tokens = layers.Add()([x3, x2])
    representation = layers.LayerNormalization(epsilon=1e-6)(tokens)
    representation = layers.GlobalAveragePooling1D()(representation)
    logits = layers.Dense(10)(representation)
    model = keras.Model(inputs, logits)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            log_uniform(random, 2e-3, 4e-3),
            weight_decay=1e-3,
            clipnorm=1.0,
            use_ema=True,
            ema_momentum=0.95,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="top1"),
            keras.metrics.SparseTopKCategoricalAccuracy(3, name="top3"),
        ],
    )
    return Training(
        model,
        data.x_train,
        data.y_train,
        (data.x_val, data.y_val),
        12,
        accuracy,
        guess=0.1,
        good=0.82,
        held_out=(data.x_val, data.y_val),
        batch=64,
    )


# MLP-Mixer in mixed precision, as copied from a notebook that ran on a GPU.


def _mixer(random: Generator) -> Training:
    data = load("digits", data_seed(random), train=1000, val=400)
    mean, std = data.x_train.mean(), data.x_train.std()
    x_train, x_val = (data.x_train - mean) / std, (data.x_val - mean) / std

    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = _mixer_model(hidden=int(random.choice([24, 32])))
        model.compile(
            optimizer=keras.optimizers.Adam(log_uniform(random, 1e-3, 3e-3)),
            loss="sparse_categorical_crossentropy",
            metrics=["sparse_categorical_accuracy"],
        )
    finally:
        keras.mixed_precision.set_dtype_policy(before)  # the next program is not this one's affair
    return Training(
        model,
        x_train,
        data.y_train,
        (x_val, data.y_val),
        10,
        accuracy,
        guess=0.1,
        good=0.92,
        held_out=(x_val, data.y_val),
        batch=32,
    )


def _mixer_model(hidden: int) -> keras.Model:
    inp = keras.Input((8, 8, 1))
    x = layers.Conv2D(hidden, 2, strides=2)(inp)
    x = layers.Reshape((16, hidden))(x)
    for _ in range(2):
        y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        y = layers.Dense(16)(layers.Dense(32, activation="gelu")(y))
        x = x + layers.Permute((2, 1))(y)
        y = layers.LayerNormalization()(x)
        x = x + layers.Dense(hidden)(layers.Dense(2 * hidden, activation="gelu")(y))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(inp, layers.Dense(10, activation="softmax", dtype="float32")(x))


PROGRAMS = (
    Program(
        "vit_small_data",
        "vit",
        _vit,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "dropout_too_strong",
        ),
    ),
    Program(
        "mixer_float16",
        "mlp_mixer",
        _mixer,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "wrong_sign",
            "relu_output",
            "loss_does_not_fit",
        ),
    ),
)
