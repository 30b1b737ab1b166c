"""Files of `torch.save`: made by hand on every backend, and by PyTorch where Keras runs on it."""

import argparse
import os
import pickle
import zipfile
from collections import OrderedDict

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_files import arrays, read_or_name_unreadable, skipped
from torch_pickles import Call, Name, Storage, convolution, pickled, save, storage, tensor

import keras_filterwatch as fw
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.open_file import open_file
from keras_filterwatch.files.torch.torch_archive import read_torch_archive
from keras_filterwatch.files.torch.torch_stream import read_torch_stream


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.pt"


def in_order_of_keras(weights):
    """A convolution's weights, from PyTorch's `(filters, channels, height, width)`."""
    return weights.transpose(2, 3, 1, 0)


def rest(weights):
    """A checkpoint of Adam, whose state has the shapes of the weights."""
    state = {0: {"step": tensor(np.float32(1)), "exp_avg": tensor(weights)}}
    return {"state": state, "param_groups": [{"lr": 0.1, "params": [0]}]}


@pytest.mark.parametrize("protocol", [2, 4])
def test_kernels_are_those_of_the_state_dict_bit_for_bit(path, protocol):
    weights, dense = convolution(), np.arange(12, dtype=np.float32).reshape(3, 4)
    state = OrderedDict({"0.weight": tensor(weights), "0.bias": tensor(np.ones(8, np.float32))})
    state["head.weight"] = tensor(dense)
    read = arrays(save(path, state, protocol))
    assert list(read) == ["0.weight", "head.weight"]
    np.testing.assert_array_equal(read["0.weight"], in_order_of_keras(weights))
    np.testing.assert_array_equal(read["head.weight"], dense.T)
    assert skipped(path) == {"0.bias": "a bias"}


def test_shapes_are_known_before_anything_is_read(path):
    with open_file(save(path, {"conv.weight": tensor(convolution())})) as file:
        (kernel,) = file.kernels
    assert (kernel.shape, file.format) == ((5, 5, 3, 8), "PyTorch checkpoint")
    assert file.channels_first


def test_a_bias_tells_a_transposed_convolution(path):
    weights = np.random.default_rng(0).random((6, 8, 4, 4), np.float32)
    state = {"up.weight": tensor(weights), "up.bias": tensor(np.ones(8, np.float32))}
    expected = weights.transpose(2, 3, 0, 1)
    np.testing.assert_array_equal(arrays(save(path, state))["up.weight"], expected)


def test_a_layout_is_taken(path):
    save(path, {"conv.weight": tensor(convolution().transpose(2, 3, 1, 0))})
    with pytest.raises(UnreadableFileError, match="looks like HWIO"):
        arrays(path)
    with open_file(path, layout="HWIO") as file:
        assert file.kernels[0].shape == (5, 5, 3, 8)


def test_views_have_their_own_place_shape_and_strides(path):
    numbers = np.arange(40, dtype=np.float32)
    shared = storage(numbers)
    state = {
        "all.weight": tensor(shared, 0, (5, 8), (8, 1)),
        "turned.weight": tensor(shared, 4, (3, 6), (1, 6)),
        "repeated.weight": tensor(shared, 1, (4, 6), (0, 2)),
    }
    read = arrays(save(path, state))
    np.testing.assert_array_equal(read["all.weight"], numbers.reshape(5, 8).T)
    np.testing.assert_array_equal(read["turned.weight"], numbers[4:].reshape(6, 6)[:, :3])
    np.testing.assert_array_equal(read["repeated.weight"][:, 3], [1, 3, 5, 7, 9, 11])


def test_numbers_of_machines_with_the_other_order_of_bytes_are_read(path):
    weights = convolution()
    save(path, {"conv.weight": tensor(weights, order=">")}, order="big")
    read = arrays(path)["conv.weight"]
    np.testing.assert_array_equal(read, in_order_of_keras(weights))
    assert read.dtype.isnative


def test_bfloat16_keeps_its_values(path):
    # a bfloat16 is the upper half of the float32 with the same value
    weights = convolution().view(np.uint32) & np.uint32(0xFFFF0000)
    numbers = Storage((weights >> 16).astype("<u2").tobytes(), "BFloat16Storage", weights.size)
    strides = (75, 25, 5, 1)
    read = arrays(save(path, {"conv.weight": tensor(numbers, 0, weights.shape, strides)}))
    expected = in_order_of_keras(weights.view(np.float32))
    np.testing.assert_array_equal(read["conv.weight"], expected)


