"""The variables of a checkpoint of TensorFlow by their names, without those of optimizers."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from keras_filterwatch.files.layers.named_kernels import NamedVariable
from keras_filterwatch.files.limits import DEPTH
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.files.tensorflow.tensorflow_bundle import Bundle
from keras_filterwatch.files.tensorflow.trackable_objects import TrackableObjects, TrackedVariable
from keras_filterwatch.unique_names import unique_name

NO_VALUES = "the checkpoint does not hold its values"
_AVERAGE = "ExponentialMovingAverage"
_SLOT = re.compile(  # what optimizers of TensorFlow 1 call their variables
    r"(Adam|AdamW|AdaMax|Adagrad|AdagradDA|Adadelta|Momentum|RMSProp|Ftrl|Linear|LAMB|LARS|"
    r"LazyAdam|Adafactor|accumulator|adam_[mv]|lamb_[mv]|v[rc]?)(Optimizer)?(_\d+)?"
)
_NUMBERED_LAYER = re.compile(r"layer(_with_weights)?-\d+|\d+")
_COUNTS = ("_iterations", "iterations", "iter")
_RATES = ("_learning_rate", "learning_rate")
_OBJECT_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"  # of keys in checkpoints that have objects
_LISTS = ("variables", "trainable_variables")
_BIG = 2**62


@dataclass(frozen=True, eq=False)
class CheckpointVariables:
    """The variables of a checkpoint.

    Attributes:
        variables: those of models and modules, in their order.
        skipped: name -> why a variable cannot be read.
        left_out: how many tensors belong to optimizers, metrics or the checkpoint itself.
        logs: the learning rate, if there is one.
        updates: that the optimizer has made; None if unknown.
    """

    variables: Sequence[NamedVariable]
    skipped: Mapping[str, str]
    left_out: int
    logs: Mapping[str, float] = field(default_factory=dict)
    updates: int | None = None


def variables_of_objects(bundle: Bundle, objects: TrackableObjects) -> CheckpointVariables:
    """Returns the variables of a checkpoint that tells which object holds which."""
    tracked = objects.variables()
    names = _unique_names(tracked)
    # what is exported lists them; other objects that are saved do not
    top = objects.children(0) if objects.objects else {}
    lists = [set(objects.children(top[name]).values()) for name in _LISTS if name in top]
    variables: list[NamedVariable] = []
    skipped: dict[str, str] = {}
    for each, name in zip(tracked, names, strict=True):
        array = bundle.arrays.get(each.key)
        if array is None:
            skipped[name] = bundle.unreadable.get(each.key, NO_VALUES)
            continue
        attribute = each.path[-1] if each.path else ""
        is_in_list = attribute.isdigit()
        owner = name.rpartition("/")[0] if is_in_list else each.owner
        is_frozen = len(lists) == 2 and each.node in lists[0] - lists[1]
        attribute = "" if is_in_list else attribute
        variables.append(NamedVariable(name, array, owner, attribute, not is_frozen, each.node))
    copies = objects.children(top["_all_variables"]).values() if "_all_variables" in top else ()
    keys = {*(each.key for each in tracked), *(objects.objects[node].key for node in copies)}
    left_out = len({*bundle.arrays, *bundle.unreadable} - keys)
    logs, updates = _training(bundle, objects)
    return CheckpointVariables(variables, skipped, left_out, logs, updates)


def variables_of_names(bundle: Bundle) -> CheckpointVariables:
    """Returns the variables of a checkpoint of TensorFlow 1, which has names alone.

    They come in the order of their names: `conv2` before `conv10`.
    """
    keys = {key.removesuffix(_OBJECT_SUFFIX): key for key in (*bundle.arrays, *bundle.unreadable)}
    slots = {name for name in keys if _is_slot(name, keys)}
    variables: list[NamedVariable] = []
    skipped: dict[str, str] = {}
    for name in sorted(keys.keys() - slots, key=_natural):
        array = bundle.arrays.get(keys[name])
        if array is None:
            skipped[name] = bundle.unreadable[keys[name]]
        else:
            variables.append(NamedVariable(name, array, name.rpartition("/")[0]))
    step = bundle.arrays.get("global_step")
    updates = _count(step) if step else None
    return CheckpointVariables(variables, skipped, len(slots), {}, updates)


def _unique_names(tracked: Sequence[TrackedVariable]) -> list[str]:
    """Returns a name for each variable: that of TensorFlow, with the path to it where needed."""
    counts = Counter(each.full_name for each in tracked)
    ambiguous = {each.owner for each in tracked if not each.full_name or counts[each.full_name] > 1}
    taken: dict[str, int] = {}
    return [
        unique_name(_with_path(each) if each.owner in ambiguous else each.full_name, taken)
        for each in tracked
    ]


def _with_path(variable: TrackedVariable) -> str:
    """Returns the attributes that lead to a variable, with the names of TensorFlow at the end."""
    path, full_name = variable.path, variable.full_name
    if not full_name or len(path) < 2 or "/" not in full_name:
        return "/".join(path)
    layer, _, role = full_name.rpartition("/")
    if _NUMBERED_LAYER.fullmatch(path[-2]):  # its own name says more
        return "/".join((*path[:-2], layer, role))
    return "/".join((*path[:-1], role))


def _is_slot(name: str, names: Collection[str]) -> bool:
    """Returns True for a variable that an optimizer, or an average, keeps for another one."""
    variable, _, last = name.rpartition("/")
    if last != _AVERAGE and not _SLOT.fullmatch(last):
        return name in ("beta1_power", "beta2_power")
    # the scope of an optimizer may stand before the name of the variable
    for _ in range(DEPTH):
        if variable in names:
            return True
        variable = variable.partition("/")[2]
    return False


def _natural(name: str) -> list[tuple[int, str]]:
    """Returns a key that sorts the numbers in names by their values."""
    parts = re.split(r"(\d+)", name)
    return [(int(part[:18]), part) if part.isdecimal() else (0, part) for part in parts]


def _training(bundle: Bundle, objects: TrackableObjects) -> tuple[dict[str, float], int | None]:
    """Returns the learning rate and the updates, if all optimizers have the same."""
    rates: set[float] = set()
    updates: set[int] = set()
    for node in objects.optimizers():
        children = objects.children(node)
        for name, child in children.items():
            array = bundle.arrays.get(objects.objects[child].key)
            count = _count(array) if array and name in _COUNTS else None
            if count is not None:
                updates.add(count)
            if array and name in _RATES and array.shape == () and array.dtype.kind == "f":
                rates.add(float(array.read()))
    logs = {"learning_rate": rates.pop()} if len(rates) == 1 else {}
    return logs, updates.pop() if len(updates) == 1 else None


def _count(array: StoredArray) -> int | None:
    if array.shape != () or array.dtype.kind not in "iu":
        return None
    count = int(array.read())
    return count if 0 <= count < _BIG else None
