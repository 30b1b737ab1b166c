"""compare: how the layers of two networks, or of two steps of a training, differ."""

import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_filterwatch.comparison import table
from keras_filterwatch.comparison.kernel_change import kernel_change
from keras_filterwatch.comparison.matched_layers import matched_layers, names_to_compare
from keras_filterwatch.comparison.sides import ComparedSource, checked_names, compared_sources
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.text import suggestion

if TYPE_CHECKING:
    from PIL import Image

_UNDEFINED = "weights that are all zero or not finite have no direction"
_SMALLEST = 1e-9  # rotation, above what rounding makes of none


@dataclass(frozen=True, eq=False)
class LayerComparison:
    """One layer of two networks.

    Attributes:
        name, name_in_b: of the layer; they differ where layers were matched by their place.
        a, b: its scores in both.
        rotation: 1 - cosine between its weights in both, 0 to 2, as `metrics.motion` defines it; 0
            if they differ by rounding or by the 8 bits of a record alone. NaN if it is not known.
        filter_rotations: the same of each filter, `(filters,)`, NaN where it is not known.
        changed_filters: the numbers of the filters that changed, most changed first. Those whose
            weights are all zero in one of both stand before the others.
        is_unchanged: True if the weights are the same.
        why_not: why the rotation is not known; `""` if it is.
        recorded: how many filters were compared by recorded weights, of 8 bits each; 0 if the
            weights themselves were compared.
        kernel_a, kernel_b: its weights in both; None where they are not known.
    """

    name: str
    name_in_b: str
    a: LayerScores
    b: LayerScores
    rotation: float = math.nan
    filter_rotations: Array = field(default_factory=lambda: np.empty(0), repr=False)
    changed_filters: tuple[int, ...] = ()
    is_unchanged: bool = False
    why_not: str = ""
    recorded: int = 0
    kernel_a: Kernel | None = field(default=None, repr=False)
    kernel_b: Kernel | None = field(default=None, repr=False)

    @property
    def differences(self) -> dict[str, float]:
        """Score -> its value in b minus that in a, of the scores that both have.

        Example:
            >>> layers = [LayerScores("", (4, 2), "", {"norm": norm}, {}) for norm in (1.0, 1.5)]
            >>> LayerComparison("head", "head", *layers).differences
            {'norm': 0.5}
        """
        return {name: self.b[name] - self.a[name] for name in self.a if name in self.b}


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Mapping[str, LayerComparison]):
    """What differs between two networks, by layer; `compare` makes it. Prints as a table.

    Attributes:
        names: what a and b are called.
        layers: name in a -> how the layer differs, in the order of the network.
        only_in_a, only_in_b: the layers that only one of them has.
        skipped: layer name -> why a layer with weights is not watched.
        is_same_memory: True if a and b read the same weights in memory, so that nothing can differ.
    """

    names: tuple[str, str]
    layers: Mapping[str, LayerComparison]
    only_in_a: Sequence[str] = ()
    only_in_b: Sequence[str] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    is_same_memory: bool = False

    @property
    def by_change(self) -> list[LayerComparison]:
        """The layers, most changed first; those whose rotation is not known come last."""
        return sorted(
            self.layers.values(),
            key=lambda layer: (math.isnan(layer.rotation), -layer.rotation, layer.is_unchanged),
        )

    @property
    def sentences(self) -> list[str]:
        """What changed most and what did not change, in plain sentences."""
        return table.sentences(self)

    def draw(self, layer: str | None = None) -> "Image.Image":
        """Returns a picture of the filters of a layer that changed most, in a and in b.

        Left is a, right is b, on one colour scale, and the most changed filter comes first. Before
        each pair stand the filter's number and its rotation.

        Args:
            layer: the name of the layer; None for the most changed one that has a window.

        Raises:
            ValueError: there is no such layer, or its weights are not known in both or have no
                window to draw.

        Example:
            >>> before, after = ({"conv": np.full((3, 3, 1, 8), level)} for level in (1.0, 2.0))
            >>> compare(before, after).draw("conv").width > 0
            True
        """
        from keras_filterwatch.draw.comparison import draw_comparison  # scores need no Pillow

        return draw_comparison(self, layer)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Returns all numbers of all layers as CSV, a line for each layer; writes them to `path`.

        Columns: `layer`, `layer_in_b`, the kernels' shapes, `rotation`, `changed_filters`, and each
        score in a and in b. What is undefined is an empty cell.

        Example:
            >>> zeros = {"head": np.zeros((2, 3))}
            >>> compare(zeros, zeros).to_csv().partition(",rotation")[0]
            'layer,layer_in_b,kernel_a,kernel_b,verdict_a,verdict_b'
        """
        text = table.as_csv(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def __getitem__(self, name: str) -> LayerComparison:
        if name not in self.layers:
            raise KeyError(f"no layer {name!r} was compared; {suggestion(name, self.layers)}.")
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return table.as_text(self)

    def _repr_html_(self) -> str:
        return table.as_html(self)


def compare(
    a: Any,
    b: Any = None,
    *,
    steps: tuple[int, int] | None = None,
    layers: str | Collection[str] | None = None,
    names: tuple[str, str] | None = None,
    layout: str | Mapping[str, str] | None = None,
    window: Mapping[str, Window] | None = None,
) -> Comparison:
    """Compares two networks, or two steps of one training, layer by layer.

    Layers are matched by their names. Where a and b have other names but kernels of the same shapes
    in the same order, they are matched by their places, and the comparison says so. To compare the
    weights before a training with those after it, take `snapshot_of(model)` before.

    Args:
        a, b: what `score` takes: models, saved files, dicts of arrays, a `Snapshot`, a
            `FilterWatch`; a `Run` that `read` returned, or its folder. A training without `b` is
            compared with its own start.
        steps: of trainings, the step of a and that of b, such as `(0, 10)`; None for the last ones.
            A `FilterWatch` has the scores of all its steps and the weights of the last one.
        layers: names of layers or of blocks, or patterns such as `"conv*"`; None for all.
        names: what a and b are called in texts; None for names of files, models and steps.
        layout, window: as `score` takes them.

    Returns:
        The comparison, which prints as sentences and a table; `comparison.draw()` is a picture.

    Raises:
        TypeError: a source is nothing that can be scored, `b` is missing, or `steps` or `names`
            are no pair.
        ValueError: a training has no such step, or no layer has one of the names.

    Example:
        >>> before = {"conv": np.ones((3, 3, 1, 2)), "head": np.ones((2, 2))}
        >>> after = {"conv": before["conv"] * [1.0, -1.0], "head": before["head"]}
        >>> comparison = compare(before, after)
        >>> comparison["conv"].rotation, comparison["conv"].changed_filters
        (1.0, (1,))
        >>> comparison.sentences
        ['conv changed most: rotation 1.', 'head did not change.']
    """
    source_a, source_b = compared_sources(a, b, steps, layout, window)
    pairs = matched_layers(source_a.scores, source_b.scores)
    alone_a = [name for name in source_a.scores if name not in pairs]
    alone_b = [name for name in source_b.scores if name not in pairs.values()]
    if layers is not None:
        compared_names = names_to_compare(layers, [*source_a.scores, *source_b.scores])
        pairs = {one: other for one, other in pairs.items() if {one, other} & compared_names}
        alone_a, alone_b = (
            [name for name in each if name in compared_names] for each in (alone_a, alone_b)
        )
    compared = {one: _compared(one, other, source_a, source_b) for one, other in pairs.items()}
    skipped = {**source_a.scores.skipped, **source_b.scores.skipped} if layers is None else {}
    return Comparison(
        checked_names(names, source_a, source_b),
        *(compared, alone_a, alone_b, skipped),
        is_same_memory=any(map(_is_same_memory, compared.values())),
    )


def _is_same_memory(layer: LayerComparison) -> bool:
    a, b = layer.kernel_a, layer.kernel_b
    return a is not None and b is not None and np.may_share_memory(a.array, b.array)


def _compared(
    name: str, name_in_b: str, source_a: ComparedSource, source_b: ComparedSource
) -> LayerComparison:
    """Returns how a layer differs, as well as it can be known from both sources."""
    a, b = source_a.scores[name], source_b.scores[name_in_b]
    kernel_a, kernel_b = source_a.kernels.get(name), source_b.kernels.get(name_in_b)
    layer = LayerComparison(name, name_in_b, a, b, kernel_a=kernel_a, kernel_b=kernel_b)
    if a.shape != b.shape:
        return replace(layer, why_not="its kernels have other shapes")
    if kernel_a and kernel_b:
        recorded = source_a.is_recorded, source_b.is_recorded
        change = kernel_change(kernel_a.array, kernel_b.array, recorded)
        layer = replace(
            layer,
            rotation=change.rotation,
            filter_rotations=change.filter_rotations,
            changed_filters=change.changed_filters,
            is_unchanged=change.is_unchanged,
            why_not=_UNDEFINED * math.isnan(change.rotation),
            recorded=len(change.filter_rotations) * any(recorded),
        )
    is_one_training = source_a.training is not None and source_a.training == source_b.training
    later = a if source_b.is_start else b
    if is_one_training and (source_a.is_start or source_b.is_start) and "rotation" in later:
        return _with_rotation_since_start(layer, later)
    if math.isnan(layer.rotation) and not layer.why_not:
        layer = replace(layer, why_not=_why_not_known(source_a, source_b))
    return layer


def _why_not_known(a: ComparedSource, b: ComparedSource) -> str:
    """Returns why the weights of a layer are not known in both."""
    if any(source.training is not None and not source.is_recorded for source in (a, b)):
        return (
            "a FilterWatch has the weights of its last step only (what fw.read returns has "
            "recorded ones of each step)"
        )
    return "its weights were not recorded"


def _with_rotation_since_start(layer: LayerComparison, later: LayerScores) -> LayerComparison:
    """Returns a comparison with the start of a training, from which each step is measured."""
    filter_rotations = later.filters.get("rotation", layer.filter_rotations)
    changed = layer.changed_filters
    if "rotation" in later.filters:
        gone = [f for f in changed if np.isnan(filter_rotations[f])]
        order = np.argsort(-filter_rotations, kind="stable")  # NaN comes last
        changed = (*gone, *(int(f) for f in order if filter_rotations[f] > _SMALLEST))
    knows_weights = layer.kernel_a is not None and layer.kernel_b is not None
    is_at_rest = not later["rotation"] > _SMALLEST
    return replace(
        layer,
        rotation=later["rotation"],
        filter_rotations=filter_rotations,
        changed_filters=changed,
        is_unchanged=is_at_rest and (layer.is_unchanged or not knows_weights),
        why_not="",
        recorded=0,
    )
