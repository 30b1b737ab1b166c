"""Which pictures a look gets: names and layers in, what draws each of them out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from keras_filterwatch import draw
from keras_filterwatch.draw.film import Film
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.scores import Scores

NAMES = {
    "kernels": "the filters of each layer",
    "film": "the history of the first layer's filters",
    "templates": "incoming weights of Dense units that read an image",
    "paths": "for each class, its path template and strongest hidden units",
    "components": "the principal components of each layer",
    "activations": "what the filters return for the first probe inputs",
    "favourites": "the patches of the probe inputs that excite each filter most",
}
USUAL = ("kernels", "film", "templates")
NEED_PROBE = ("activations", "favourites")

_SHEETS = 4  # layers, unless somebody chose them

Task: TypeAlias = Callable[[], Image.Image]
Drawing: TypeAlias = tuple[str, str, Task]  # name, layer and what draws it
Pictures: TypeAlias = dict[tuple[str, str], Image.Image]  # by name and layer


class Album:
    """The pictures of a training.

    Args:
        names: the pictures wanted, of `NAMES`.
        layers: the kernels with a window, in the network's order.
        chosen: whether somebody chose them: then all are drawn, else the first, the last and two
            between.
        unit: what a step is: `"epoch"` or `"step"`.
    """

    def __init__(self, names: Sequence[str], layers: list[str], chosen: bool, unit: str) -> None:
        self.layers = (layers if chosen else _spread(layers, _SHEETS)) if names else []
        self._names = names
        self._unit = unit
        self._film = Film()

    def of_kernels(self, snapshot: Snapshot, scores: Scores) -> Iterator[Drawing]:
        """For each picture of kernels its name, its layer, and what draws it."""
        kernels = self._drawn(snapshot)
        templated = [kernel.name for kernel in kernels if _reads_image(kernel)]
        for place, kernel in enumerate(kernels):
            layer = kernel.name
            tasks: dict[str, Task] = {
                "kernels": partial(draw.filters, snapshot, layer, scores=scores),
                "components": partial(draw.components, snapshot, layer),
            }
            if place == 0:
                tasks["film"] = partial(self._add_to_film, scores, kernel)
            if layer in templated:
                tasks["templates"] = partial(draw.templates, snapshot, layer)
            if layer in templated[:1]:  # where the path begins
                tasks["paths"] = partial(draw.class_paths, snapshot)
            yield from self._wanted(layer, tasks)

    def of_outputs(self, snapshot: Snapshot, model: Any, probe: Any) -> Iterator[Drawing]:
        """The same for pictures that ask the model, as it is now, for its outputs."""
        for kernel in self._drawn(snapshot):
            layer = kernel.name
            if "Conv" in kernel.layer_type and len(kernel.spatial) == 2:
                tasks = {
                    "activations": partial(draw.activations, model, probe, layer),
                    "favourites": partial(draw.favourites, model, probe, layer),
                }
                yield from self._wanted(layer, tasks)

    def _drawn(self, snapshot: Snapshot) -> list[Kernel]:
        return [kernel for kernel in snapshot.kernels if kernel.name in self.layers]

    def _wanted(self, layer: str, tasks: Mapping[str, Task]) -> Iterator[Drawing]:
        yield from ((name, layer, task) for name, task in tasks.items() if name in self._names)

    def _add_to_film(self, scores: Scores, kernel: Kernel) -> Image.Image:
        noise = scores[kernel.name].get("noise", np.nan)
        self._film.add(scores.step, kernel, noise)
        return self._film.picture(self._unit)


def _reads_image(kernel: Kernel) -> bool:
    """Whether it is that of a Dense layer, or one like it, behind a flattened image."""
    return "Conv" not in kernel.layer_type and len(kernel.spatial) == 2


def _spread(names: list[str], most: int) -> list[str]:
    """The first, the last, and those evenly between them."""
    places = np.linspace(0, len(names) - 1, min(len(names), most)).round().astype(int)
    return [names[place] for place in places]
