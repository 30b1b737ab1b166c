"""What the other callbacks of a fit mean for FilterWatch: who stands too early, who saves."""

import inspect
from typing import Any

import keras

LOGGED = ("filter_noise", "dead_filters")  # what FilterWatch adds to the logs of an epoch
_FRAMES = 10  # above FilterWatch's own; classes derived from it and wrappers may add some


def misplaced_callbacks(callback: keras.callbacks.Callback) -> list[str]:
    """Returns what is wrong with callbacks that stand before this one and need what it logs.

    Keras gives a callback no list of the others. But it is a `CallbackList` that calls the methods
    of a callback, so the list is known from the stack. Where there is none, as in a training loop
    that calls callbacks by itself, the result is empty.

    Args:
        callback: the FilterWatch, in one of the methods that Keras calls.
    """
    callbacks = _callbacks(callback)
    before = callbacks[: callbacks.index(callback)] if callbacks else []
    return [
        f"{type(other).__name__} uses {name!r} but stands before FilterWatch in the list of "
        "callbacks"
        for other in before
        for name in LOGGED
        if _uses(other, name)
    ]


def has_backup(callback: keras.callbacks.Callback) -> bool:
    """Returns True if a BackupAndRestore saves the weights from which a training goes on.

    Args:
        callback: the FilterWatch, in one of the methods that Keras calls.
    """
    kind = keras.callbacks.BackupAndRestore
    return any(isinstance(other, kind) for other in _callbacks(callback))


def _callbacks(callback: keras.callbacks.Callback) -> list[Any]:
    """Returns the callbacks that Keras calls, this one among them; none if they are not known."""
    frame = inspect.currentframe()
    for _ in range(_FRAMES):
        if frame is None:
            break
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return list(caller.callbacks)
        frame = frame.f_back
    return []


def _uses(callback: Any, name: str) -> bool:
    """Returns True if a callback monitors a score, or has it in the names of its files."""
    path = getattr(callback, "filepath", None)
    return getattr(callback, "monitor", None) == name or f"{{{name}" in str(path or "")
