"""Modules of PyTorch as sources; these tests run where Keras runs on PyTorch, but for the first."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import sequential

import keras_filterwatch as fw
from keras_filterwatch.sources import frameworks


def test_a_keras_model_is_a_keras_layer_and_no_torch_module_on_every_backend():
    model = sequential(layers.Conv2D(2, 3, name="conv"), shape=(6, 6, 3))
    assert frameworks.is_keras_layer(model)
    assert not frameworks.is_torch_module(model)
    assert fw.snapshot_of(model).kernels[0].layer_type == "Conv2D"


if keras.backend.backend() == "torch":  # only there is PyTorch
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations

    def kernels(module):
        """The kernels of a module by their names."""
        return {kernel.name: kernel for kernel in fw.snapshot_of(module).kernels}

    def only(module):
        (kernel,) = kernels(module).values()
        return kernel

    def weights(module):
        return module.weight.detach().numpy()

    @pytest.mark.parametrize(
        ("module", "axes", "kind"),
        [
            (nn.Conv1d(3, 4, 5), (2, 1, 0), "conv"),
            (nn.Conv2d(3, 4, (5, 7)), (2, 3, 1, 0), "conv"),
            (nn.Conv3d(3, 4, (2, 5, 7)), (2, 3, 4, 1, 0), "conv"),
            (nn.Conv2d(6, 4, 3, groups=2), (2, 3, 1, 0), "conv"),
            (nn.Conv2d(3, 6, 3, groups=3), (2, 3, 1, 0), "depthwise"),
            (nn.ConvTranspose1d(3, 4, 5), (2, 0, 1), "transposed"),
            (nn.ConvTranspose2d(3, 4, (5, 7)), (2, 3, 0, 1), "transposed"),
            (nn.Linear(3, 4), (1, 0), "dense"),
        ],
        ids=str,
    )
    def test_the_axes_of_a_weight_follow_from_the_kind_of_its_module(module, axes, kind):
        kernel = only(module)
        np.testing.assert_array_equal(kernel.array, weights(module).transpose(axes))
        assert (kernel.kind, kernel.layer_type) == (kind, type(module).__name__)

    def test_filters_of_a_grouped_transposed_convolution_are_what_one_input_becomes():
        module = nn.ConvTranspose2d(4, 6, (2, 3), groups=2, bias=False)
        # one pixel of one channel becomes that channel's slice of each filter
        with torch.no_grad():
            slices = module(torch.eye(4).reshape(4, 4, 1, 1)).numpy()
        of_groups = [slices[:2, :3], slices[2:, 3:]]  # which reads channels 0, 1 and 2, 3
        expected = np.concatenate(of_groups, axis=1).transpose(2, 3, 0, 1)
        np.testing.assert_allclose(only(module).array, expected)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 5, bias=False), nn.BatchNorm2d(8))
            self.words = nn.Embedding(9, 4)
            self.memory = nn.LSTM(4, 4)
            self.attention = nn.MultiheadAttention(4, 2)
            self.scale = nn.Parameter(torch.ones(4, 4))
            self.head = nn.Linear(8, 2)

    def test_the_names_are_those_of_pytorch_in_the_order_of_registration():
        assert list(kernels(Network())) == [
            *("first.0", "attention.in_proj_weight", "attention.out_proj", "head")
        ]

    def test_parts_without_a_kernel_are_skipped_with_their_reason():
        assert fw.snapshot_of(Network()).skipped == {
            "first.1": "BatchNorm2d has no kernel, only weight, bias",
            "words": "an embedding: its rows are the entries of a table, not filters",
            "memory": "recurrent: its kernel holds gates, not filters",
            "Network": "how the axes of its parameters are ordered is not known: scale (4, 4). "
            "Pass the state dict with their layout",
        }

    def test_frozen_weights_are_not_trainable():
        network = Network()
        network.first.requires_grad_(False)
        assert not kernels(network)["first.0"].trainable
        assert kernels(network)["head"].trainable

    def test_weights_in_bfloat16_keep_their_values():
        module = nn.Linear(3, 4).to(torch.bfloat16)
        expected = module.weight.detach().float().numpy().T
        np.testing.assert_array_equal(only(module).array, expected)

    def test_a_subclass_has_the_axes_of_its_base_and_its_own_name():
        class Partial(nn.Conv2d):
            pass

        kernel = only(Partial(3, 4, 5))
        assert (kernel.layer_type, kernel.array.shape) == ("Partial", (5, 5, 3, 4))

    def test_a_parametrised_weight_is_that_with_which_the_module_computes():
        module = parametrizations.weight_norm(nn.Conv2d(3, 4, 5))
        kernel = only(module)
        np.testing.assert_allclose(kernel.array, weights(module).transpose(2, 3, 1, 0), rtol=1e-6)
        assert (kernel.layer_type, kernel.trainable) == ("Conv2d", True)

    def test_reading_a_spectrally_normalised_weight_changes_nothing():
        module = parametrizations.spectral_norm(nn.Conv2d(3, 4, 5)).train()
        before = {name: value.clone() for name, value in module.state_dict().items()}
        assert only(module).array.shape == (5, 5, 3, 4)
        assert all(torch.equal(before[name], now) for name, now in module.state_dict().items())
        assert module.parametrizations.weight[0].training

    @pytest.mark.parametrize(
        ("module", "reason"),
        [
            (nn.LazyConv2d(4, 3), "it has no weights yet: send a batch through the module"),
            (nn.Linear(3, 4, device="meta"), "it is on the device 'meta', without numbers"),
            (nn.Bilinear(2, 3, 4), "it multiplies two inputs"),
        ],
        ids=["lazy", "meta", "bilinear"],
    )
    @pytest.mark.filterwarnings("ignore:Lazy modules")
    def test_weights_that_cannot_be_read_are_named_with_the_reason(module, reason):
        network = nn.Sequential(nn.Linear(2, 2), module)
        assert reason in fw.snapshot_of(network).skipped["1"]
        with pytest.raises(ValueError, match=reason):
            fw.snapshot_of(module)

    def test_a_module_without_parameters_is_refused():
        with pytest.raises(ValueError, match="this ReLU has no kernels: it has no parameters"):
            fw.score(nn.ReLU())

    def test_images_were_flattened_with_their_channels_first():
        module = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
        kernel, *_ = fw.snapshot_of(module, window={"1": (2, 2, 3)}).kernels
        as_convolution = weights(module[1]).reshape(5, 3, 2, 2)  # it computes the same
        np.testing.assert_array_equal(kernel.array, as_convolution.transpose(2, 3, 1, 0))

    def test_scores_and_pictures_take_a_module():
        module = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 4, 3))
        by_arrays = {"0": only(module[0]).array, "2": only(module[2]).array}
        scores = fw.score(module)
        assert scores["0"]["noise"] == fw.score(by_arrays)["0"]["noise"]
        assert fw.draw.filters(module, "2").size == fw.draw.filters(by_arrays, "2").size
        with pytest.raises(ValueError, match="no kernel is called 'nine'"):
            fw.draw.filters(module, "nine")

    # State dicts.

    def test_tensors_are_in_the_order_of_pytorch():
        network = nn.Sequential(nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.Linear(8, 2))
        snapshot = fw.snapshot_of(network.state_dict())
        by_module = kernels(network)
        assert len(snapshot.kernels) == 2
        for kernel in snapshot.kernels:
            expected = by_module[kernel.name.removesuffix(".weight")].array
            np.testing.assert_array_equal(kernel.array, expected)

    def test_parameters_that_need_gradients_are_read():
        module = nn.Conv2d(3, 8, 5)
        assert only({"conv": module.weight}).array.shape == (5, 5, 3, 8)

    def test_a_bias_tells_a_transposed_convolution():
        module = nn.ConvTranspose2d(6, 8, 4)
        kernel = only(module.state_dict())
        np.testing.assert_array_equal(kernel.array, only(module).array)

    def test_tensors_that_must_be_in_the_order_of_keras_are_asked_about():
        with pytest.raises(ValueError, match="looks like HWIO"):
            fw.snapshot_of({"conv": torch.ones(3, 3, 64, 128)})

    def test_the_kernels_of_a_keras_layer_are_in_the_order_of_keras():
        layer = layers.Conv2D(8, 5)
        layer.build((None, 9, 9, 3))
        tensors = {"conv/kernel": layer.kernel.value, "conv/bias": layer.bias.value}
        assert only(tensors).array.shape == (5, 5, 3, 8)

    @pytest.mark.parametrize(
        ("tensor", "reason"),
        [
            (torch.ones(3, 4).to_sparse(), "it is sparse"),
            (torch.ones(3, 4, dtype=torch.int64), "its numbers are of dtype int64"),
            (torch.ones(3, 4, device="meta"), "it is on the device 'meta'"),
        ],
        ids=["sparse", "whole numbers", "meta"],
    )
    def test_tensors_that_are_no_weights_are_skipped_with_the_reason(tensor, reason):
        snapshot = fw.snapshot_of({"fc.weight": torch.ones(2, 3), "other": tensor})
        assert len(snapshot.kernels) == 1
        assert reason in snapshot.skipped["other"]
