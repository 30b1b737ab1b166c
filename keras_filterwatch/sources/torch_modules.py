"""A `torch.nn.Module` as a Snapshot: the kinds of its modules say how their axes are ordered.

PyTorch is not imported: whoever passes a module has done that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.sources.array_layouts import TORCH, arranged, layout_of_rank
from keras_filterwatch.sources.arrays import EMBEDDING
from keras_filterwatch.sources.frameworks import torch_to_numpy
from keras_filterwatch.text import described

# class of torch.nn -> how a module of it, or of a class derived from it, uses its weight
_KINDS = {
    **dict.fromkeys(("Conv1d", "Conv2d", "Conv3d"), "conv"),
    **dict.fromkeys(("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"), "transposed"),
    "Linear": "dense",
    "MultiheadAttention": "attention",
}
_REASONS = {  # class of torch.nn -> why its weights are no kernels
    **dict.fromkeys(("RNNBase", "RNNCellBase"), "recurrent: its kernel holds gates, not filters"),
    **dict.fromkeys(("Embedding", "EmbeddingBag"), EMBEDDING),
    "Bilinear": "it multiplies two inputs: its weights are no filters of either",
}


def snapshot_of_module(module: Any) -> Snapshot:
    """Returns the kernels of a PyTorch module, in the order in which its parts were registered.

    The names are those of PyTorch, such as `layer1.0.conv1`. The gains of BatchNormalizations are
    not known, since only a run shows what they follow.

    Raises:
        ValueError: the module has no kernels.
    """
    kernels: list[Kernel] = []
    skipped: dict[str, str] = {}
    for name, part in module.named_modules():
        if "ParametrizationList" in _torch_classes(part):  # it is a part of a weight
            continue
        name = name or type(part).__name__
        try:
            new_kernels = list(_kernels(name, part))
            reason = "" if new_kernels else _why_no_kernel(part)
        except Exception as error:  # modules of the user's own, and tensors that cannot be read
            new_kernels = []
            why = str(error) if isinstance(error, ValueError) else described(error)
            reason = f"its kernel cannot be read: {why}"
        kernels += new_kernels
        if reason:
            skipped[name] = reason
    if not kernels:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:8])
        raise ValueError(
            f"this {type(module).__name__} has no kernels: {reasons or 'it has no parameters'}."
        )
    return Snapshot(0, tuple(kernels), skipped)


def _kernels(name: str, module: Any) -> Iterator[Kernel]:
    """Yields the kernels that a module holds itself."""
    kind = next((_KINDS[each] for each in _torch_classes(module) if each in _KINDS), "")
    attributes = ["weight"] if kind else []
    if kind == "attention":
        kind, attributes = "dense", ["in_proj_weight"]
        if module.in_proj_weight is None:  # keys or values have another size than queries
            attributes = ["q_proj_weight", "k_proj_weight", "v_proj_weight"]
    parameters = dict(module.named_parameters(recurse=False))
    for attribute in attributes:
        with _unchanged_parametrizations(module):
            array = torch_to_numpy(getattr(module, attribute))
        if kind == "transposed":
            array = _transposed(array, module.groups)
        else:
            array = arranged(array, layout_of_rank(TORCH, array.ndim))
        is_depthwise = kind == "conv" and module.groups > 1 and array.shape[-2] == 1
        own = [parameters[attribute]] if attribute in parameters else module.parameters()
        yield Kernel(
            name if attribute == "weight" else f"{name}.{attribute}",
            _class_name(module),
            array,
            trainable=any(parameter.requires_grad for parameter in own),
            kind="depthwise" if is_depthwise else kind,
        )


@contextmanager
def _unchanged_parametrizations(module: Any) -> Iterator[None]:
    """Keeps what a weight is computed from as it is: spectral normalisation would refine it."""
    parts = [*module.parametrizations.modules()] if hasattr(module, "parametrizations") else []
    modes = [part.training for part in parts]
    for part in parts:
        part.training = False
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode


def _transposed(array: Array, groups: int) -> Array:
    """Returns `(channels, filters / groups, *spatial)` as `(*spatial, channels / groups, filters)`.

    Each group of filters reads its own channels.
    """
    grouped = array.reshape(groups, -1, *array.shape[1:])
    spatial = range(3, grouped.ndim)
    ordered = grouped.transpose(*spatial, 1, 0, 2)
    return ordered.reshape(*ordered.shape[:-2], -1)


def _torch_classes(module: Any) -> list[str]:
    """Returns the names of those classes of a module that PyTorch ships, the nearest first."""
    classes = type(module).__mro__
    return [each.__name__ for each in classes if each.__module__.startswith("torch.nn.")]


def _class_name(module: Any) -> str:
    """Returns the class of a module as users know it: PyTorch has classes of its own behind it."""
    if type(module).__module__.startswith("torch."):
        return next(name for name in _torch_classes(module) if name in _KINDS)
    return type(module).__name__


def _why_no_kernel(module: Any) -> str:
    """Returns why a module that holds parameters has no kernel; `""` if it holds none."""
    for name in _torch_classes(module):
        if name in _REASONS:
            return _REASONS[name]
    if "quantized" in type(module).__module__:
        return f"{type(module).__name__} is quantised"
    parameters = dict(module.named_parameters(recurse=False))
    if not parameters:
        return ""
    shapes = ", ".join(f"{name} {tuple(each.shape)}" for name, each in parameters.items())
    if all(each.ndim < 2 for each in parameters.values()):
        return f"{type(module).__name__} has no kernel, only {', '.join(parameters)}"
    return (
        f"how the axes of its parameters are ordered is not known: {shapes}. Pass the state dict "
        "with their layout"
    )
