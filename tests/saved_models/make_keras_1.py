"""Makes the files of Keras 1; see README.md.

Each weight holds 0, 1, 2, ... in the order of its array, divided by its size.
"""

import gzip
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers as L  # noqa: N812
from keras.constraints import maxnorm
from keras.models import Model, Sequential

FOLDER = Path(sys.argv[1])
NAME = f"keras_{keras.__version__.replace('.', '_')}_{keras.backend.backend()}"


def save(name, model, weights_alone=False):
    for layer in getattr(model, "flattened_layers", model.layers):
        for each in getattr(layer, "layers", [layer]):
            weights = each.get_weights()
            each.set_weights([np.arange(w.size).reshape(w.shape) / w.size for w in weights])
    path = FOLDER / f"{NAME}_{name}{'_weights' if weights_alone else ''}.h5"
    (model.save_weights if weights_alone else model.save)(str(path), overwrite=True)
    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def images():
    model = Sequential(
        [
            L.Convolution2D(4, 3, 2, dim_ordering="th", input_shape=(3, 9, 8), name="first"),
            L.BatchNormalization(axis=1, name="norm"),
            L.MaxPooling2D(dim_ordering="th", name="pool"),
            L.AtrousConvolution2D(5, 2, 1, atrous_rate=(1, 1), dim_ordering="th", name="second"),
            L.Flatten(name="flatten"),
            L.Dense(2, activation="softmax", name="head", trainable=False),
        ]
    )
    model.compile(keras.optimizers.SGD(lr=0.125), "categorical_crossentropy", ["accuracy"])
    return model


def deconvolution(order):
    shape = {"th": (3, 4, 5), "tf": (4, 5, 3)}[order]
    out = {"th": (None, 4, 6, 6), "tf": (None, 6, 6, 4)}[order]
    return Sequential(
        [L.Deconvolution2D(4, 3, 2, out, dim_ordering=order, input_shape=shape, name="up")]
    )


def sequence():
    x = L.Input((9, 3), name="input")
    y = L.Convolution1D(4, 3, name="first")(x)
    y = L.AtrousConvolution1D(5, 2, atrous_rate=1, name="second")(y)
    y = L.LocallyConnected1D(3, 2, name="local")(y)
    y = L.TimeDistributed(L.Dense(4, name="inner"), name="each")(y)
    y = L.Bidirectional(L.LSTM(2, return_sequences=True, name="memory"), name="both")(y)
    y = L.GRU(3, name="gru", return_sequences=True)(y)
    y = L.SimpleRNN(3, name="simple")(y)
    y = L.Highway(name="highway")(y)
    y = L.MaxoutDense(4, nb_feature=2, name="maxout")(y)
    return Model(x, L.Dense(2, name="head")(y))


def volumes():
    return Sequential(
        [L.Convolution3D(4, 3, 2, 1, dim_ordering="th", input_shape=(2, 5, 4, 3), name="first")]
    )


def nested():
    inner = Sequential(
        [
            L.Dense(4, input_shape=(3,), name="one", trainable=False),
            L.BatchNormalization(mode=2, name="norm"),
            L.Dense(5, name="two"),
        ],
        name="inner",
    )
    x, y = L.Input((3,), name="x"), L.Input((3,), name="y")
    z = L.merge([inner(x), inner(y)], mode="concat", name="join")
    return Model([x, y], L.Dense(2, name="head")(z))


def merged():
    left = Sequential([L.Dense(4, input_shape=(3,), name="left")])
    right = Sequential([L.Dense(5, input_shape=(2,), name="right")])
    return Sequential([L.Merge([left, right], mode="concat"), L.Dense(2, name="head")])


def constrained():
    limit = {"th": maxnorm(0.5, axis=0), "tf": maxnorm(0.5, axis=3)}
    parts = [
        L.Convolution2D(
            4,
            3,
            2,
            dim_ordering=order,
            W_constraint=limit[order],
            input_shape=(6, 7, 8),
            name=order,
        )
        for order in ("th", "tf")
    ]
    return Sequential(parts)


def lengths():
    return Sequential([L.Convolution1D(4, 2, input_shape=(9, 3), name="first")])


def separable():
    layer = L.SeparableConvolution2D(
        4, 3, 2, depth_multiplier=2, dim_ordering="tf", input_shape=(6, 5, 3), name="separable"
    )
    return Sequential([layer])


if keras.backend.backend() == "tensorflow":
    save("separable", separable())
elif keras.__version__ < "1.1":
    save("lengths", lengths())
else:
    import theano.ifelse  # noqa: F401

    save("images", images())
    save("images", images(), weights_alone=True)
    save("deconvolution_th", deconvolution("th"))
    save("deconvolution_tf", deconvolution("tf"))
    save("sequence", sequence())
    save("volumes", volumes())
    save("nested", nested())
    save("merged", merged())
    save("constrained", constrained())
