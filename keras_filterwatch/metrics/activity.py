"""What do its units do? Their outputs for probe inputs, after their non-linearity."""

from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

DESCRIPTIONS = {
    "apoz": "Share of zeros in the units' outputs: healthy deep layers reach .9.",
    "dead_units": "Share of the units that are zero for every probe input: 0 is good.",
    "saturated_units": "Share of the units whose outputs stay at a rail: 0 is good.",
    "activation_mean": "Mean output of the units for the probe inputs.",
    "activation_std": "Standard deviation of each unit's outputs, mean over the units.",
    "observations": "Outputs of each unit for the probe: inputs times positions.",
}
_SATURATED = 0.9  # mean distance from the middle of a bounded range; .5 is evenly distributed


@dataclass(frozen=True, eq=False)
class Outputs:
    """The outputs of a layer's units over probe inputs and positions, each array `(units,)`.

    Attributes:
        count: how many outputs each unit had.
        zeros: how many of them are zero.
        total: their sum.
        squares: the sum of their squares.
        bounds: the range of the non-linearity, such as `(-1, 1)`; None if it has none.
        outward: where it has one, the sum of the outputs' distances from its middle, each 1 at an
            end of the range.
    """

    count: int
    zeros: Array
    total: Array
    squares: Array
    bounds: tuple[float, float] | None = None
    outward: Array | None = None


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures all of this file, of the layer and of each unit, `(units,)`; nothing without probe.

    `apoz`: share of zeros (Hu et al. 2016); healthy deep layers reach .9. `dead_units`: those that
    are zero for every input at every position; 0 is good. `saturated_units`: of bounded
    non-linearities, those whose outputs stay near the ends of the range: their mean distance from
    the middle (Rakitianskaia & Engelbrecht 2015, whose bins, being of one sign each, cancel out)
    is above .9; it is .5 if evenly distributed, .350/.557/.742/.890 for tanh of normal numbers of
    size .5/1/2/5. `activation_mean`, `activation_std`: mean and standard deviation of the outputs.
    `observations`, of the layer only: how many outputs of each unit these were computed from.
    """
    outputs = facts.outputs
    if outputs is None:
        return {}
    count = outputs.count or np.nan
    mean = np.asarray(outputs.total, np.float64) / count
    variance = np.asarray(outputs.squares, np.float64) / count - np.square(mean)
    units = {
        "apoz": np.asarray(outputs.zeros, np.float64) / count,
        "dead_units": (np.asarray(outputs.zeros) >= count).astype(np.float64),
        "activation_mean": mean,
        "activation_std": np.sqrt(np.maximum(variance, 0)),
    }
    if outputs.outward is not None:
        distance = np.asarray(outputs.outward, np.float64) / count
        units["saturated_units"] = (distance > _SATURATED).astype(np.float64)
    measurements = {
        name: Measurement(float(values.mean()) if values.size else np.nan, values)
        for name, values in units.items()
    }
    return measurements | {"observations": Measurement(float(outputs.count))}
