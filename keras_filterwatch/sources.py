"""What users pass, a model, a saved file, arrays or a snapshot, as a Snapshot."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Kernel, Snapshot


def snapshot_of(source: Any, layers: Any = None) -> Snapshot:
    """Returns the kernels of a source.

    Args:
        source: a Keras model, the path of one saved as `.keras` or `.h5`, a `Snapshot`, or a dict
            `{name: array}` of kernels with axes `(*spatial, channels, filters)`.
        layers: of a model, the layers to take; None for all. Other sources ignore it.

    Raises:
        TypeError, ValueError: the source is no model, has no weights yet, or is no kernel.
    """
    if isinstance(source, Snapshot):
        return source
    if isinstance(source, Mapping):
        kernels = [Kernel(str(name), "", np.asarray(array)) for name, array in source.items()]
        return Snapshot(0, tuple(kernels))
    from keras_filterwatch.model import find  # needs Keras, so only those who pass a model wait

    if isinstance(source, str | os.PathLike):
        source = find.load(source)
    return find.snapshot(source, layers=layers)
