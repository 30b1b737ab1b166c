"""Weights of Keras 3 alone: `.weights.h5`, and parts of it that a `.weights.json` lists."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from keras_filterwatch.files.archives import climbs
from keras_filterwatch.files.config.architecture import Architecture
from keras_filterwatch.files.config.layer_config import LayerConfig, load_json
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.facts.model_file_facts import facts_of_config
from keras_filterwatch.files.hdf5 import open_hdf5
from keras_filterwatch.files.keras.layer_groups import LayerGroup
from keras_filterwatch.files.keras.matched_layers import MatchedLayers, matched_layers
from keras_filterwatch.files.keras.optimizer_state import OptimizerState
from keras_filterwatch.files.layers.layer_kernels import kernels_of_layers
from keras_filterwatch.files.neighbours import read_whole, size_of
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.text import listed, printable

_MOST_PARTS = 1000
_PART_NAME = re.compile(r".*_\d{5}\.weights\.h5")
_CONSEQUENCE = (
    "kernels are in the order in which they were saved, dead filters are judged without the "
    "BatchNormalization behind them, and no Dense layer has the axes of an image"
)


def read_keras_weights(
    path: Path, stack: ExitStack, architecture: Architecture | None = None
) -> ModelFile:
    """Returns the kernels of a file of weights.

    Args:
        path: a `.weights.h5` file, or the `.weights.json` file of one in parts.
        stack: what stays open as long as kernels are read.
        architecture: the layers of the model, from another file. Without it, names and classes are
            those that the names of the groups tell.

    Raises:
        UnsafeFileError: the file leads to other files, or expands without limit.
        UnreadableFileError: it is damaged, or holds no weights as Keras 3 saves them.
    """
    root = _root(path, stack)
    notes = []
    if architecture is None:
        nothing = LayerConfig("", "", is_of_keras=False)
        known = Architecture(nothing, (), knows_graph=False, problem="it holds weights only")
        notes.append(
            f"The file holds weights without the config of their model: {_CONSEQUENCE}; which "
            "layers are frozen is not known either. keras-filterwatch --architecture takes the "
            "config from the file of the whole model, or from the text of model.to_json()."
        )
        if _PART_NAME.fullmatch(path.name):
            notes.append("The file may be a part: the .weights.json beside it lists all parts.")
    else:
        known = architecture
    matched = matched_layers(known, root, is_own=False)
    file = model_file("Keras 3 weights", matched, notes if architecture is None else None)
    if not file.kernels and not file.skipped:
        raise UnreadableFileError(
            f"{path} holds no weights as Keras saves them: the groups of an HDF5 file with 'vars' "
            "in them. Save it with model.save_weights('name.weights.h5')."
        )
    if architecture and not any(matched.variables.get(each.path) for each in architecture.nodes):
        raise UnreadableFileError(f"{path} does not fit the architecture: no layer has weights.")
    return file


def model_file(
    name: str,
    matched: MatchedLayers,
    notes: Sequence[str] | None = None,
    compile_config: Any = None,
    state: OptimizerState | None = None,
) -> ModelFile:
    """Returns the kernels of layers whose weights are known.

    Args:
        name: the format of the file.
        matched: the layers with their variables.
        notes: what is not known about the model; None for what `matched` tells.
        compile_config: how the model was compiled; None if it was not, or if that is not known.
        state: of its optimizer.
    """
    state = state or OptimizerState()
    found = kernels_of_layers(matched.architecture, matched.variables)
    return ModelFile(
        name,
        found.kernels,
        found.skipped | matched.others,
        [*(_notes(matched) if notes is None else notes), *found.notes],
        facts_of_config(
            *(matched.architecture, found.kernels, compile_config),
            variables=matched.variables,
            updates=state.updates,
        ),
        {} if state.learning_rate is None else {"learning_rate": state.learning_rate},
        state.updates,
        has_weights_alone=not matched.architecture.model.name,
    )


def _notes(matched: MatchedLayers) -> list[str]:
    """Returns what is not known about the order of the layers, in sentences."""
    model, notes = matched.architecture.model, []
    if not matched.architecture.knows_graph:
        notes.append(
            f"The file does not tell which layer of {printable(model.name)!r} reads what "
            f"({matched.architecture.problem}): {_CONSEQUENCE}."
        )
    elif matched.inside:
        names = listed(map(printable, matched.inside))
        notes.append(
            f"What is inside of {names} is known by its weights only: there, {_CONSEQUENCE}."
        )
    return notes


def _root(path: Path, stack: ExitStack) -> LayerGroup:
    with path.open("rb") as file:
        begin = file.read(64)
    if not begin.lstrip().startswith(b"{"):
        return LayerGroup("", [(0, open_hdf5(path, stack))])
    listing = load_json(read_whole(path), str(path))
    weight_map = listing.get("weight_map")
    if not isinstance(weight_map, dict):
        raise UnreadableFileError(
            f"{path} lists no parts of weights ('weight_map'). If it is the config of a model, it "
            "has no weights: open the file that has them, with this one as architecture."
        )
    names: dict[str, None] = {}
    for value in weight_map.values():
        names.update(dict.fromkeys(map(str, value if isinstance(value, list) else [value])))
    if len(names) > _MOST_PARTS:
        raise UnsafeFileError(f"{path} lists {len(names)} parts, more than {_MOST_PARTS}.")
    parts = []
    for i, name in enumerate(sorted(names)):
        if climbs(name) or "/" in name or "\\" in name or name in ("", "."):
            raise UnsafeFileError(
                f"{path} names {printable(name)!r} as a part: only files beside it are read."
            )
        part = path.with_name(name)
        size_of(part)
        parts.append((i, open_hdf5(part, stack)))
    if not parts:
        raise UnreadableFileError(f"{path} lists no parts: there are no weights to read.")
    return LayerGroup("", parts)
