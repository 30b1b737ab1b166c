"""Pictures: each function takes a model, or arrays, and returns a Pillow image."""

from keras_filterwatch.draw.components import components
from keras_filterwatch.draw.dense import class_paths, path_templates, templates
from keras_filterwatch.draw.evidence import evidence
from keras_filterwatch.draw.film import film_strip
from keras_filterwatch.draw.outputs import activations, favourites, inputs
from keras_filterwatch.draw.sheet import filters

__all__ = [
    "activations",
    "class_paths",
    "components",
    "evidence",
    "favourites",
    "film_strip",
    "filters",
    "inputs",
    "path_templates",
    "templates",
]
