"""Pictures: each function takes a model, or arrays, and returns a Pillow image."""

from keras_filterwatch.draw.components import components
from keras_filterwatch.draw.dense import class_paths, path_templates, templates
from keras_filterwatch.draw.evidence import evidence
from keras_filterwatch.draw.film import film_strip
from keras_filterwatch.draw.filter_sheet import filters
from keras_filterwatch.draw.responses import activations, favourites, inputs

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
