"""Pickles as plain values: nothing is imported or called, whatever they name."""

import argparse
import io
import os
import pickle
from collections import OrderedDict, defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_pickles import Call, Name, Storage, pickled, tensor

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.torch.pickled_tensors import OtherValue
from keras_filterwatch.files.torch.pickled_values import read_pickle

PROTOCOLS = range(1, pickle.HIGHEST_PROTOCOL + 1)


def value(data):
    return read_pickle(io.BytesIO(data), "file.pt").value


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(-9, 9), inner)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_values_are_what_was_pickled(expected, protocol):
    assert value(pickle.dumps(expected, protocol)) == expected


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_value_that_comes_twice_is_one_value(protocol):
    shared = [1]
    first, second = value(pickle.dumps([shared, shared], protocol))
    assert first is second


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_ordered_dict_keeps_its_order_and_loses_its_attributes(protocol):
    weights = OrderedDict(b=1, a=2)
    weights._metadata = {"version": 1}  # as state dicts of PyTorch have
    assert list(value(pickle.dumps(weights, protocol)).items()) == [("b", 1), ("a", 2)]


def test_dicts_with_a_default_are_dicts():
    assert value(pickle.dumps(defaultdict(list, a=[1]), 2)) == {"a": [1]}


@pytest.mark.parametrize(
    "harmless",
    [
        argparse.Namespace(rate=0.1),
        Path("runs"),
        np.float64(0.5),
        np.arange(3),
        {1, 2},
        b"bytes",
        1j,
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_settings_and_numbers_beside_the_weights_do_no_harm(harmless, protocol):
    read = value(pickle.dumps({"before": 1, "other": harmless, "after": 2}, protocol))
    assert (read["before"], read["after"]) == (1, 2)
    assert isinstance(read["other"], OtherValue | bytes)


class Trap:
    """Would make a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_is_named_and_not_run(protocol, tmp_path):
    with pytest.raises(UnsafeFileError, match=rf"file.pt is refused: .*'{os.name}.mkdir'"):
        value(pickle.dumps({"weights": Trap(tmp_path / "trap")}, protocol))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch.nn.modules.conv", "Conv2d"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_everything"),
        ("torch", "load"),
        ("builtins", "getattr"),
        ("__builtin__", "eval"),
        ("numpy.testing", "runstring"),
        ("collections", "OrderedDict.fromkeys"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_names_outside_the_closed_lists_are_refused(module, name, protocol):
    data, _ = pickled({"weights": 1, "other": Call(Name(module, name), (1,))}, protocol)
    with pytest.raises(UnsafeFileError, match=name):
        value(data)


def test_all_names_are_told():
    names = [Name("torch.nn", "Linear"), Name("my_models", "Net")]
    with pytest.raises(UnsafeFileError, match=r"'torch.nn.Linear', 'my_models.Net'.*state_dict"):
        value(pickled(names)[0])


def test_a_dangerous_name_is_told_even_if_the_rest_is_damaged():
    data, _ = pickled(Call(Name("os", "system"), ("ls",)))
    with pytest.raises(UnsafeFileError, match=r"os\.system"):
        value(data[:-3])


@pytest.mark.parametrize(
    "data",
    [
        b"(S'ls'\nios\nsystem\n.",
        b"(cos\nsystem\nS'ls'\no.",
        b"\x80\x02\x82\x01.",
    ],
    ids=["INST", "OBJ", "EXT1"],
)
def test_old_ways_to_run_code_are_refused(data):
    with pytest.raises(UnreadableFileError, match=r"file.pt is (refused|damaged)"):
        value(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "exhausted before"),
        (b"\x80\x02}", "exhausted before"),
        (b".", "a value is missing"),
        (b"K\x01\x86.", "a value is missing"),
        (b"t.", "a mark is missing"),
        (b"h\x05.", "a value that it does not have"),
        (b"}K\x01s.", "a value is missing"),
        (b"K\x01K\x02a.", "appended to what is no list"),
        (b"K\x01K\x02K\x03s.", "set in what is no dict"),
        (b"}(K\x01u.", "a key of a dict has no value"),
        (b"K\x01K\x02\x93.", "the name of a class is no text"),
        (b"K\x01)R.", "called that is no function"),
        (b"K\x01Q.", "no storage of a tensor"),
        (b"\x80\x09N.", "protocol 9"),
        (b"\xff.", "is damaged"),
        (b"Ptext\n.", "PERSID"),
        (b"X\xff\xff\xff\x7fabc.", "is damaged"),
        (b"I" + b"9" * 5000 + b"\n.", "is damaged"),
    ],
)
def test_damage_is_named(data, reason):
    with pytest.raises(UnreadableFileError, match=reason):
        value(data)


def test_keys_that_would_take_long_to_hash_become_others():
    nested = b")" + b"\x86".join([b"2"] * 60) + b"\x86"  # (t, t) of (t, t) of ...
    (key,) = value(b"}" + nested + b"K\x01s.")
    assert isinstance(key, OtherValue)


def test_values_may_hold_themselves():
    data = b"]q\x00h\x00a."  # a list that is appended to itself
    read = value(data)
    assert read[0] is read


def test_a_pickle_of_millions_of_operations_is_refused():
    with pytest.raises(UnsafeFileError, match="more than 4000000 operations"):
        value(b"N0" * 2_000_001 + b"N.")


def test_deep_nesting_costs_no_stack():
    assert len(value(b"]" * 100_000 + b"a" * 99_999 + b".")) == 1


TENSORS = [
    pytest.param((0, (2, -3), (3, 1)), id="negative"),
    pytest.param((0, (2, 3), (3,)), id="too few strides"),
    pytest.param((0, (2.0, 3), (3, 1)), id="a fraction"),
    pytest.param((True, (2, 3), (3, 1)), id="no number"),
    pytest.param((0, (1,) * 65, (1,) * 65), id="many axes"),
    pytest.param((0, (2**64, 1), (1, 1)), id="huge"),
    pytest.param((0, "ab", "cd"), id="text"),
]


@pytest.mark.parametrize("place", TENSORS)
def test_impossible_tensors_are_damage(place):
    data, _ = pickled(tensor(Storage(bytes(24), count=6), *place))
    with pytest.raises(UnreadableFileError, match=r"shape of a tensor|no storage"):
        value(data)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_named_unreadable(data):
    with suppress(UnreadableFileError):
        value(data)


SMALL, _ = pickled(
    OrderedDict(weight=tensor(np.ones((2, 3), np.float32)), epoch=3, note=(1.5, None, True)), 2
)
NEWER, _ = pickled({"weight": tensor(np.ones((2, 3), np.float32)), "set": {1, 2}}, 4)


@settings(deadline=None)
@given(
    st.sampled_from([SMALL, NEWER]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 400),
)
def test_changed_and_cut_pickles_are_read_or_named_unreadable(data, changes, length):
    changed = bytearray(data)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    with suppress(UnreadableFileError):
        value(bytes(changed[:length] if length < len(data) // 4 else changed))
