"""Pictures: each function takes a model, or arrays, and returns a Pillow image."""

from keras_filterwatch.draw.sheet import filters

__all__ = ["filters"]
