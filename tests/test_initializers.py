"""An untrained network shows no structure, whichever of Keras's initialisers made it."""

import keras
import numpy as np
import pytest
from keras import initializers, layers

import keras_filterwatch as fw
from keras_filterwatch.metrics import noise

RANDOM = (
    *("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"),
    *("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling"),
)
NOT_RANDOM = ("Constant", "Identity", "Ones", "STFT", "Zeros")
SHAPE, DRAWS = (5, 5, 3, 8), 300


def draw(name, seed, shape=SHAPE):
    return np.asarray(
        keras.ops.convert_to_numpy(getattr(initializers, name)(seed=seed)(shape)), "float64"
    )


def test_every_initializer_of_keras_is_covered():
    classes = {
        thing.__name__.removesuffix("Initializer")
        for thing in vars(initializers).values()
        if isinstance(thing, type) and thing is not initializers.Initializer
    }
    assert set(RANDOM) <= classes <= set(RANDOM) | set(NOT_RANDOM)


@pytest.mark.parametrize("name", RANDOM)
def test_the_expectation_of_c_is_1(name):
    c = np.array([noise.geary_c(draw(name, seed)) for seed in range(DRAWS)])
    error = c.std(ddof=1) / np.sqrt(DRAWS)
    assert abs(c.mean() - 1) < 4 * error


@pytest.mark.parametrize("name", RANDOM)
def test_no_draw_looks_structured(name):
    for seed in range(30):
        for shape in ((7, 7, 3, 32), (3, 3, 16, 16), (3, 3, 1, 8), (32, 16)):
            layer = fw.score({"layer": draw(name, seed, shape)})["layer"]
            assert layer.verdict != "structured", (seed, shape)


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant"])
def test_a_constant_layer_is_undetermined_and_has_no_noise_score(name):
    array = np.asarray(keras.ops.convert_to_numpy(getattr(initializers, name)()(SHAPE)))
    layer = fw.score({"layer": array})["layer"]
    assert "noise" not in layer
    assert layer.verdict == "undetermined"


@pytest.mark.parametrize("name", RANDOM)
def test_an_untrained_network_shows_no_structure(name):
    keras.utils.set_random_seed(0)
    kind = {"kernel_initializer": name}
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(32, 5, **kind),
            layers.SeparableConv2D(32, 3, depthwise_initializer=name, pointwise_initializer=name),
            layers.Conv2D(64, 3, **kind),
            layers.Flatten(),
            layers.Dense(32, **kind),
            layers.Dense(10, **kind),
        ]
    )
    verdicts = {layer: scores.verdict for layer, scores in fw.score(model).items()}
    assert "structured" not in verdicts.values()
    assert fw.score(model).dead_filters == 0
