"""One file per question about a kernel; arrays in, numbers out."""

from keras_filterwatch.metrics import (
    activity,
    appearance,
    dead,
    filterdb,
    motion,
    noise,
    redundancy,
    saturation,
)

__all__ = [
    "activity",
    "appearance",
    "dead",
    "filterdb",
    "motion",
    "noise",
    "redundancy",
    "saturation",
]
