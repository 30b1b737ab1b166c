"""Which weights of a saved model are penalised, and how strongly, from its config."""

from collections.abc import Iterable, Mapping
from typing import Any

from keras_filterwatch.files.config.architecture import LayerNode
from keras_filterwatch.files.facts.numbers import number
from keras_filterwatch.files.facts.optimizer_config import bare_name

# the weights that may have a regulariser, and the entry that says whether a layer has them
_SWITCHES = {"bias": "use_bias", "gamma": "scale", "beta": "center"}
_STRENGTHS = {"L1": ("l1",), "L2": ("l2",), "L1L2": ("l1", "l2"), "WeightRegularizer": ("l1", "l2")}
_DEFAULT_STRENGTH = 0.01  # of "l2" by its name
_PENALISED = (
    "kernel",
    "bias",
    "depthwise",
    "pointwise",
    "gamma",
    "beta",
    "embeddings",
    "recurrent",
)
_OLD_PENALISED = {"W_regularizer": "kernel", "b_regularizer": "bias"}  # of Keras 1


def regularisers(nodes: Iterable[LayerNode]) -> dict[str, dict[str, float]]:
    """Returns layer name -> `"l1"` and `"l2"` -> the largest strength among its weights."""
    strengths: dict[str, dict[str, float]] = {}
    for node in nodes:
        layer = node.layer
        if not layer.is_of_keras:
            continue  # what it does with its penalties is not known
        for key, value in layer.config.items():
            weight = _OLD_PENALISED.get(key, key.removesuffix("_regularizer"))
            if weight == key or weight not in _PENALISED:
                continue
            if layer.config.get(_SWITCHES.get(weight, ""), True) is False:
                continue
            for kind, strength in _penalties(value).items():
                of_layer = strengths.setdefault(node.name, {})
                of_layer[kind] = max(strength, of_layer.get(kind, 0.0))
    return strengths


def _penalties(regulariser: Any) -> dict[str, float]:
    """Returns `"l1"` and `"l2"` -> strength of one of Keras's regularisers, where it is not 0."""
    if isinstance(regulariser, str):
        kinds = _STRENGTHS.get(regulariser.upper(), ())
        return dict.fromkeys(kinds, _DEFAULT_STRENGTH)
    if not isinstance(regulariser, Mapping):
        return {}
    config = regulariser.get("config", regulariser)
    name = bare_name(regulariser) or regulariser.get("name")
    if (
        not isinstance(config, Mapping)
        or not isinstance(name, str)
        or ">" in str(regulariser.get("class_name"))
    ):
        return {}
    values = {kind: number(config.get(kind)) for kind in _STRENGTHS.get(name.replace("_", ""), ())}
    return {kind: strength for kind, strength in values.items() if strength}