@pytest.mark.parametrize(
    "key", ["state_dict", "model_state_dict", "model", "net", "generator", "ema"]
)
def test_a_checkpoint_has_the_weights_beside_other_things(path, key):
    weights = convolution()
    checkpoint = {
        "epoch": 3,
        "best": np.float64(0.5),
        "arguments": argparse.Namespace(rate=0.1),
        "optimizer": rest(weights),
        key: OrderedDict({"conv.weight": tensor(weights)}),
    }
    name = "conv.weight" if key not in ("generator", "ema") else f"{key}/conv.weight"
    read = arrays(save(path, checkpoint))
    assert list(read) == [name]
    np.testing.assert_array_equal(read[name], in_order_of_keras(weights))
    assert skipped(path) == {"optimizer": "the state of an optimizer"}


def test_of_two_sets_of_weights_the_one_that_is_not_read_is_named(path):
    checkpoint = {
        "ema": {"conv.weight": tensor(convolution())},
        "model": {"conv.weight": tensor(convolution())},
    }
    expected = {"ema": "the weights that are read are those of 'model'"}
    assert skipped(save(path, checkpoint)) == expected


@pytest.mark.parametrize(
    ("optimizers", "logs", "updates"),
    [
        ({"optimizer": rest(convolution())}, {"learning_rate": 0.1}, 1),
        ({"optimizer_states": [rest(convolution())]}, {"learning_rate": 0.1}, 1),
        ({"first": rest(convolution()), "second": rest(convolution())}, {}, None),
        ({"optimizer": {"state": {}, "param_groups": [{"lr": 0.1}, {"lr": 0.2}]}}, {}, None),
        ({"optimizer": {"state": {0: {"step": 1.5}}, "param_groups": [{"lr": "x"}]}}, {}, None),
        ({"optimizer": {"state": 5, "param_groups": {}}}, {}, None),
    ],
    ids=["one", "list", "two", "two rates", "wrong", "none"],
)
def test_the_rate_and_the_updates_are_those_of_the_only_optimizer(path, optimizers, logs, updates):
    save(path, {"model": {"conv.weight": tensor(convolution())}, **optimizers})
    with open_file(path) as file:
        assert (file.logs, file.updates) == (logs, updates)


def test_two_networks_are_both_read(path):
    checkpoint = {
        "generator": {"conv.weight": tensor(convolution())},
        "critic": {"conv.weight": tensor(convolution())},
    }
    assert list(arrays(save(path, checkpoint))) == ["generator/conv.weight", "critic/conv.weight"]


def test_what_is_no_tensor_in_a_state_dict_is_named(path):
    state = {
        "conv.weight": tensor(convolution()),
        "extra": {"version": 2},
        "sparse": Call(Name("torch._utils", "_rebuild_sparse_tensor"), (1, 2)),
        "quantised": Call(Name("torch._utils", "_rebuild_qtensor"), (1, 2)),
        "count": tensor(np.int64(4)),
        "table.weight": tensor(np.ones((3, 4), np.int64)),
    }
    assert skipped(save(path, state)) == {
        "extra/version": "it is no tensor",
        "sparse": "it is sparse",
        "quantised": "it is quantised",
        "count": "a single number",
        "table.weight": "its numbers are of dtype int64, which no weights have",
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "holds no state dict"),
        (tensor(convolution()), "holds no state dict"),
        ({"epoch": 3}, "has no array that can be read"),
        ({}, "has no array that can be read"),
        ({"bias": tensor(np.ones(3, np.float32))}, "none of the arrays is a kernel"),
    ],
    ids=["list", "tensor", "numbers", "empty", "vector"],
)
def test_files_without_kernels_say_what_they_have(path, value, message):
    with pytest.raises(UnreadableFileError, match=message):
        arrays(save(path, value))


