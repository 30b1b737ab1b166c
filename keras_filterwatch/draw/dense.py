"""Dense layers that read an image: what each unit, and each class behind it, is a template of."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from keras_filterwatch.draw import canvas, tiles
from keras_filterwatch.draw.filter_sheet import MARKS
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics.dead import dead_filters, filter_norms
from keras_filterwatch.sources import snapshot_of
from keras_filterwatch.text import suggestion

MAX_UNITS = 256  # tiles of a layer
LEFT_OUT = "left out: biases, non-linearities, normalizations"

_NAMED = 6  # kernels in a message


def templates(
    source: Any,
    layer: Any = None,
    *,
    units: Iterable[int] | int | None = None,
    step: int | None = None,
) -> Image.Image:
    """What each unit of a Dense layer looks for: its incoming weights in the input's shape.

    From blue over white, which is zero, to red; of a colour image in colour, where grey is zero;
    of more channels the strongest side by side. One scale serves the whole picture. Each unit has
    its number; a dead one has a black outline, a weight that is not finite is magenta. Strokes
    and blobs are good; a tile that looks like sand has learnt nothing, or is noise that weight
    decay would remove.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        layer: its name, or, of a model, the layer or a pattern; the first Dense layer that reads
            an image if there are several, or if it is None.
        units: those to draw, in this order; all, or as many as fit, if not given.
        step: for the caption; a `Snapshot` knows its own.

    Raises:
        ValueError: no layer of that name, none that reads an image, or no such unit.
    """
    kernel = image_kernel(source, layer)
    if step is None and isinstance(source, Snapshot):
        step = source.step
    wanted = tiles.chosen("units", units, kernel.filters)
    target = 112 if len(wanted) <= 32 else 84 if len(wanted) <= 144 else 56
    fit = fit_of(kernel, target, str(kernel.filters))
    shown = wanted[: min(MAX_UNITS, fit.across * fit.down)]
    weights = kernel.array[..., shown].astype(np.float64)
    limit = canvas.limit_of(weights)
    dead = dead_filters(filter_norms(kernel.array, kernel.gain))
    cells = [
        tiles.Tile(
            fit.tile(weights[..., i], limit),
            str(unit),
            outline=MARKS["dead"] if dead[unit] else canvas.GAP,
        )
        for i, unit in enumerate(shown)
    ]
    caption = [
        kernel.name,
        f"{_size(kernel)}, {kernel.filters} units",
        "" if step is None else f"step {step}",
        f"dead {dead.sum()} of {kernel.filters} ({dead.mean():.0%})",
    ]
    notes = [
        "incoming weights of each unit",
        canvas.first(len(shown), len(wanted), "units"),
        *fit.notes,
    ]
    grid = tiles.grid_of(tiles.in_rows(cells, fit))
    bar = canvas.scale(limit, fit.coloured)
    legend = [("dead unit", MARKS["dead"])] if dead[shown].any() else []
    return canvas.page(grid, caption, notes, bar, legend)


def class_paths(
    source: Any,
    classes: Iterable[int] | int | None = None,
    k: int = 5,
    *,
    labels: Sequence[str] | None = None,
) -> Image.Image:
    """What a network of Dense layers looks for in each class, and the hidden units behind it.

    A row for each class. First its path template: the product of all weight matrices in the
    input's shape, which is what the network computes if each of its units is linear (the
    connection weights of Olden and Jackson, 2002). Then the `k` first-layer units that weigh most
    in it, by |path weight| times the norm of their incoming weights: each with the weight of its
    path to the class, over its incoming weights as they are. A unit with a positive weight argues
    for the class where it fires, one with a negative weight against it.

    Biases, non-linearities and normalizations are left out. Red need not be ink of the class:
    weights also cancel what other classes share with it (Haufe et al., 2014).

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels. The first
            Dense layer that reads an image and all kernels behind it must form a chain.
        classes: those to draw, in this order; all, or as many as fit, if not given.
        k: units beside each template; 0 for the templates alone, as for a single layer.
        labels: a name for each class of the network.

    Raises:
        ValueError: the kernels form no chain, there is no such class, or not a label for each.
    """
    chain = chain_of(source)
    first, names = chain[0], class_names(chain[-1].filters, labels)
    wanted = tiles.chosen("classes", classes, len(names))
    if k < 0:
        raise ValueError(f"k={k}: how many units stand beside a template, 0 or more.")
    k = min(k, first.filters) if len(chain) > 1 else 0
    longest = f"unit {first.filters} +0.00" if k else max(names, key=len)
    fit = fit_of(first, 112, longest, columns=1 + k)
    shown = wanted[: fit.down if k else fit.down * fit.across]
    if k:
        rows, limits = _path_rows(chain, shown, k, fit)
        grid = tiles.grid_of(rows, [names[c] for c in shown], apart=[1])
    else:
        paths = path_templates([kernel.array for kernel in chain])[..., shown]
        limits = [("path", canvas.limit_of(paths), fit.coloured)]
        drawn = [fit.tile(paths[..., i], limits[0][1]) for i in range(len(shown))]
        cells = [tiles.Tile(pixels, names[c]) for pixels, c in zip(drawn, shown, strict=True)]
        grid = tiles.grid_of(tiles.in_rows(cells, fit))
    notes = [
        "path: product of all weight matrices",
        "unit: its weight on the path, over its incoming weights" if k else "",
        canvas.first(len(shown), len(wanted), "classes"),
        *fit.notes,
        LEFT_OUT,
    ]
    return canvas.page(grid, chain_caption(source, chain), notes, tiles.scales(limits))


def _path_rows(
    chain: Sequence[Kernel], classes: Sequence[int], k: int, fit: tiles.Fit
) -> tuple[list[list[tiles.Tile]], list[tuple[str, float, bool]]]:
    """For each class its template and its k strongest units; and the scales of both."""
    first, *rest = (kernel.array.astype(np.float64) for kernel in chain)
    with np.errstate(all="ignore"):
        onward = _product(rest)[:, classes]
        paths = first @ onward
        strength = np.abs(onward) * filter_norms(first)[:, np.newaxis]
    strength[~np.isfinite(strength)] = np.inf  # what diverged is to be seen
    strongest = np.argsort(-strength, axis=0, kind="stable")[:k]
    on_path = canvas.limit_of(paths)
    of_units = canvas.limit_of(first[..., np.unique(strongest)])
    rows = []
    for i in range(len(classes)):
        row = [tiles.Tile(fit.tile(paths[..., i], on_path), "path")]
        for unit in strongest[:, i]:
            heading = f"unit {unit}  {tiles.signed(onward[unit, i], 2)}"
            row.append(tiles.Tile(fit.tile(first[..., unit], of_units), heading))
        rows.append(row)
    return rows, [("path", on_path, fit.coloured), ("units", of_units, fit.coloured)]


def path_templates(kernels: Sequence[Array]) -> NDArray[np.float64]:
    """What a chain of Dense kernels computes if every unit is linear: one template a class.

    Args:
        kernels: the first `(height, width, channels, units)`, each other one `(inputs, units)`
            with as many inputs as the one before has units; the last one's units are the classes.

    Returns:
        Their product, `(height, width, channels, classes)`: a class's output, without its biases,
        is the sum of its template times the input.

    Raises:
        ValueError: the kernels do not fit.
    """
    _check({f"kernel {i}": np.shape(kernel) for i, kernel in enumerate(kernels)})
    first, *rest = (np.asarray(kernel).astype(np.float64) for kernel in kernels)
    with np.errstate(all="ignore"):  # weights that diverged are drawn as such
        return first @ _product(rest) if rest else first


def _check(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError unless kernels of these names and shapes form a chain."""
    names = list(shapes)
    if not names or len(shapes[names[0]]) != 4:
        raise ValueError(
            f"kernels of shapes {list(shapes.values())} came: the first must be (height, width, "
            "channels, units)."
        )
    for before, name in pairwise(names):
        units = shapes[before][-1]
        if len(shapes[name]) != 2 or shapes[name][0] != units:
            raise ValueError(
                f"{name} has shape {shapes[name]}: behind the {units} units of {before} it must "
                f"be ({units}, units)."
            )


