"""Which pictures a training gets: a table of pictures, and which layers each is drawn for."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from PIL import Image

from keras_filterwatch import draw
from keras_filterwatch.draw.dense import reads_image
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.draw.filters import picture_of_filters
from keras_filterwatch.draw.overview import picture_of_training
from keras_filterwatch.draw.templates import picture_of_templates
from keras_filterwatch.draw.training_state import TrainingState
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.quantised import WHOLE, QuantisedKernel
from keras_filterwatch.scores import Scores

_MAX_LAYERS = 4  # layers that are drawn, unless the user names layers


@dataclass(frozen=True)
class StepData:
    """What pictures are drawn from at one step.

    Attributes:
        snapshot: the kernels.
        film_strips: the history of each layer, which ends with this step, by the layer's name.
        scores: those of the kernels.
        model: as it is at this step; None for pictures of kernels.
        probe: inputs of the model; None for pictures of kernels.
    """

    snapshot: Snapshot
    film_strips: Mapping[str, FilmStrip]
    scores: Scores
    model: Any = None
    probe: Any = None


@dataclass(frozen=True)
class CataloguedPicture:
    """One picture that `FilterWatch(images=[...])` can draw.

    Attributes:
        description: what it shows, in a line.
        draw: draws it for one kernel, from `StepData`; one of the whole network is drawn from a
            `TrainingState` alone.
        is_drawn_for: tells which kernels it can be drawn for, of those with a window.
        first_layer_only: True if it is drawn for the first such kernel only.
        needs_probe: True if it asks the model for its outputs for probe inputs.
        of_network: True if it is drawn once at each step, for the whole network.
        default: True if it is drawn where the user names no pictures.
    """

    description: str
    draw: Callable[..., Image.Image]
    is_drawn_for: Callable[[Kernel], bool] = lambda kernel: True
    first_layer_only: bool = False
    needs_probe: bool = False
    of_network: bool = False
    default: bool = False


def _returns_images(kernel: Kernel) -> bool:
    """True if the outputs of the kernel's layer have height and width."""
    return kernel.kind in ("conv", "depthwise", "transposed") and len(kernel.spatial) == 2


PICTURES: dict[str, CataloguedPicture] = {
    "overview": CataloguedPicture(
        "all layers over all steps, with alarms, diagnosis, loss and accuracy",
        picture_of_training,
        of_network=True,
        default=True,
    ),
    "filters": CataloguedPicture(
        "the filters of each layer",
        lambda data, kernel: picture_of_filters(
            kernel, data.scores[kernel.name], data.snapshot.step
        ),
        default=True,
    ),
    "film_strip": CataloguedPicture(
        "the history of the first layer's filters",
        lambda data, kernel: data.film_strips[kernel.name].picture(),
        first_layer_only=True,
        default=True,
    ),
    "templates": CataloguedPicture(
        "the incoming weights of Dense units that read an image",
        lambda data, kernel: picture_of_templates(kernel, data.snapshot.step),
        is_drawn_for=reads_image,
        default=True,
    ),
    "class_paths": CataloguedPicture(
        "for each class, its path template and strongest hidden units",
        lambda data, kernel: draw.class_paths(data.snapshot, kernel.name),
        is_drawn_for=reads_image,
        first_layer_only=True,
    ),
    "components": CataloguedPicture(
        "the principal components of each layer's filters",
        lambda data, kernel: draw.components(data.snapshot, kernel.name),
    ),
    "activations": CataloguedPicture(
        "what the filters return for the first probe inputs",
        lambda data, kernel: draw.activations(data.model, kernel.name, data.probe),
        is_drawn_for=_returns_images,
        needs_probe=True,
    ),
    "favourites": CataloguedPicture(
        "the patches of the probe inputs that excite each filter most",
        lambda data, kernel: draw.favourites(data.model, kernel.name, data.probe),
        is_drawn_for=_returns_images,
        needs_probe=True,
    ),
}
DEFAULT_PICTURES = tuple(name for name, picture in PICTURES.items() if picture.default)


class Drawing(NamedTuple):
    """A picture that is not drawn yet: its name, its layer's name and what draws it.

    The layer's name of a picture of the whole network is `""`.
    """

    name: str
    layer: str
    draw: Callable[[], Image.Image]


# by the picture's and the layer's name, which is "" where it shows the whole network
Pictures: TypeAlias = dict[tuple[str, str], Image.Image]