class Trap:
    """Would make a folder when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_a_file_is_named_and_not_run(path, tmp_path):
    save(path, {"conv.weight": tensor(convolution()), "trap": Trap(tmp_path / "trap")})
    with pytest.raises(UnsafeFileError, match=r"mkdir'.*save\(model\.state_dict\(\), path\)"):
        fw.score(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("member", ["archive/constants.pkl", "archive/code/__torch__.py"])
def test_programs_of_torchscript_are_refused(path, member):
    save(path, {"conv.weight": tensor(convolution())}, members={member: b""})
    with pytest.raises(UnsafeFileError, match="program of TorchScript"):
        arrays(path)


FEW = storage(np.ones(6, np.float32))
HUGE = {"conv.weight": tensor(FEW, 0, (2**40, 2**20), (0, 0))}
OUTSIDE = {"conv.weight": tensor(FEW, 4, (2, 2), (2, 1))}
LONGER = {"conv.weight": tensor(Storage(bytes(8), count=10**9), 0, (10**9, 1), (1, 1))}


@pytest.mark.parametrize("value", [HUGE, OUTSIDE, LONGER], ids=["expands", "outside", "longer"])
def test_tensors_beyond_their_numbers_are_refused(path, value):
    with pytest.raises(UnsafeFileError, match=r"conv.weight is refused"):
        arrays(save(path, value))


def test_a_tensor_whose_numbers_are_missing_is_damage(path):
    save(path, {"conv.weight": tensor(convolution())})
    with zipfile.ZipFile(path) as archive:
        data = archive.read("archive/data.pkl")
    with pytest.raises(UnreadableFileError, match="its numbers are missing"):
        arrays(save(path, data))


def test_dicts_that_hold_themselves_are_refused(path):
    state = {"conv.weight": tensor(convolution())}
    state["again"] = state
    with pytest.raises(UnsafeFileError, match="dicts within dicts"):
        arrays(save(path, state))


def test_dicts_that_share_their_parts_a_thousandfold_are_refused(path):
    state = {"conv.weight": tensor(convolution())}
    for _ in range(60):
        state = {"a": state, "b": state}
    with pytest.raises(UnsafeFileError, match="dicts within dicts"):
        arrays(save(path, state))


@pytest.mark.parametrize(
    ("order", "members"),
    [("middle", {}), ("little", {"second/data.pkl": b"N."})],
    ids=["order of bytes", "two pickles"],
)
def test_archives_that_pytorch_would_not_write_are_damage(path, order, members):
    save(path, {"conv.weight": tensor(convolution())}, order=order, members=members)
    with pytest.raises(UnreadableFileError, match="is damaged"):
        arrays(path)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_other_pickles_are_refused(path, protocol):
    path.write_bytes(pickle.dumps({"conv": np.ones((3, 3, 1, 2))}, protocol))
    with pytest.raises(UnsafeFileError, match="is a pickle"):
        arrays(path)


def old_file(weights, keys=("0",), count=None, **machine):
    """The bytes of a file as PyTorch 1.5 writes it, with one convolution."""
    storage = Storage(b"", count=weights.size)
    strides = tuple(stride // 4 for stride in weights.strides)
    value = {"conv.weight": tensor(storage, 0, weights.shape, strides)}
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True, **machine}, value, list(keys)]
    pickles = b"".join(pickled(part)[0] for part in parts)
    count = weights.size if count is None else count
    return pickles + count.to_bytes(8, "little") + weights.tobytes()


def test_files_of_pytorch_1_5_are_read(path):
    path.write_bytes(old_file(convolution()))
    expected = in_order_of_keras(convolution())
    np.testing.assert_array_equal(arrays(path)["conv.weight"], expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (old_file(convolution())[:-1], "its numbers are not as many"),
        (old_file(convolution(), count=5), "its numbers are not as many"),
        (old_file(convolution(), keys=["1"]), "keys of its numbers"),
        (old_file(convolution(), keys=["0", "0"]), "keys of its numbers"),
        (old_file(convolution(), keys=[]), "its numbers are missing"),
        (old_file(convolution(), keys=[["0"]]), "keys of its numbers"),
        (old_file(convolution(), little_endian=False), "order of bytes"),
        (old_file(convolution())[:100], "cannot be read"),
    ],
)
def test_damaged_files_of_pytorch_1_5_are_named(path, content, message):
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=f"is damaged: .*{message}"):
        arrays(path)


@settings(deadline=None)
@given(st.data())
def test_changed_and_cut_files_of_pytorch_1_5_are_read_or_named_unreadable(small, data):
    changed = bytearray(old_file(np.ones((2, 1, 3, 3), np.float32)))
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    small[1].write_bytes(changed[: data.draw(st.integers(0, len(changed)) | st.none())])
    read_or_name_unreadable(read_torch_stream, small[1])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of a small file, and a place for changed ones."""
    folder = tmp_path_factory.mktemp("small")
    weights = np.ones((2, 1, 3, 3), np.float32)
    path = save(folder / "small.pt", {"conv.weight": tensor(weights), "epoch": 3})
    return path.read_bytes(), folder / "changed.pt"


@settings(deadline=None)
@given(st.data())
def test_changed_and_cut_files_are_read_or_named_unreadable(small, data):
    content, path = small
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed[: data.draw(st.integers(0, len(content)) | st.none())])
    read_or_name_unreadable(read_torch_archive, path)


