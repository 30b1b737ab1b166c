"""Special files that Keras 3 saves: in parts, quantised, of users' classes, of a training."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers
from saved_kernels import FileOf, built
from small_models import Block, noise, sequential

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError

register = keras.saving.register_keras_serializable("tests")


@register
class Wide(layers.Conv2D):
    """A convolution of the user's own."""


@register
class Upward(layers.Conv2DTranspose):
    """A transposed convolution of the user's own, with as many channels as filters."""


@register
class SavedBlock(Block):
    """A block of layers, which knows its arguments."""

    def __init__(self, filters=4, **kwargs):
        super().__init__(filters, **kwargs)

    def build(self, shape):
        for layer in (self.conv, self.norm, *self.more, self.last):
            layer.build((*shape[:-1], shape[-1] if layer is self.conv else 4))
        super().build(shape)


@register
class Net(keras.Model):
    """A subclassed model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stem = layers.Conv2D(4, 3, name="stem")
        self.body = keras.Sequential([layers.Conv2D(4, 1), layers.Dense(3)], name="body")
        self.heads = [layers.Dense(2), layers.Dense(2, name="second")]
        self.gates = layers.LSTM(2)

    def call(self, x):
        x = self.body(self.stem(x))
        return self.heads[1](self.heads[0](self.gates(keras.ops.mean(x, 1))))


@register
class Doubled(keras.constraints.Constraint):
    """A constraint of the user's own."""

    def __call__(self, weights):
        return 2 * weights


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


def test_a_file_in_parts_is_read_from_the_list_of_its_parts(tmp_path):
    model = built("all_convolutions")
    if "max_shard_size" not in inspect.signature(model.save_weights).parameters:
        return  # of a newer Keras
    model.save_weights(tmp_path / "model.weights.json", max_shard_size=3e-6)
    (tmp_path / "model.json").write_text(model.to_json())
    assert len([*tmp_path.glob("*.weights.h5")]) > 1
    file = FileOf(tmp_path / "model.weights.json", tmp_path / "model.json")
    assert file.differences(model) == []


@pytest.mark.parametrize("name", ["../part.weights.h5", "/part.weights.h5", "sub\\\\part", ".."])
def test_a_part_in_another_folder_is_refused(name, tmp_path):
    text = f'{{"weight_map": {{"/layers/dense/vars": "{name}"}}}}'
    (tmp_path / "model.weights.json").write_text(text)
    with pytest.raises(UnsafeFileError, match="only files beside it are read"):
        FileOf(tmp_path / "model.weights.json")


def test_the_config_of_a_model_is_no_list_of_parts(tmp_path):
    (tmp_path / "model.json").write_text(built("nested").to_json())
    with pytest.raises(UnreadableFileError, match="it has no weights"):
        FileOf(tmp_path / "model.json")


def test_quantised_kernels_are_skipped_with_their_dtype(path):
    model = sequential(layers.Dense(8, name="whole"), layers.Dense(4, name="head"), shape=(16,))
    model.layers[0].quantize("int8")
    model.save(path)
    file = FileOf(path)
    assert file.file.skipped == {"whole": "its kernel is of dtype int8, not of real numbers"}
    assert file.differences(model) == []


def test_a_kernel_with_lora_is_read_as_the_layer_computes_with_it(path):
    model = sequential(layers.Dense(8, name="dense"), shape=(16,))
    (dense,) = model.layers
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(noise((2, 8)))
    expected = keras.ops.convert_to_numpy(dense.kernel)
    model.save(path)
    np.testing.assert_array_equal(FileOf(path).kernels["dense"].array, expected)


def test_a_convolution_of_the_users_own_is_read_as_a_kernel_of_unknown_kind(path):
    model = sequential(Wide(4, 3, name="wide"), shape=(8, 8, 3))
    model.save(path)
    kernel = FileOf(path).kernels["wide"]
    assert (kernel.kind, kernel.layer_type) == ("unknown", "Wide")
    np.testing.assert_array_equal(kernel.array, model.layers[0].get_weights()[0])


def test_a_kernel_whose_axes_are_not_certain_is_skipped(path):
    sequential(
        Upward(3, 3, name="up"), Wide(3, 3, use_bias=False, name="alone"), shape=(8, 8, 3)
    ).save(path)
    file = FileOf(path)
    assert file.kernels == {}
    assert file.file.skipped == {
        "up": "Upward is a class that Keras does not ship: which of its arrays is a kernel is not "
        "known (3x3x3x3, 3)",
        "alone": "Wide is a class that Keras does not ship: which of its arrays is a kernel is not "
        "known (3x3x3x3)",
    }


