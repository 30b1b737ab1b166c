"""Pictures: each function takes a model, a callback or arrays, and returns a Pillow image.

All have one order of arguments: the source, the layer, then what else the picture needs. `movie`
writes a file: the source, the path, the layer. `overview` shows all layers, and takes none.
"""

from keras_filterwatch.draw.class_paths import class_paths
from keras_filterwatch.draw.components import components
from keras_filterwatch.draw.dense import path_templates
from keras_filterwatch.draw.evidence import evidence
from keras_filterwatch.draw.film_strip import film_strip
from keras_filterwatch.draw.filters import filters
from keras_filterwatch.draw.movie import movie
from keras_filterwatch.draw.overview import overview
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
    "movie",
    "overview",
    "path_templates",
    "templates",
]
