"""A `Run` as the source of a picture: the kernels and the scores of one of its steps."""

from collections.abc import Callable
from typing import Any

from keras_filterwatch.scores import Scores


def is_run(source: Any) -> bool:
    """True for a finished training that `keras_filterwatch.read` returned."""
    return hasattr(type(source), "snapshot_at")


def source_at(source: Any, step: int | None, layer: Any = None) -> Any:
    """Returns what a picture is drawn from: of a `Run`, its kernels at a step.

    Args:
        source: as the pictures take it; any other than a `Run` is returned as it is.
        step: one of the run's steps; None for the last one.
        layer: as the pictures take it.

    Raises:
        ValueError: the run has no such step, or did not record the weights of the layer.
    """
    if not is_run(source):
        return source
    snapshot = source.snapshot if step is None else source.snapshot_at(step)
    if isinstance(layer, str) and all(kernel.name != layer for kernel in snapshot.kernels):
        source.kernels(layer, step)  # raises a ValueError that says which are recorded
    return snapshot


def recorded_scores(source: Any, step: int | None) -> Scores | None:
    """Returns the scores of a `Run` at a step, None for the last one; None of other sources."""
    if not is_run(source):
        return None
    scores: Scores = source.recorded_scores if step is None else source.scores_at(step)
    return scores


def check_is_no_run(function: Callable[..., Any], source: Any, remedy: str) -> None:
    """Raises ValueError if a `Run` came to a picture that needs more than recorded kernels.

    Args:
        function: the public function that was called.
        source: what came.
        remedy: what to pass instead.
    """
    if is_run(source):
        raise ValueError(
            f"{function.__name__}: a Run is the record of a training and has no model that could "
            f"return outputs, and no images. {remedy}"
        )