def test_layers_inside_of_a_layer_of_the_users_own_are_read_as_far_as_they_are_certain(path):
    image = layers.Input((6, 6, 3))
    x = layers.Conv2D(3, 3, name="stem")(image)
    x = layers.BatchNormalization(name="norm")(SavedBlock(4, name="block")(x))
    model = keras.Model(image, layers.Dense(2, name="head")(x))
    model.save(path)
    file = FileOf(path)
    more = model.get_layer("block").more[0].get_weights()[0]
    in_block = [name for name in file.kernels if name.startswith("block/")]
    assert [*file.kernels] == ["stem", *in_block, "head"]
    assert any(np.array_equal(file.kernels[name].array, more) for name in in_block)
    assert "inside of 'block' is known by its weights only" in file.notes


def test_a_subclassed_model_is_read_by_the_names_in_its_weights(path):
    model = Net()
    model(noise((1, 8, 8, 3)))
    model.save(path)
    file = FileOf(path)
    arrays = [kernel.array for kernel in file.kernels.values()]
    expected = [layer.kernel for layer in (model.stem, *model.body.layers, *model.heads)]
    for kernel in map(keras.ops.convert_to_numpy, expected):
        assert any(np.array_equal(kernel, array) for array in arrays)
    assert len(arrays) == len(expected)
    assert "does not tell which layer of" in file.notes
    assert len(file.file.skipped) == 1  # the gates


def test_the_classes_of_layers_in_lists_are_told_by_their_weights(path):
    model = Net()
    model(noise((1, 8, 8, 3)))
    model.save(path)
    kernels = FileOf(path).kernels.values()
    classes = [kernel.layer_type for kernel in kernels]
    # Keras saves the first convolution in its list of layers, the others in those of their own
    assert classes.count("Conv2D") == 2
    assert classes.count("Dense") == 3


def test_a_constraint_of_the_users_own_is_not_judged(path):
    conv = layers.Conv2D(4, 3, kernel_constraint=Doubled(), name="conv")
    sequential(conv, shape=(8, 8, 3)).save(path)
    file = FileOf(path)
    assert file.kernels["conv"].constrained_share is None
    assert "The constraint of 'conv', Doubled, is not one of Keras's" in file.notes


def test_updates_and_learning_rate_are_those_of_the_optimizer(path):
    model = sequential(layers.Dense(1), shape=(4,))
    model.compile(keras.optimizers.Adam(0.25), "mse")
    model.fit(noise((6, 4)), noise((6, 1)), batch_size=2, verbose=0)
    model.save(path)
    file = FileOf(path).file
    assert (file.updates, file.logs) == (3, {"learning_rate": 0.25})


def test_the_learning_rate_of_a_schedule_is_not_in_the_file(path):
    model = sequential(layers.Dense(1), shape=(4,))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.25, 10, 0.5)
    model.compile(keras.optimizers.Nadam(schedule), "mse")
    model.fit(noise((6, 4)), noise((6, 1)), batch_size=2, verbose=0)
    model.save(path)
    file = FileOf(path).file
    assert (file.updates, file.logs) == (3, {})


def test_frozen_attention_is_read_as_frozen(path):
    words = layers.Input((4, 6))
    attention = layers.MultiHeadAttention(2, 3, name="attention")
    model = keras.Model(words, attention(words, words))
    attention.trainable = False
    model.save(path)
    assert FileOf(path).differences(model) == []


def test_weights_that_belong_to_no_layer_of_the_architecture_are_an_error(tmp_path):
    built("nested").save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.json").write_text(sequential(layers.ReLU(), shape=(4,)).to_json())
    with pytest.raises(UnreadableFileError, match="does not fit the architecture"):
        FileOf(tmp_path / "model.weights.h5", tmp_path / "model.json")


def test_a_layer_without_weights_in_the_file_is_named(tmp_path):
    dense = layers.Dense(3, name="first")
    sequential(dense, shape=(4,)).save_weights(tmp_path / "model.weights.h5")
    whole = sequential(layers.Dense(3, name="first"), layers.Dense(3, name="second"), shape=(4,))
    (tmp_path / "model.json").write_text(whole.to_json())
    file = FileOf(tmp_path / "model.weights.h5", tmp_path / "model.json")
    assert [*file.kernels] == ["first"]
    assert file.file.skipped == {"second": "the file has no weights of it"}


def test_weights_of_another_size_than_the_architecture_says_are_skipped(tmp_path):
    sequential(layers.Dense(3), shape=(4,)).save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.json").write_text(
        sequential(layers.Dense(5, name="wide"), shape=(4,)).to_json()
    )
    file = FileOf(tmp_path / "model.weights.h5", tmp_path / "model.json")
    assert file.file.skipped == {
        "wide": "its kernel has shape (4, 3), which does not fit a Dense of 5 or 3 outputs"
    }
