"""Names of layers without the counter that Keras adds for each model made before in the process."""

from collections.abc import Iterable, Mapping

import keras

from keras_filterwatch.layer_numbers import without_counter


def layer_names(layers: Iterable[keras.Layer]) -> dict[int, str]:
    """Returns the identity of each layer of a model -> its name.

    Keras names a layer by its class, and counts the layers of a process: a second model begins with
    `conv2d_3` where the first has `conv2d`. Here the layers of each class are counted anew in each
    model, in the order in which they were made. Other names stay, also those with a number that
    Keras has not come to in this process.

    Args:
        layers: all layers of a model, and the model itself.

    Example:
        >>> parts = [keras.layers.Dense(2), keras.layers.Dense(2), keras.layers.ReLU(name="end")]
        >>> list(layer_names(parts).values())
        ['dense', 'dense_1', 'end']
    """
    layers = list({id(layer): layer for layer in layers}.values())
    named_by_keras = _named_by_keras()
    names = without_counter(
        [(layer.name, type(layer).__name__) for layer in layers],
        lambda begin, number: number < named_by_keras.get(begin, 0),
    )
    return dict(zip(map(id, layers), names, strict=True))


def _named_by_keras() -> Mapping[str, int]:
    """Returns the begin of a name -> how many layers Keras has named so in this process."""
    try:
        from keras.src.backend.common import global_state

        return dict(global_state.get_global_attribute("object_name_uids") or {})
    except Exception:  # another version of Keras may count in another place: then all names stay
        return {}
