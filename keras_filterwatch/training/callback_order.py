"""Finds callbacks that use scores of FilterWatch but stand before it, and so do not get them."""

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
    return [
        f"{type(other).__name__} uses {name!r} but stands before FilterWatch in the list of "
        "callbacks"
        for other in _callbacks_before(callback)
        for name in LOGGED
        if _uses(other, name)
    ]


def _callbacks_before(callback: keras.callbacks.Callback) -> list[Any]:
    """Returns the callbacks that Keras calls before this one."""
    frame = inspect.currentframe()
    for _ in range(_FRAMES):
        if frame is None:
            break
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList) and callback in caller.callbacks:
            return list(caller.callbacks[: caller.callbacks.index(callback)])
        frame = frame.f_back
    return []


def _uses(callback: Any, name: str) -> bool:
    """Returns True if a callback monitors a score, or has it in the names of its files."""
    path = getattr(callback, "filepath", None)
    return getattr(callback, "monitor", None) == name or f"{{{name}" in str(path or "")
