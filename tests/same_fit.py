"""One training, the same on every backend; prints its scores and tags as JSON.

`compare_backends.py` runs it under each backend. Weights and data come from NumPy, nothing is
shuffled or dropped, so that the backends differ by rounding alone.
"""

import json
import sys
import tempfile

import keras
import numpy as np
from keras import layers
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import keras_filterwatch as fw


def network(random):
    model = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(16, 5, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.SeparableConv2D(24, 3, activation="relu", name="separable"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2DTranspose(8, 3, name="transposed"),
            layers.Flatten(),
            layers.Dense(4, activation="softmax", name="head"),
        ]
    )
    for layer in model.layers:
        weights = [random.uniform(-0.2, 0.2, w.shape) for w in layer.get_weights()]
        if weights and not isinstance(layer, layers.BatchNormalization):
            layer.set_weights(weights)
    return model


def main():
    random = np.random.default_rng(0)
    model = network(random)
    x, y = random.random((64, 16, 16, 3), "float32"), random.integers(4, size=64)
    model.compile(keras.optimizers.SGD(0.05), loss="sparse_categorical_crossentropy")
    directory = tempfile.mkdtemp()
    watch = fw.FilterWatch(directory, probe=(x, y))
    model.fit(x, y, batch_size=16, epochs=3, shuffle=False, callbacks=[watch], verbose=0)
    events = EventAccumulator(f"{directory}/filterwatch")
    events.Reload()
    result = {
        "backend": keras.backend.backend(),
        "tensorflow": "tensorflow" in sys.modules,
        "tags": events.Tags()["tensors"],
        "scores": [
            {name: dict(layer) for name, layer in scores.items()}
            | {"logs": {"probe_loss": scores.logs["probe_loss"]}}
            for scores in watch.history
        ],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
