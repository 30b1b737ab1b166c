"""Pictures: each function takes a model, or arrays, and returns a Pillow image.

All have one order of arguments: the source, the layer, then what else the picture needs.
"""

from keras_filterwatch.draw.class_paths import class_paths
from keras_filterwatch.draw.components import components
from keras_filterwatch.draw.dense import path_templates
from keras_filterwatch.draw.evidence import evidence
from keras_filterwatch.draw.film_strip import film_strip
from keras_filterwatch.draw.filters import filters
from keras_filterwatch.draw.responses import activations, favourites, inputs
from keras_filterwatch.draw.templates import templates

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
