"""What a saved file holds, as values that are known before any weight is read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_filterwatch.kernel_names import KernelNames
from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.model_facts import ModelFacts


@dataclass(frozen=True, eq=False)
class StoredArray:
    """An array in a file.

    Attributes:
        name: its place in the file, for messages.
        shape: its shape.
        dtype: of what `read` returns.
        read: reads it, as an array of its own. Raises UnreadableFileError if it is damaged.
        place: where the file holds its numbers, later for what was written later; None if unknown.

    Example:
        >>> array = StoredArray("kernel", (2, 3), np.dtype("f4"), lambda: np.zeros((2, 3), "f4"))
        >>> array.read().shape
        (2, 3)
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Array]
    place: int | None = None


@dataclass(frozen=True, eq=False)
class StoredKernel:
    """A kernel in a file.

    Attributes:
        name, layer_type, kind, trainable: as `Kernel` has them.
        shape: `(*spatial, channels, filters)`.
        read: reads the kernel, with its gain and its constraint where the file knows them.
        layer_name: the name of its layer alone; `""` if the file has no layers.
        names_in_file: how the file itself names it, with and without the path to it, where that
            differs.

    Example:
        >>> kernel = Kernel("conv", "Conv2D", np.zeros((3, 3, 1, 8)), kind="conv")
        >>> StoredKernel("conv", "Conv2D", (3, 3, 1, 8), lambda: kernel, "conv").has_window
        True
    """

    name: str
    layer_type: str
    shape: tuple[int, ...]
    read: Callable[[], Kernel]
    kind: str = "unknown"
    trainable: bool = True
    layer_name: str = ""
    names_in_file: tuple[str, ...] = ()

    @property
    def names(self) -> KernelNames:
        """All names that may stand for the kernel."""
        return KernelNames(self.name, self.layer_name, self.names_in_file)

    @property
    def has_window(self) -> bool:
        """True if filters have neighbouring taps; False for dense and 1x1 kernels."""
        return 0 not in self.shape and any(size > 1 for size in self.shape[:-2])


@dataclass(frozen=True, eq=False)
class ModelFile:
    """A file that holds a model or its weights, open for reading.

    Attributes:
        format: what kind of file it is, such as `"Keras 3 archive"`.
        kernels: in the order in which the model uses them, as far as the file tells.
        skipped: layer or array name -> why it is no kernel that can be scored.
        notes: in sentences, what the file does not tell and what that means for the scores.
        facts: what the file tells about the model; what it does not tell is empty.
        logs: numbers of the training that the file has, such as `"learning_rate"`.
        updates: updates that the optimizer has made; None if unknown.
        has_weights_alone: whether it is of a kind that never has the config of a model.
        channels_first: whether images are `(channels, height, width)` where the file comes from, as
            in PyTorch.

    Example:
        >>> ModelFile("NumPy archive", (), {"bias": "a bias"}).skipped
        {'bias': 'a bias'}
    """

    format: str
    kernels: tuple[StoredKernel, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: Collection[str] = ()
    facts: ModelFacts = field(default_factory=ModelFacts)
    logs: Mapping[str, float] = field(default_factory=dict)
    updates: int | None = None
    channels_first: bool = False
    has_weights_alone: bool = False