class PictureCatalogue:
    """The pictures of one training.

    Args:
        names: which pictures of `PICTURES` are drawn.
        layers: the names of the kernels with a window, in the network's order.
        draw_all: True to draw all these layers, such as where the user names layers; False to draw
            the first, the last and two between.
        step_unit: what a step is: `"epoch"` or `"step"`.

    Attributes:
        step_unit: what a step is.
        layers: the names of the kernels that are drawn; none without pictures of layers.
        film_strips: the history of each kernel that is drawn, or would be if there were pictures,
            by its name. Each has at most 16 `QuantisedKernel`s.
        quantised: the kernels of the last step that are recorded, by their names: those with a
            history, and in a network of up to 131,072 weights all.

    Example:
        >>> PictureCatalogue(["filters"], list("abcdef"), draw_all=False, step_unit="epoch").layers
        ['a', 'c', 'd', 'f']
    """

    def __init__(
        self, names: Sequence[str], layers: Sequence[str], draw_all: bool, step_unit: str
    ) -> None:
        self.film_strips: dict[str, FilmStrip] = {}
        self.quantised: dict[str, QuantisedKernel] = {}
        self._layers_with_history = (
            list(layers) if draw_all else _evenly_spaced(layers, _MAX_LAYERS)
        )
        of_layers = any(not PICTURES[name].of_network for name in names)
        self.layers = self._layers_with_history if of_layers else []
        self._names = tuple(names)
        self.step_unit = step_unit

    def add_step(self, snapshot: Snapshot, scores: Scores) -> None:
        """Adds one step to the histories. Copies the weights that it needs."""
        self.quantised = {}  # not those of the step before, if this one fails
        is_small = sum(kernel.array.size for kernel in snapshot.kernels) <= WHOLE
        self.quantised = {
            kernel.name: QuantisedKernel.of(kernel)
            for kernel in snapshot.kernels
            if is_small or kernel.name in self._layers_with_history
        }
        for name in self._layers_with_history:
            if name in self.quantised:
                strip = self.film_strips.setdefault(name, FilmStrip(self.step_unit))
                strip.add(snapshot.step, self.quantised[name], scores[name].get("noise", math.nan))

    def restore(self, film_strips: Mapping[str, FilmStrip]) -> None:
        """Goes on with the histories of an earlier fit, by the layers' names.

        Example:
            >>> catalogue = PictureCatalogue([], ["conv"], draw_all=False, step_unit="epoch")
            >>> catalogue.restore({"conv": FilmStrip(), "not drawn any more": FilmStrip()})
            >>> list(catalogue.film_strips)
            ['conv']
        """
        self.film_strips = {
            name: copy(film_strips[name])
            for name in self._layers_with_history
            if name in film_strips
        }

    def of_kernels(self, snapshot: Snapshot, scores: Scores) -> Iterator[Drawing]:
        """Yields the pictures of kernels at one step, which was added before."""
        data = StepData(snapshot, self.film_strips, scores)
        return self._drawings(data, needs_probe=False)

    def of_outputs(self, snapshot: Snapshot, model: Any, probe: Any) -> Iterator[Drawing]:
        """Yields the pictures for which the model, as it is now, is asked for its outputs."""
        data = StepData(snapshot, self.film_strips, Scores(snapshot.step, 0, {}), model, probe)
        return self._drawings(data, needs_probe=True)

    def of_network(self, state: Callable[[], TrainingState]) -> Iterator[Drawing]:
        """Yields the pictures of the whole network.

        Args:
            state: returns what is known after the last step, which was judged before.
        """
        for name, picture in PICTURES.items():
            if name in self._names and picture.of_network:
                yield Drawing(name, "", partial(_draw_state, picture, state))

    def _drawings(self, data: StepData, needs_probe: bool) -> Iterator[Drawing]:
        kernels = [kernel for kernel in data.snapshot.kernels if kernel.name in self.layers]
        for name, picture in PICTURES.items():
            if (
                name in self._names
                and picture.needs_probe == needs_probe
                and not picture.of_network
            ):
                suitable = [kernel for kernel in kernels if picture.is_drawn_for(kernel)]
                for kernel in suitable[:1] if picture.first_layer_only else suitable:
                    yield Drawing(name, kernel.name, partial(picture.draw, data, kernel))


def _draw_state(picture: CataloguedPicture, state: Callable[[], TrainingState]) -> Image.Image:
    return picture.draw(state())


def _evenly_spaced(names: Sequence[str], most: int) -> list[str]:
    """Returns the first name, the last, and some that are evenly between them."""
    places = np.linspace(0, len(names) - 1, min(len(names), most)).round().astype(int)
    return [names[place] for place in places]
