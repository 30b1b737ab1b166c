"""Which framework an object belongs to, by the names of its classes: none is imported."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array


def _class_names(value: Any) -> Iterator[tuple[str, str]]:
    """Yields module and name of each class that a value is an instance of."""
    for each in type(value).__mro__:
        yield str(each.__module__), each.__name__


def is_keras_layer(value: Any) -> bool:
    """Returns True for a model or layer of Keras; on PyTorch it is a `torch.nn.Module` too.

    Example:
        >>> is_keras_layer({"conv": [[1.0]]})
        False
    """
    return any(
        name == "Layer" and module.partition(".")[0] == "keras"
        for module, name in _class_names(value)
    )


def is_torch_module(value: Any) -> bool:
    """Returns True for a `torch.nn.Module` that is no Keras layer."""
    is_module = ("torch.nn.modules.module", "Module") in _class_names(value)
    return is_module and not is_keras_layer(value)


def is_torch_tensor(value: Any) -> bool:
    """Returns True for a tensor or parameter of PyTorch."""
    return ("torch", "Tensor") in _class_names(value)


def torch_to_numpy(tensor: Any) -> Array:
    """Returns a tensor of PyTorch as an array; it shares the tensor's memory where that can be.

    Raises:
        ValueError: the tensor is sparse, quantised, on the device "meta" or not initialised.
    """
    if type(tensor).__name__.startswith("Uninitialized"):
        raise ValueError("it has no weights yet: send a batch through the module")
    for is_other, what in (
        (tensor.is_quantized, "quantised"),
        (str(tensor.layout) != "torch.strided", "sparse"),
        (tensor.is_meta, "on the device 'meta', without numbers"),
    ):
        if is_other:
            raise ValueError(f"it is {what}")
    tensor = tensor.detach().cpu()
    try:
        return np.asarray(tensor)
    except TypeError:  # NumPy has no such dtype, as bfloat16
        return np.asarray(tensor.float())


def check_is_keras_3(model: Any) -> None:
    """Raises TypeError if a model or layer is of Keras 2, such as one of tf_keras.

    Example:
        >>> check_is_keras_3("conv2d")  # no model of Keras 2, so nothing is said
    """
    for module, name in _class_names(model):
        package = _keras_2_package(module)
        if package and name in ("Layer", "Module", "Model"):
            raise TypeError(
                f"a Keras 3 model is needed; this {type(model).__name__} is one of {package} "
                "(Keras 2). Make and train it with `import keras`, and with `tf.keras` only where "
                "TF_USE_LEGACY_KERAS is not set. fw.score and fw.draw take the kernels of this one "
                "as arrays: {weight.name: weight.numpy() for weight in model.weights}."
            )


def _keras_2_package(module: str) -> str:
    """Returns how users call the package of Keras 2 that a module belongs to; else `""`."""
    if module.partition(".")[0] == "tf_keras":
        return "tf_keras"
    if module.startswith("tensorflow.python.keras."):
        return "tensorflow.python.keras"
    return "keras 2" if module.startswith(("keras.engine.", "keras.src.engine.")) else ""
