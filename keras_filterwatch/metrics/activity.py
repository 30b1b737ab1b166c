"""What do its units do? Their outputs for probe inputs, after their non-linearity."""

from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats

_SATURATED = 0.9  # mean distance from the middle of a bounded range; .5 is evenly spread


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of a layer's units over probe inputs and positions, each array `(units,)`.

    Attributes:
        count: outputs of each unit.
        zeros: how many of them are zero.
        total: their sum.
        squares: the sum of their squares.
        bounds: the range of the non-linearity, such as `(-1, 1)`; None if it has none.
        outward: where it has one, the sum of the outputs' distances from its middle, 1 at a rail.
    """

    count: int
    zeros: Array
    total: Array
    squares: Array
    bounds: tuple[float, float] | None = None
    outward: Array | None = None


def measure(outputs: Outputs) -> tuple[dict[str, float], dict[str, Floats]]:
    """The layer's numbers and the same per unit, `(units,)`.

    `apoz`: share of zeros (Hu et al. 2016), the layer's sparsity; healthy deep layers reach .9.
    `dead_units`: those that are zero for every input at every position; 0 is good.
    `saturated_units`: of bounded non-linearities, those whose outputs stay near the rails: their
    mean distance from the middle (Rakitianskaia & Engelbrecht 2015, whose bins, being of one sign
    each, cancel out) is above .9; it is .5 if evenly spread, .350/.557/.742/.890 for tanh of
    normal numbers of size .5/1/2/5. `activation_mean`, `activation_std`: their size.
    """
    count = outputs.count or np.nan
    mean = np.asarray(outputs.total, np.float64) / count
    spread = np.asarray(outputs.squares, np.float64) / count - np.square(mean)
    units = {
        "apoz": np.asarray(outputs.zeros, np.float64) / count,
        "dead_units": (np.asarray(outputs.zeros) >= count).astype(np.float64),
        "activation_mean": mean,
        "activation_std": np.sqrt(np.maximum(spread, 0)),
    }
    if outputs.outward is not None:
        away = np.asarray(outputs.outward, np.float64) / count
        units["saturated_units"] = (away > _SATURATED).astype(np.float64)
    with np.errstate(all="ignore"):
        return {name: float(each.mean()) for name, each in units.items() if each.size}, units
