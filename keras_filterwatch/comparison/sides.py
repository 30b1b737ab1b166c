"""ComparedSource: one of the two networks that `compare` compares, its scores and its kernels."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_filterwatch.files.open_file import is_model_folder, looks_like_file
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import score
from keras_filterwatch.sources import shared_snapshot_of

_STEP = ", "  # between the place of a training and a step of it, in a name


@dataclass(frozen=True, eq=False)
class ComparedSource:
    """A network at one step: its scores, and those of its kernels whose weights are known.

    Attributes:
        name: what it is called in texts; `""` if it has no name of its own.
        scores: of all its watched layers.
        kernels: layer name -> its kernel. Of a training that was read back only layers that were
            drawn are here, with their first filters.
        is_recorded: True if the weights come from a record, in 8 bits each.
        training: what tells trainings apart: two sources of one training have the same; None if
            the source is no training.
        is_start: True if it is the first step of its training.
    """

    name: str
    scores: Scores
    kernels: Mapping[str, Kernel]
    is_recorded: bool = False
    training: object = None
    is_start: bool = False


def compared_sources(
    a: Any,
    b: Any,
    steps: tuple[int, int] | None,
    layout: str | Mapping[str, str] | None,
    window: Mapping[str, Window] | None,
) -> tuple[ComparedSource, ComparedSource]:
    """Returns both sources of a comparison; the arguments are those of `compare`.

    Raises:
        TypeError, ValueError: as `compare`.
    """
    a = _opened(a)
    if b is None and not _is_training(a):
        raise TypeError(
            f"compare: one {type(a).__name__} came, which has a single step: pass a second source, "
            "such as fw.compare(before, after). A Run or a FilterWatch alone is compared with its "
            "own start."
        )
    b = a if b is None else _opened(b)
    if steps is None:
        first = a.history[0].step if b is a and _is_training(a) and a.history else None
        steps_of_sources: tuple[int | None, int | None] = first, None
    else:
        steps_of_sources = _checked(steps)
        for each in (a, b):
            if not _is_training(each):
                raise ValueError(
                    f"steps: {type(each).__name__} has a single step; steps=(a, b) are those of "
                    "trainings: of a Run, which fw.read returns, or of a FilterWatch."
                )
    of_steps = zip((a, b), steps_of_sources, strict=True)
    source_a, source_b = (_source(each, step, layout, window) for each, step in of_steps)
    return source_a, source_b


def checked_names(names: Any, a: ComparedSource, b: ComparedSource) -> tuple[str, str]:
    """Returns what two sources are called: `names`, or their own, or else `"a"` and `"b"`.

    Raises:
        TypeError: `names` are no pair of texts.
    """
    if names is not None:
        if not isinstance(names, tuple | list) or [type(name) for name in names] != [str, str]:
            raise TypeError(
                f"names: two texts are needed, such as names=('before', 'after'); got {names!r}."
            )
        return names[0], names[1]
    if not a.name or not b.name or a.name == b.name:
        return "a", "b"
    training, separator, _ = a.name.rpartition(_STEP)
    # of two steps of one training, the second needs no place
    return a.name, b.name.removeprefix(training + separator) if separator else b.name


def _opened(source: Any) -> Any:
    """Returns the training that a path leads to; any other source as it is."""
    if not isinstance(source, str | os.PathLike):
        return source
    if _is_model_file(os.fspath(source)):
        return source
    from keras_filterwatch.runs import read  # it needs Pillow, and only folders need it

    return read(source)


def _is_model_file(path: str) -> bool:
    """Returns True for a saved model or weights, False for the folder of a training."""
    if Path(path).is_dir():
        return is_model_folder(Path(path))
    return "://" not in path and looks_like_file(path)


def _is_training(source: Any) -> bool:
    """True for a Run and a FilterWatch, which have a history."""
    return hasattr(type(source), "history") and hasattr(type(source), "film_strips")


def _checked(steps: Any) -> tuple[int, int]:
    """Returns two steps. Raises TypeError if they are not two whole numbers."""
    try:
        first, second = steps
        return int(first.__index__()), int(second.__index__())
    except (TypeError, ValueError, AttributeError):
        raise TypeError(
            f"steps: two whole numbers are needed, such as steps=(0, 10); got {steps!r}."
        ) from None


def _source(
    source: Any,
    step: int | None,
    layout: str | Mapping[str, str] | None,
    window: Mapping[str, Window] | None,
) -> ComparedSource:
    if _is_training(source):
        if layout is not None or window is not None:
            raise ValueError(
                "layout, window: a training has its own; they are for dicts of arrays and models."
            )
        return _of_training(source, step)
    # only dicts have a layout, and the other source may be one
    snapshot = shared_snapshot_of(
        source, layout=layout if isinstance(source, Mapping) else None, window=window
    )
    kernels = {kernel.name: kernel for kernel in snapshot.kernels}
    return ComparedSource(_name(source), score(snapshot), kernels)


def _of_training(training: Any, step: int | None) -> ComparedSource:
    """Returns a Run or a FilterWatch at one of its steps, the last one if it is None."""
    is_run = hasattr(type(training), "snapshot_at")
    steps = training.steps if is_run else [scores.step for scores in training.history]
    if not steps:
        raise ValueError(f"this {type(training).__name__} has no step yet: nothing was watched.")
    step = steps[-1] if step is None else step
    if step not in steps:
        raise ValueError(
            f"steps: {step} is not among the {len(steps)} steps of this "
            f"{type(training).__name__}, from {steps[0]} to {steps[-1]}."
        )
    snapshot = training.snapshot_at(step) if is_run else _last_snapshot(training, step)
    location = training.location if is_run else ""
    unit = training.unit if is_run else "step"
    return ComparedSource(
        _STEP.join(filter(None, (_without_folder(location), f"{unit} {step}"))),
        training.scores_at(step) if is_run else training.history[steps.index(step)],
        {kernel.name: kernel for kernel in snapshot.kernels},
        is_recorded=is_run,
        training=location or id(training),
        is_start=step == steps[0],
    )


def _last_snapshot(watch: Any, step: int) -> Snapshot:
    """Returns the kernels of a FilterWatch if they are those of this step, or else none."""
    try:
        snapshot: Snapshot = watch.snapshot
    except ValueError:  # a copy has the scores alone
        return Snapshot(step, ())
    return snapshot if snapshot.step == step else Snapshot(step, ())


def _without_folder(location: str) -> str:
    """Returns the `log_dir` of a run, which people know, for the folder in it."""
    return location.removesuffix("/").removesuffix("/filterwatch")


def _name(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    if isinstance(source, Snapshot):
        return f"step {source.step}"
    name = "" if isinstance(source, Mapping) else getattr(source, "name", "")
    return name if isinstance(name, str) else ""
