"""Pictures: each function takes a model, or arrays, and returns a Pillow image."""

from keras_filterwatch.draw.components import components
from keras_filterwatch.draw.film import film_strip
from keras_filterwatch.draw.sheet import filters

__all__ = ["components", "film_strip", "filters"]
