"""How many updates an optimizer has made, counted on real fits."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model import backends

SGD = keras.optimizers.SGD


class Counter(keras.callbacks.Callback):
    """Counts the updates as training begins and at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.updates = []

    def on_train_begin(self, logs=None):
        self.updates.append(backends.updates(self.model))

    def on_epoch_end(self, epoch, logs=None):
        self.updates.append(backends.updates(self.model))


@pytest.mark.parametrize(
    ("optimizer", "updates"),
    [
        (lambda: SGD(), [0, 6, 12]),
        (lambda: keras.optimizers.LossScaleOptimizer(SGD()), [0, 6, 12]),
        (lambda: SGD(gradient_accumulation_steps=3), [0, 2, 4]),
    ],
    ids=["each batch", "scaled losses", "every third batch"],
)
def test_updates_are_those_of_the_optimizer(optimizer, updates):
    model, counter = sequential(layers.Dense(2), shape=(4,)), Counter()
    model.compile(optimizer(), "mse")
    x, y = noise((24, 4)), np.zeros((24, 2))
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[counter])
    assert counter.updates == updates


def test_a_model_without_an_optimizer_has_no_updates():
    assert backends.updates(sequential(layers.Dense(2), shape=(4,))) is None
