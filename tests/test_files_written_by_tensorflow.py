"""Files that TensorFlow writes on the spot: the same numbers, and the kernels of the model."""

import keras
import numpy as np
import pytest
from small_models import SharedActivation, noise
from tensorflow_models import net, read_kernels, set_ramps

from keras_filterwatch.files.tensorflow.saved_model import read_saved_model
from keras_filterwatch.files.tensorflow.tensorflow_bundle import GRAPH_KEY, read_bundle
from keras_filterwatch.model.find import snapshot

if keras.backend.backend() == "tensorflow":  # only there is TensorFlow for sure
    import tensorflow as tf
    import tf_keras

    def facts(kernel):
        """What must be the same for a kernel of a file and one of the model."""
        return (kernel.name, kernel.layer_type, kernel.kind, kernel.array.shape, kernel.trainable)

    def check_kernels(kernels, expected, with_facts=True):
        """The kernels of a file are those of a model, bit for bit."""
        assert [*kernels] == [kernel.name for kernel in expected]
        for kernel, of_model in zip(kernels.values(), expected, strict=True):
            np.testing.assert_array_equal(kernel.array, of_model.array)
            if with_facts:
                assert facts(kernel) == facts(of_model)

    def attention():
        """A model with attention, a wrapper, a shared layer and two named by the user."""
        layers = keras.layers
        rows = layers.Input((6, 4))
        shared = layers.Dense(4, name="shared")
        x = layers.TimeDistributed(layers.Dense(4, name="inner"), name="each")(shared(shared(rows)))
        x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
        x = layers.Conv1D(5, 3, name="mine")(x)
        x = layers.Conv1DTranspose(5, 3, name="widen")(x)  # as many filters as channels
        return keras.Model(rows, layers.Dense(2, name="head")(layers.Flatten()(x)))

    def subclassed():
        """A model of a class of the user's own, which has built its layers in a call."""
        model = SharedActivation()
        model(noise((1, 8, 8, 3)))
        return model

    MODELS = {
        "images": lambda: set_ramps(net(keras)),
        "attention": attention,
        "subclassed": subclassed,
    }

    @pytest.fixture(params=MODELS)
    def model(request):
        return MODELS[request.param]()

    def _object_checkpoint(folder):
        model = net(tf_keras)
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        return tf.train.Checkpoint(model=model).save(str(folder / "ckpt"))

    def _module(folder):
        module = tf.Module()
        module.kernel = tf.Variable(noise((3, 3, 2, 4)))
        module.half = [tf.Variable(tf.cast(noise((5, 4)), tf.float16), name="half")]
        module.counts = {"a": tf.Variable(np.arange(6).reshape(2, 3))}
        module.flags = tf.Variable([True, False])
        module.texts = tf.Variable(["a", "text"])
        tf.saved_model.save(module, str(folder))
        return str(folder / "variables/variables")

    def _names(folder):
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.get_variable("conv/weights", initializer=noise((3, 3, 2, 4)))
            session.run(tf.compat.v1.global_variables_initializer())
            return tf.compat.v1.train.Saver().save(session, str(folder / "model.ckpt"))

    def _many_blocks(folder):
        names = [f"{number:03}_{'x' * 1000}" for number in range(400)]  # a block has 256 kB
        variables = {name: tf.Variable([number]) for number, name in enumerate(names)}
        return tf.train.Checkpoint(**variables).write(str(folder / "many"))

    @pytest.mark.parametrize("write", [_object_checkpoint, _module, _names, _many_blocks])
    def test_each_tensor_has_the_numbers_that_tensorflow_reads(write, tmp_path):
        prefix = tmp_path / write(tmp_path)
        bundle = read_bundle(prefix)
        reader = tf.train.load_checkpoint(str(prefix))
        names = set(reader.get_variable_to_shape_map()) - {GRAPH_KEY}
        assert {*bundle.arrays, *bundle.unreadable} == names
        for name, array in bundle.arrays.items():
            expected = reader.get_tensor(name)
            assert (array.shape, array.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(array.read(), expected)

    def test_an_exported_model_has_the_kernels_of_the_model(tmp_path):
        model = MODELS["images"]()
        model.export(tmp_path / "model")
        kernels, file = read_kernels(tmp_path / "model", read_saved_model)
        check_kernels(kernels, snapshot(model).kernels, with_facts=False)
        assert [name for name, kernel in kernels.items() if not kernel.trainable] == ["up"]
        assert file.format == "TensorFlow SavedModel, read without TensorFlow"

    def test_a_checkpoint_of_a_model_has_its_kernels(model, tmp_path):
        prefix = tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
        kernels, _ = read_kernels(tmp_path / prefix)
        expected = snapshot(model).kernels
        assert len(kernels) == len(expected)
        for kernel, of_model in zip(kernels.values(), expected, strict=True):
            assert kernel.name.endswith(of_model.name.rpartition("/")[2])
            np.testing.assert_array_equal(kernel.array, of_model.array)

    def test_a_saved_model_of_keras_2_has_the_kernels_of_the_model(tmp_path):
        set_ramps(net(tf_keras)).save(tmp_path / "model", save_traces=False)
        kernels, _ = read_kernels(tmp_path / "model", read_saved_model)
        check_kernels(kernels, snapshot(MODELS["images"]()).kernels)

    class Part(tf_keras.layers.Layer):
        """A layer of a class of the user's own, with layers in a list."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            layers = tf_keras.layers
            self.parts = [layers.Conv2D(4, 3, name="conv"), layers.Conv2DTranspose(4, 3, name="up")]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    class Whole(tf_keras.Model):
        """A model of a class of the user's own."""

        def __init__(self):
            super().__init__()
            self.part = Part(name="part")
            self.head = tf_keras.layers.Dense(2, name="head")

        def call(self, x):
            return self.head(tf.reduce_mean(self.part(x), (1, 2)))

    def test_a_saved_model_of_the_users_own_class_knows_the_classes_of_its_layers(tmp_path):
        model = Whole()
        model(noise((1, 8, 8, 3)))
        model.save(tmp_path / "model")
        kernels, _ = read_kernels(tmp_path / "model", read_saved_model)
        assert {name: kernel.layer_type for name, kernel in kernels.items()} == {
            "part/conv": "Conv2D",
            "part/up": "Conv2DTranspose",
            "head": "Dense",
        }
        up = model.part.parts[1].kernel.numpy().swapaxes(-1, -2)
        np.testing.assert_array_equal(kernels["part/up"].array, up)

    def test_kernels_of_mixed_precision_are_read_as_they_are_stored(tmp_path):
        layer = keras.layers.Dense(4, dtype="bfloat16", name="dense")
        model = keras.Sequential([keras.layers.Input((3,)), layer])
        prefix = tf.train.Checkpoint(model=model).save(str(tmp_path / "ckpt"))
        kernels, _ = read_kernels(tmp_path / prefix)
        (kernel,) = kernels.values()
        expected = keras.ops.convert_to_numpy(keras.ops.cast(layer.kernel, "float32"))
        np.testing.assert_array_equal(kernel.array.astype("f4"), expected)

    def test_layers_in_a_layer_of_the_users_own_class_are_read(tmp_path):
        layers = tf_keras.layers
        parts = [layers.Input((8, 8, 3)), Part(name="part"), layers.Flatten(), layers.Dense(2)]
        model = tf_keras.Sequential(parts)
        model.save(tmp_path / "model")
        kernels, file = read_kernels(tmp_path / "model", read_saved_model)
        assert [*kernels] == ["part/conv", "part/up", model.layers[-1].name]
        conv = model.layers[0].parts[0].kernel.numpy()
        np.testing.assert_array_equal(kernels["part/conv"].array, conv)
        assert not file.skipped
