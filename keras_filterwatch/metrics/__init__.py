"""One file per question about a kernel; arrays in, numbers out."""

from keras_filterwatch.metrics import dead, motion, noise

__all__ = ["dead", "motion", "noise"]
