"""Does the loss reach it? The gradient of the probe's loss by the kernel's weights."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import (
    Floats,
    euclidean_norms,
    overflows_float32,
    precision,
)
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

DESCRIPTIONS = {
    "gradient": "Norm of the gradient of the probe's loss: near 0 the layer cannot learn.",
}


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures `gradient`, of the layer and of each filter, `(filters,)`; nothing without targets.

    It is the Euclidean norm of the gradient of the probe's mean loss by the kernel. Compare it
    between layers and with its own past: it has the unit of the loss by that of the weights. Norms
    that fall by orders of magnitude towards the input vanish, norms that rise so explode (Glorot &
    Bengio 2010). NaN where the gradient is not finite.
    """
    if facts.gradient is None:
        return {}
    norms = gradient_norms(facts.gradient)
    return {"gradient": Measurement(float(np.sqrt(np.square(norms).sum())), norms)}


def gradient_norms(gradient: Array) -> Floats:
    """Returns the norms of the filters' gradients, `(filters,)`, however small they are.

    Example:
        >>> import numpy as np
        >>> gradient_norms(np.array([[3e-30, 0.0], [4e-30, 0.0]]))
        array([5.e-30, 0.e+00])
    """
    norms = euclidean_norms(gradient)
    if precision(gradient) == np.float32 and overflows_float32(gradient, norms):
        return euclidean_norms(gradient.astype(np.float64))
    return norms
