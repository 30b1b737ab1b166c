"""The objects of a checkpoint: which variables are those of a model, and how they are found."""

import pytest

from benchmarks.fuzz.formats.tensorflow_bundle import varint
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.tensorflow.protobuf import ProtobufReader
from keras_filterwatch.files.tensorflow.trackable_objects import read_objects


def _field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def graph(*objects):
    """The message of objects: dicts of attributes, or the names of variables.

    Attributes have the numbers of objects; `"slots"` has those of the variables of an optimizer.
    """
    message = b""
    for each in objects:
        if isinstance(each, str):
            parts = ["VARIABLE_VALUE", each, f"{each}/key"]
            found = _field(2, b"".join(_field(n, part.encode()) for n, part in enumerate(parts, 1)))
        else:
            slots = each.pop("slots", ())
            found = b"".join(_field(3, b"\x18" + varint(slot)) for slot in slots)
            for name, node in each.items():
                found += _field(1, b"\x08" + varint(node) + _field(2, name.encode()))
        message += _field(1, found)
    return message


def paths(*objects):
    """The paths to the variables that are found."""
    return ["/".join(each.path) for each in read_objects(graph(*objects), "it").variables()]


def test_variables_come_in_the_order_of_the_objects_that_hold_them():
    layers = {"b": 1, "a": 2}, {"kernel": 3, "bias": 4}, {"kernel": 5}
    assert paths(*layers, "b/kernel", "b/bias", "a/kernel") == ["b/kernel", "b/bias", "a/kernel"]


def test_an_object_that_is_reached_twice_is_found_once():
    assert paths({"one": 1, "two": 1, "again": 0}, {"kernel": 2}, "kernel") == ["one/kernel"]


@pytest.mark.parametrize(
    "optimizer",
    [{"_iterations": 3, "m": 4}, {"iter": 3, "m": 4}, {"m": 4, "slots": [4]}],
    ids=["Keras 3", "Keras 2", "slots"],
)
def test_variables_of_optimizers_are_left_out(optimizer):
    objects = {"train": 1, "conv": 2}, optimizer, {"kernel": 5}, "step", "conv/kernel/m", "kernel"
    assert paths(*objects) == ["conv/kernel"]


def test_variables_of_metrics_are_left_out():
    assert paths({"metrics": 1, "kernel": 2}, {"total": 3}, "kernel", "total") == ["kernel"]


def test_a_variable_that_only_a_list_holds_is_found():
    objects = {"variables": 1, "conv": 2}, {"0": 3, "1": 4}, {"kernel": 3}, "kernel", "other"
    assert paths(*objects) == ["conv/kernel", "variables/1"]


def test_an_attribute_that_leads_nowhere_is_damage():
    with pytest.raises(UnreadableFileError, match="it is damaged"):
        paths({"conv": 7})


def test_objects_within_objects_too_deep_are_refused():
    depth = 4000  # with a variable at each level
    nodes = ({"down": 2 * level + 2, "w": 2 * level + 1} for level in range(depth))
    objects = [each for node in nodes for each in (node, "w")]
    with pytest.raises(UnsafeFileError, match="too deep"):
        paths(*objects, {})


def test_messages_with_too_many_fields_are_refused():
    with pytest.raises(UnsafeFileError, match="more entries than any known model"):
        list(ProtobufReader("it", fields=10).fields(b"\x08\x01" * 11))
