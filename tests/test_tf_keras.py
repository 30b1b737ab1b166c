"""Models of Keras 2, as tf_keras makes them: refused, with what to do; its arrays can be scored."""

import keras
import pytest
from small_models import noise

import keras_filterwatch as fw

if keras.backend.backend() == "tensorflow":  # only there is tf_keras
    import tf_keras

    REFUSED = "a Keras 3 model is needed; this Sequential is one of tf_keras"

    @pytest.fixture
    def model():
        layers = tf_keras.layers
        model = tf_keras.Sequential(
            [
                layers.Input((6, 6, 3)),
                layers.Conv2D(4, 3),
                layers.BatchNormalization(),
                layers.Flatten(),
                layers.Dense(2),
            ]
        )
        model.compile("sgd", "mse")
        return model

    @pytest.mark.parametrize(
        "function",
        [fw.score, fw.snapshot_of, fw.draw.filters, fw.maximize],
        ids=lambda function: function.__name__,
    )
    def test_a_model_of_tf_keras_is_refused_with_what_is_needed(function, model):
        with pytest.raises(TypeError, match=REFUSED):
            function(model)

    def test_its_training_does_not_begin_with_filterwatch(model, tmp_path):
        watch = fw.FilterWatch(tmp_path)
        with pytest.raises(TypeError, match=REFUSED):
            model.fit(noise((4, 6, 6, 3)), noise((4, 2)), callbacks=[watch], verbose=0)
        assert not list(tmp_path.iterdir())

    def test_its_weights_are_scored_as_the_message_says(model):
        weights = {weight.name: weight.numpy() for weight in model.weights}
        scores = fw.score(weights)
        shapes = [tuple(weight.shape) for weight in model.weights if "kernel" in weight.name]
        assert [layer.shape for layer in scores.values()] == shapes
        assert len(scores.skipped) == len(weights) - 2
