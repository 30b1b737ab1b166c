"""Which kernels a name or a glob pattern means: arguments such as `layers` and `window`."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple


class KernelNames(NamedTuple):
    """All names of one kernel.

    Attributes:
        name: the kernel's name, unique in its model.
        layer_name: the name of its layer alone, without the path to it; `""` if unknown.
        keras_names: what Keras calls the kernel's layer, with and without the path to it.
    """

    name: str
    layer_name: str = ""
    keras_names: tuple[str, ...] = ()


def matching_kernels(choice: str, kernels: Iterable[KernelNames]) -> list[str]:
    """Returns the names of the kernels that a name, the name of a block or a pattern means.

    Where Keras's name of one layer is the name of another one here, the name here counts.

    Example:
        >>> first = KernelNames("dense", "dense", ("dense_1",))
        >>> second = KernelNames("dense_1", "dense_1", ("dense_2",))
        >>> matching_kernels("dense_1", [first, second])
        ['dense_1']
        >>> matching_kernels("dense_2", [first, second])
        ['dense_1']
        >>> matching_kernels("dense*", [first, second])
        ['dense', 'dense_1']
    """
    kernels = list(kernels)
    by_keras = [each.name for each in kernels if _is_named(choice, each.keras_names)]
    by_name = [each.name for each in kernels if _is_named(choice, (each.name, each.layer_name))]
    return by_name or by_keras or [each.name for each in kernels if _has_pattern(choice, each)]


def _is_named(choice: str, names: tuple[str, ...]) -> bool:
    """Returns True for a name of a kernel, and for that of a layer, block or module around it."""
    return choice in names or any(name.startswith((f"{choice}/", f"{choice}.")) for name in names)


def _has_pattern(pattern: str, kernel: KernelNames) -> bool:
    names = (kernel.name, kernel.layer_name, *kernel.keras_names)
    return any(fnmatchcase(name, pattern) for name in names)
