"""Makes the files of Keras 2.2; see README.md.

Each weight holds 0, 1, 2, ... in the order of its array, divided by its size.
"""

import gzip
import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers as L  # noqa: N812
from keras.models import Model, Sequential

FOLDER = Path(sys.argv[1])
NAME = f"keras_{keras.__version__.replace('.', '_')}_{keras.backend.backend()}"


def save(name, model, weights_alone=False):
    for layer in model.layers:
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
            L.Conv2D(4, (3, 2), data_format="channels_first", input_shape=(3, 9, 8), name="first"),
            L.BatchNormalization(axis=1, name="norm"),
            L.Conv2DTranspose(5, (2, 1), data_format="channels_first", name="up"),
            L.SeparableConv2D(3, (3, 2), name="separable"),
            L.Flatten(name="flatten"),
            L.Dense(2, activation="softmax", name="head"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.25), "categorical_crossentropy", metrics=["accuracy"])
    labels = np.eye(2)[[0, 1, 0, 1, 0, 1]]
    model.fit(np.ones((6, 3, 9, 8)), labels, batch_size=2, epochs=1, verbose=0)
    return model


def nested():
    core = Sequential(
        [L.Conv2D(2, 2, input_shape=(5, 5, 3)), L.BatchNormalization(), L.Conv2D(3, 2)], name="core"
    )
    core.layers[0].trainable = False
    x, y = L.Input((5, 5, 3)), L.Input((2, 5, 5, 3))
    z = L.GlobalAveragePooling3D()(L.TimeDistributed(core, name="each")(y))
    return Model([x, y], L.Dense(2)(L.concatenate([L.GlobalAveragePooling2D()(core(x)), z])))


if keras.backend.backend() == "theano":
    import theano.ifelse  # noqa: F401

    save("images", images())
    save("images", images(), weights_alone=True)
else:
    save("images", images())
    save("nested", nested())
