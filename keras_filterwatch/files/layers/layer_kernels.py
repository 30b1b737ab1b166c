"""The kernels of a saved model: what is known about each layer, and its variables, put together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from keras_filterwatch.files.config.architecture import Architecture, LayerNode
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.layers.constraints import (
    ParsedConstraint,
    constrained_share,
    parse_constraint,
)
from keras_filterwatch.files.layers.kernel_choice import (
    ChosenKernel,
    StoredVariable,
    kernels_in,
    layouts_of,
)
from keras_filterwatch.files.layers.norm_gains import NormGain, norm_gain
from keras_filterwatch.files.stored import StoredArray, StoredKernel
from keras_filterwatch.image_guess import guess_image
from keras_filterwatch.image_windows import size_text, with_image_axes
from keras_filterwatch.kernels import Array, Kernel

__all__ = ["LayerKernels", "StoredVariable", "kernels_of_layers"]

Variables = Mapping[str, Sequence[StoredVariable]]


class LayerKernels(NamedTuple):
    """The kernels of the layers of a saved model.

    Attributes:
        kernels: in the order of use.
        skipped: the path of a layer with weights that has no kernel to be scored -> why.
        notes: in sentences, what is not known about the kernels.
    """

    kernels: tuple[StoredKernel, ...]
    skipped: dict[str, str]
    notes: list[str]


def kernels_of_layers(architecture: Architecture, variables: Variables) -> LayerKernels:
    """Returns the kernels of the layers of a model, as `fw.score` finds them in the loaded model.

    Args:
        architecture: the layers of the model.
        variables: the path of a layer -> its own variables in Keras's order, those of a recurrent
            layer with those of its cell; `""` -> those of the model itself.

    Example:
        >>> model = Architecture(
        ...     LayerConfig("net", "Sequential"), (LayerNode("head", LayerConfig("head", "Dense")),)
        ... )
        >>> kernel = StoredArray("k", (8, 10), np.dtype("f4"), lambda: np.ones((8, 10), "f4"))
        >>> found = kernels_of_layers(model, {"head": [StoredVariable("kernel", kernel)]})
        >>> [(kernel.name, kernel.kind, kernel.shape) for kernel in found.kernels]
        [('head', 'dense', (8, 10))]
    """
    kernels: list[StoredKernel] = []
    skipped: dict[str, str] = {}
    notes: dict[str, None] = {}  # each once, in order
    for node in (LayerNode("", architecture.model), *architecture.nodes):
        own = variables.get(node.path, ())
        if not own and not (node.path and layouts_of(node.layer)):
            continue
        reason, chosen = kernels_in(node.layer, own)
        if reason:
            skipped[node.path or node.layer.name] = reason
        for kernel in chosen:
            found = _found_kernel(architecture, node, kernel, variables)
            notes.update(dict.fromkeys(found.notes()))
            kernels.append(
                StoredKernel(
                    *(found.name, found.layer_type, found.shape, found.read),
                    kind=kernel.kind,
                    trainable=node.layer.trainable,
                    layer_name=node.name,
                    names_in_file=_names_in_file(node, kernel.suffix),
                )
            )
    return LayerKernels(tuple(kernels), skipped, list(notes))


@dataclass(frozen=True, eq=False)
class _FoundKernel:
    """One kernel, with what the file tells about its layer.

    Attributes:
        name: its name.
        layer: its layer.
        kernel: where its weights are.
        constraint: of its weights.
        gains: of the BatchNormalizations behind its layer; None where the file lacks their
            variables.
        image: the axes of the flattened image that it reads.
        is_guess: whether the image is a guess.
    """

    name: str
    layer: LayerConfig
    kernel: ChosenKernel
    constraint: ParsedConstraint
    gains: Sequence[NormGain | None]
    image: tuple[int, ...] | None
    is_guess: bool

    @property
    def layer_type(self) -> str:
        """The class of its layer."""
        return self.layer.class_name if self.layer.is_of_keras else self.layer.saved_class

    @property
    def shape(self) -> tuple[int, ...]:
        """`(*spatial, channels, filters)`"""
        return (*self.image, self.kernel.shape[-1]) if self.image else self.kernel.shape

    def notes(self) -> list[str]:
        """Returns what is not known about the kernel, in sentences."""
        notes = []
        if self.constraint.unknown:
            notes.append(
                f"The constraint of {self.name!r}, {self.constraint.unknown}, is not one of "
                "Keras's: which filters it holds back is not known."
            )
        if None in self.gains:
            notes.append(
                f"The weights of the BatchNormalization behind {self.name!r} cannot be read: its "
                "dead filters are judged without it."
            )
        if self.is_guess and self.image:
            notes.append(
                f"{self.name!r} reads {math.prod(self.image)} numbers, taken as the pixels of an "
                f"image of {size_text(self.image)}. If they are something else, its pictures and "
                "noise score mean nothing."
            )
        return notes

    def read(self) -> Kernel:
        """Returns the kernel with its weights."""
        array, arrange = _read(self.kernel.array), self.kernel.arrange
        share = None
        if self.constraint.apply:
            try:
                share = constrained_share(array, self.constraint.apply, arrange)
            except ValueError as error:
                raise UnreadableFileError(f"{self.name!r} cannot be read: {error}.") from None
        array = arrange(array)
        if self.image:
            array = with_image_axes(array, self.image)
        gains = [gain.read() for gain in self.gains if gain]
        gains = [gain for gain in gains if gain.shape == array.shape[-1:]]
        return Kernel(
            *(self.name, self.layer_type, array),
            # a filter that several BatchNormalizations read is alive if one lets it live
            gain=np.max(gains, axis=0) if gains else None,
            trainable=self.layer.trainable,
            constrained_share=share,
            kind=self.kernel.kind,
            image_is_guess=self.is_guess,
        )


def _found_kernel(
    architecture: Architecture, node: LayerNode, kernel: ChosenKernel, variables: Variables
) -> _FoundKernel:
    norms = architecture.batch_norms(node) if kernel.has_outputs else []
    image, is_guess = _image(architecture, node, kernel)
    return _FoundKernel(
        (node.path or node.layer.name) + kernel.suffix,
        node.layer,
        kernel,
        parse_constraint(kernel.constraint),
        [norm_gain(norm.layer, variables.get(norm.path, ())) for norm in norms],
        image,
        is_guess,
    )


def _image(
    architecture: Architecture, node: LayerNode, kernel: ChosenKernel
) -> tuple[tuple[int, ...] | None, bool]:
    """Returns the image that a kernel reads flattened, if it reads one, and whether it is a guess.

    What the layers before it do comes first, then a guess.
    """
    if kernel.kind != "dense" or len(kernel.shape) != 2:
        return None, False
    image = architecture.image(node)
    if image and math.prod(image) == kernel.shape[0]:
        return image, False
    reads_input = architecture.numbers_read(node) is not None
    guess = guess_image(kernel.shape[0]) if reads_input else None
    return (guess.shape, True) if guess else (None, False)


def _names_in_file(node: LayerNode, suffix: str) -> tuple[str, ...]:
    """Returns how the file names a kernel, where it is shown under another name."""
    if node.name == node.layer.name and node.path == node.path_in_file:
        return ()
    return (node.path_in_file + suffix, node.layer.name)


def _read(array: StoredArray) -> Array:
    weights = array.read()
    if weights.shape != array.shape:
        raise UnreadableFileError(
            f"{array.name!r} has shape {weights.shape}, where the file announces {array.shape}."
        )
    return weights
