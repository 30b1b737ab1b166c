"""Numbers in the configs of saved models: anything may stand where a number belongs."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_LARGEST = 3e38  # of float32, about


def plain_number(value: Any) -> float | None:
    """Returns a finite number as it is; None for other values.

    Example:
        >>> plain_number(1), plain_number(float("nan")), plain_number(True)
        (1.0, None, None)
    """
    if isinstance(value, Mapping):  # of NumPy, as Keras 3 writes it
        config = value.get("config")
        value = config.get("value") if isinstance(config, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= _LARGEST and math.isfinite(value) else None


def number(value: Any) -> float | None:
    """Returns a finite number, as the shortest that is the same in float32; None for other values.

    So a learning rate is 0.1, not 0.10000000149.

    Example:
        >>> number(0.10000000149011612), number("0.1"), number(None)
        (0.1, None, None)
    """
    plain = plain_number(value)
    return None if plain is None else float(str(np.float32(plain)))
