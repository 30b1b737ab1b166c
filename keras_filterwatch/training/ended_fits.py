"""Fits that ended by an error, which Keras tells no callback: others may have their folders."""

import sys
from collections.abc import Callable
from types import FrameType
from weakref import WeakKeyDictionary

import keras

_RELEASE: "WeakKeyDictionary[keras.callbacks.Callback, Callable[[], None]]" = WeakKeyDictionary()


def release_after_error(callback: keras.callbacks.Callback, release: Callable[[], None]) -> None:
    """Calls `release` when another fit begins and this one has ended without `on_train_end`.

    Nothing is done about a loop of the user's own that calls callbacks without a `CallbackList`.

    Args:
        callback: the one whose fit begins, in one of the methods that Keras calls.
        release: lets go of what the fit keeps from others; must not refer to the callback.
    """
    for other, release_other in list(_RELEASE.items()):
        if other is not callback and not is_called(other):
            del _RELEASE[other]
            release_other()
    if is_called(callback):
        _RELEASE[callback] = release


def is_called(callback: keras.callbacks.Callback) -> bool:
    """Returns True if a `CallbackList` with this callback is in use in any thread."""
    return any(_uses(frame, callback) for frame in sys._current_frames().values())


def _uses(frame: FrameType | None, callback: keras.callbacks.Callback) -> bool:
    while frame is not None:
        for value in frame.f_locals.values():
            # the type, since asking some objects for their class loads a module
            is_list = issubclass(type(value), keras.callbacks.CallbackList)
            if is_list and callback in value.callbacks:
                return True
        frame = frame.f_back
    return False