if keras.backend.backend() == "torch":  # only there is PyTorch
    import torch
    from torch import nn

    def saved(path, value, **options):
        torch.save(value, path, **options)
        return path

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(3, 8, 5, bias=False), nn.BatchNorm2d(8))
            self.up = nn.ConvTranspose2d(8, 6, 4)
            self.line = nn.Conv1d(4, 8, 5)
            self.volume = nn.Conv3d(2, 4, 3)
            self.words = nn.Embedding(9, 4)
            self.memory = nn.LSTM(4, 4)
            self.attention = nn.MultiheadAttention(4, 2)
            self.head = nn.Linear(8, 2)

    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_scores_are_those_of_the_state_dict(path, protocol):
        state = Network().state_dict()
        saved(path, state, pickle_protocol=protocol)
        assert skipped(path) == fw.snapshot_of(state).skipped
        read, expected = fw.score(path), fw.score(state)
        assert list(read) == list(expected)
        for name in expected:
            assert dict(read[name]) == pytest.approx(dict(expected[name]), nan_ok=True)
        for kernel in fw.snapshot_of(state).kernels:
            np.testing.assert_array_equal(arrays(path)[kernel.name], kernel.array)

    FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    FLOATS += [torch.float8_e4m3fn, torch.float8_e5m2]

    @pytest.mark.parametrize("dtype", FLOATS, ids=str)
    def test_numbers_of_each_type_are_those_of_pytorch(path, dtype):
        weights = torch.randn(4, 3, dtype=torch.float32).to(dtype)
        read = arrays(saved(path, {"fc.weight": weights}))["fc.weight"]
        np.testing.assert_array_equal(read, weights.double().numpy().T)

    def test_views_parameters_and_tensors_with_attributes_are_read(path):
        weights = torch.randn(6, 4, 5, 3)
        named = torch.randn(2, 3)
        named.origin = "here"
        state = {
            "turned.weight": weights.permute(1, 0, 3, 2)[:, 1:, ::2],
            "last.weight": weights.contiguous(memory_format=torch.channels_last),
            "parameter.weight": nn.Parameter(weights),
            "named.weight": named,
            "wide.weight": torch.randn(3, 1).expand(3, 4),
        }
        read = arrays(saved(path, state))
        for name, value in state.items():
            expected = value.detach().numpy()
            axes = (2, 3, 1, 0) if expected.ndim == 4 else (1, 0)
            np.testing.assert_array_equal(read[name], expected.transpose(axes))

    @pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
    def test_tensors_without_plain_numbers_are_skipped_with_the_reason(path):
        state = {
            "fc.weight": torch.ones(2, 3),
            "sparse": torch.eye(3).to_sparse(),
            "rows": torch.eye(3).to_sparse_csr(),
            "quantised": torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8),
            "meta": torch.ones(2, 2, device="meta"),
            "negated": torch._neg_view(torch.ones(2, 2)),
        }
        assert skipped(saved(path, state)) == {
            "sparse": "it is sparse",
            "rows": "it is sparse",
            "quantised": "it is quantised",
            "meta": "it is on the device 'meta', without numbers",
            "negated": "it is a view that negates or conjugates its numbers",
        }

    def test_a_checkpoint_of_a_training_has_the_weights_of_its_module(path):
        module = nn.Sequential(nn.Conv2d(3, 8, 5), nn.Flatten(), nn.Linear(8, 2))
        optimizer = torch.optim.Adam(module.parameters())
        module(torch.ones(1, 3, 5, 5)).sum().backward()
        optimizer.step()
        checkpoint = {
            "epoch": 1,
            "model_state_dict": module.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
        }
        read = arrays(saved(path, checkpoint))
        with open_file(path) as file:
            assert (file.logs, file.updates) == ({"learning_rate": 0.001}, 1)
        assert list(read) == ["0.weight", "2.weight"]
        expected = module[0].weight.detach().numpy()
        np.testing.assert_array_equal(read["0.weight"], in_order_of_keras(expected))

    def test_a_whole_module_is_refused_and_told_how_to_save_it(path):
        module = nn.Sequential(nn.Conv2d(3, 8, 5))
        with pytest.raises(UnsafeFileError, match=r"Sequential'.*model\.state_dict\(\)"):
            arrays(saved(path, module))

    @pytest.mark.parametrize("protocol", [2, 4])
    def test_the_format_before_pytorch_1_6_has_the_same_kernels(path, protocol):
        options = {"_use_new_zipfile_serialization": False, "pickle_protocol": protocol}
        state = Network().state_dict()
        state["half.weight"] = torch.randn(3, 4).bfloat16()
        state["view.weight"] = state["first.0.weight"][2:5]
        saved(path, state, **options)
        expected = fw.snapshot_of(state)
        assert skipped(path) == expected.skipped
        read = arrays(path)
        assert list(read) == [kernel.name for kernel in expected.kernels]
        for kernel in expected.kernels:
            np.testing.assert_array_equal(read[kernel.name], kernel.array)

    def test_a_whole_module_in_the_format_before_pytorch_1_6_is_refused(path):
        saved(path, nn.Linear(2, 3), _use_new_zipfile_serialization=False)
        with pytest.raises(UnsafeFileError, match=r"Linear'.*model\.state_dict\(\)"):
            arrays(path)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_torchscript_is_refused(path):
        torch.jit.script(nn.Linear(2, 3)).save(path)
        with pytest.raises(UnsafeFileError, match="TorchScript"):
            arrays(path)
