"""Reads one checkpoint: its kernels, and what it tells about the model and the training."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from keras_filterwatch.files.open_file import open_file
from keras_filterwatch.files.stored import ModelFile, StoredKernel
from keras_filterwatch.kernel_names import matching_kernels
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.text import listed, suggestion

Shapes = Mapping[str, tuple[int, ...]]

_NOT_CHOSEN = "not among the chosen layers"  # as FilterWatch says it


class OtherKernelsError(ValueError):
    """A file with other kernels than those of the run; the message says which."""


class NoSuchLayerError(ValueError):
    """A choice of layers that no kernel of a file is meant by."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds of one step.

    Attributes:
        snapshot: the kernels that are watched.
        facts, logs, updates, notes: as `ModelFile` has them.
    """

    snapshot: Snapshot
    facts: ModelFacts = field(default_factory=ModelFacts)
    logs: Mapping[str, float] = field(default_factory=dict)
    updates: int | None = None
    notes: Collection[str] = ()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Kernel name -> shape."""
        return {kernel.name: kernel.array.shape for kernel in self.snapshot.kernels}


def read_checkpoint(
    path: Path,
    step: int,
    shapes: Shapes | None = None,
    architecture: str | os.PathLike[str] | None = None,
    layers: Sequence[str] | None = None,
    layout: str | None = None,
) -> Checkpoint:
    """Reads a checkpoint.

    Args:
        path: of the file.
        step: that it is of.
        shapes: name and shape of each kernel of the run; None for the first of its files.
        architecture, layout: as `open_file` takes them.
        layers: names or glob patterns of the kernels to read; None for all.

    Raises:
        OtherKernelsError: its kernels are not those of the run. No weight was read.
        NoSuchLayerError: no kernel is called as one of `layers` says.
        UnreadableFileError, OSError: it cannot be read, or has no kernel.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> path = Path(tempfile.mkdtemp(), "ckpt-3.npz")
        >>> np.savez(path, conv=np.ones((3, 3, 1, 8), "f4"))
        >>> read_checkpoint(path, 3).shapes
        {'conv': (3, 3, 1, 8)}
    """
    with open_file(path, architecture, layout) as file:
        kernels, skipped = _chosen(file, layers)
        if shapes is not None:
            difference = difference_in_words(shapes, {each.name: each.shape for each in kernels})
            if difference:
                raise OtherKernelsError(difference)
            by_name = {kernel.name: kernel for kernel in kernels}
            kernels = [by_name[name] for name in shapes]
        snapshot = Snapshot(step, tuple(kernel.read() for kernel in kernels), skipped)
        return Checkpoint(snapshot, file.facts, file.logs, file.updates, tuple(file.notes))


def difference_in_words(run: Shapes, file: Shapes) -> str:
    """Returns how the kernels of a file differ from those of the run; `""` if they do not.

    Example:
        >>> difference_in_words({"conv": (3, 3, 1, 8)}, {"head": (8, 2)})
        "it has no 'conv', and 'head' besides"
    """
    parts = []
    if missing := [name for name in run if name not in file]:
        parts.append(f"it has no {listed(missing, 3)}")
    if more := [name for name in file if name not in run]:
        parts.append(f"{listed(more, 3)} besides" if missing else f"it has {listed(more, 3)} too")
    parts += [
        f"{name!r} has shape {file[name]}, not {shape}"
        for name, shape in run.items()
        if name in file and file[name] != tuple(shape)
    ][:3]
    return ", and ".join(parts)


def _chosen(
    file: ModelFile, layers: Sequence[str] | None
) -> tuple[list[StoredKernel], dict[str, str]]:
    """Returns the kernels that a choice of layers asks for, and why others are skipped."""
    kernels, skipped = list(file.kernels), dict(file.skipped)
    if layers is None:
        return kernels, skipped
    names = [kernel.names for kernel in kernels]
    chosen: set[str] = set()
    for choice in layers:
        matching = matching_kernels(choice, names)
        if not matching:
            what = suggestion(choice, [kernel.name for kernel in kernels])
            raise NoSuchLayerError(f"--layers: no kernel is called {choice!r}; {what}.")
        chosen.update(matching)
    skipped |= {each.name: _NOT_CHOSEN for each in kernels if each.name not in chosen}
    return [kernel for kernel in kernels if kernel.name in chosen], skipped
