"""The entry point of TensorBoard's tab "Filters": whatever is wrong here, TensorBoard starts.

TensorBoard imports this module whenever it starts, and would stop at any error. So it imports
nothing but what TensorBoard has, and all else when the tab is made.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """Returns the class `FiltersLoader`, which needs tensorboard, when TensorBoard asks for it."""
    if name == "FiltersLoader":
        return _loader()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def _loader() -> Any:
    from tensorboard.plugins import base_plugin

    class FiltersLoader(base_plugin.TBLoader):
        """Makes the tab; where that fails, TensorBoard has none, and its log says why."""

        def load(self, context: Any) -> Any:
            try:
                from keras_filterwatch.view.tensorboard_plugin import FiltersPlugin

                return FiltersPlugin(context)
            except Exception as error:
                import logging

                logging.getLogger("tensorboard").error(
                    "keras_filterwatch: the tab Filters cannot be shown (%s: %s). All else in "
                    "TensorBoard works. Installing keras_filterwatch anew may help.",
                    type(error).__name__,
                    error,
                )
                return None

    return FiltersLoader
