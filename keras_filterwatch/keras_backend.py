"""The backend that Keras is to run on, and what to say if it is not installed."""

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}  # module -> its name


def configured_backend() -> tuple[str, str]:
    """Returns the backend that Keras looks for, and what says so.

    Keras reads `KERAS_BACKEND`, then `keras.json` in `KERAS_HOME` or `~/.keras`; without either it
    looks for TensorFlow.
    """
    backend = os.environ.get("KERAS_BACKEND")
    if backend:
        return backend, f"KERAS_BACKEND={backend}"
    home = os.environ.get("KERAS_HOME")
    file = (Path(home) if home else Path("~/.keras").expanduser()) / "keras.json"
    try:
        backend = json.loads(file.read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):  # Keras ignores a file that it cannot read
        backend = None
    if not backend or backend == "tensorflow":  # Keras writes its own choice into the file too
        return "tensorflow", "KERAS_BACKEND is not set"
    return str(backend), str(file)


def installed_backends() -> list[str]:
    """Returns the backends that are installed, by the names that KERAS_BACKEND takes."""
    return [module for module in _BACKENDS if importlib.util.find_spec(module)]


@contextmanager
def explains_missing_backend() -> Iterator[None]:
    """Says which backends there are where the import of Keras fails for want of its backend.

    Raises:
        ImportError: the backend that Keras looks for is not installed. Other errors, such as those
            of a backend that is installed and broken, stay as they are.

    Example:
        >>> with explains_missing_backend():
        ...     import json
    """
    try:
        yield
    except ImportError as error:
        backend, setting = configured_backend()
        missing = (error.name or "").partition(".")[0]
        if missing != backend or backend not in _BACKENDS or backend in installed_backends():
            raise  # the backend is broken, or something else is missing
        raise ImportError(_message(backend, setting), name=backend) from error


def _message(backend: str, setting: str) -> str:
    name = _BACKENDS[backend]
    problem = f"Keras looks for {name} ({setting}), which is not installed"
    installed = installed_backends()
    if installed:
        others = " and ".join(_BACKENDS[each] for each in installed)
        return (
            f"{problem}; {others} {'is' if len(installed) == 1 else 'are'}. Set "
            f"KERAS_BACKEND={installed[0]} before Python starts, or install {name}: pip install "
            f'"keras_filterwatch[{backend}]".'
        )
    return (
        f"{problem}, and neither is another backend of Keras. Install one: pip install "
        '"keras_filterwatch[tensorflow]", "keras_filterwatch[jax]" or "keras_filterwatch[torch]", '
        "and with the latter two set KERAS_BACKEND=jax or KERAS_BACKEND=torch."
    )