def _product(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """From the last one backwards, where the fewest numbers are."""
    product = matrices[-1]
    for matrix in matrices[-2::-1]:
        product = matrix @ product
    return product


def image_kernel(source: Any, layer: Any = None) -> Kernel:
    """The Dense kernel `(height, width, channels, units)` of that name, or else the first.

    Raises:
        ValueError: there is none.
    """
    kernels = snapshot_of(source, layer).kernels
    if layer is not None and isinstance(source, Snapshot | Mapping):
        names = [kernel.name for kernel in kernels]
        if layer not in names:
            raise ValueError(f"no kernel is called {layer!r}; {suggestion(layer, names)}.")
        kernels = tuple(kernel for kernel in kernels if kernel.name == layer)
    for kernel in kernels:
        if kernel.array.ndim == 4 and kernel.has_window and "Conv" not in kernel.layer_type:
            return kernel
    came = [f"{k.name!r} {k.layer_type} {k.array.shape}".replace("  ", " ") for k in kernels]
    more = f" and {len(came) - _NAMED} more" if len(came) > _NAMED else ""
    raise ValueError(
        f"there is no template to draw: {', '.join(came[:_NAMED])}{more} came, and no Dense kernel "
        "with the axes (height, width, channels, units). A Dense layer has them where it reads an "
        "input image of known size: begin the model with Input(shape) and Flatten(), or reshape "
        "the kernel and pass it in a dict. draw.filters draws convolutions."
    )


def chain_of(source: Any, layer: Any = None) -> list[Kernel]:
    """The Dense kernel of that name, or the first that reads an image, and all those behind it.

    Raises:
        ValueError: there is none, or they form no chain.
    """
    name = image_kernel(source, layer).name
    kernels = snapshot_of(source).kernels
    chain = list(kernels[[kernel.name for kernel in kernels].index(name) :])
    try:
        _check({repr(kernel.name): kernel.array.shape for kernel in chain})
    except ValueError as error:
        raise ValueError(
            f"no path leads from {name!r} to classes: {error} From the image to the classes there "
            "must be Dense layers only, each behind the other; of another network pass those that "
            "are, as a dict of kernels."
        ) from error
    return chain


def class_names(classes: int, labels: Sequence[str] | None) -> list[str]:
    """A name for each class.

    Raises:
        ValueError: there is not a label for each.
    """
    if labels is None:
        return [f"class {c}" for c in range(classes)]
    if len(labels) != classes:
        raise ValueError(f"{len(labels)} labels came for {classes} classes: give one for each.")
    return [str(label) for label in labels]


def fit_of(kernel: Kernel, target: int, text: str, columns: int = 1) -> tiles.Fit:
    """How the kernel's templates become tiles."""
    with np.errstate(all="ignore"):
        strengths = np.square(kernel.array.astype(np.float32)).sum(axis=(0, 1, 3))
    return tiles.fitted(strengths, kernel.spatial, target, text, columns)


def chain_caption(source: Any, chain: Sequence[Kernel]) -> list[str]:
    """Names, sizes and the step of a chain."""
    size = " - ".join([_size(chain[0]), *(str(kernel.filters) for kernel in chain)])
    step = f"step {source.step}" if isinstance(source, Snapshot) else ""
    return [" - ".join(kernel.name for kernel in chain), size, step]


def _size(kernel: Kernel) -> str:
    return "x".join(map(str, kernel.array.shape[:3]))
