"""What FilterWatch accepts: each argument checked, with what came, why not, and what to do."""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

from keras_filterwatch.draw.catalogue import NAMES, NEED_PROBE, USUAL
from keras_filterwatch.rules import Rule, default_rules
from keras_filterwatch.scores import MEASURES
from keras_filterwatch.scoring import Metric
from keras_filterwatch.text import suggestion


def local_directory(log_dir: str | os.PathLike[str]) -> Path:
    """A directory that events can be written below; nothing is made yet."""
    if "://" in os.fspath(log_dir):
        raise ValueError(
            f"log_dir {log_dir!r} is not on this machine: log to a local directory, and copy "
            "<log_dir>/filterwatch from there."
        )
    log_dir = Path(log_dir).expanduser()
    target = log_dir / "filterwatch"
    there = next(path for path in (target, *target.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ValueError(f"log_dir {str(log_dir)!r}: {there} is a file, a directory is needed.")
    if not os.access(there, os.W_OK):
        raise ValueError(f"log_dir {str(log_dir)!r}: no permission to write in {there}.")
    return log_dir


def batches_between(freq: str | int) -> int:
    """How many batches between two looks; 0 for once an epoch."""
    if freq == "epoch":
        return 0
    if isinstance(freq, Integral) and not isinstance(freq, bool) and freq > 0:
        return int(freq)
    raise ValueError(f'freq must be "epoch" or a positive number of batches; got {freq!r}.')


def pictures(images: bool | str | Iterable[str], probed: bool) -> tuple[str, ...]:
    """Names of the pictures wanted."""
    if isinstance(images, bool):
        return USUAL if images else ()
    if not isinstance(images, Iterable):
        raise TypeError(f"images: True, False or names of pictures are needed; got {images!r}.")
    wanted = (images,) if isinstance(images, str) else tuple(images)
    for name in wanted:
        if name not in NAMES:
            raise ValueError(f"images: no picture is called {name!r}; {suggestion(name, NAMES)}.")
        if name in NEED_PROBE and not probed:
            raise ValueError(f"images: {name!r} shows what units do for inputs: give probe=inputs.")
    return wanted


def extra_metrics(metrics: Mapping[str, Metric]) -> dict[str, Metric]:
    """Scores of the user's own, under names of their own."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics: a dict name -> function is needed; got {metrics!r}.")
    functions("metrics", metrics.values())
    taken = sorted(name for name in metrics if name.removesuffix("_per_filter") in MEASURES)
    if taken:
        raise ValueError(f"metrics: {taken} are scores already; choose other names.")
    taken = sorted(set(metrics) & set(NAMES))
    if taken:
        raise ValueError(f"metrics: {taken} are pictures already; choose other names.")
    return dict(metrics)


def functions(what: str, given: Iterable[Any]) -> list[Any]:
    """What came, as a list."""
    several = list(given)
    for one in several:
        if not callable(one):
            raise TypeError(f"{what}: {one!r} is not a function.")
    return several


def rules_to_stop_on(stop_on: str | Iterable[str], followed: list[Rule]) -> tuple[str, ...]:
    """Rules whose alarms end training, among those that are followed."""
    names = (stop_on,) if isinstance(stop_on, str) else tuple(stop_on)
    there_are = [rule_name(rule) for rule in followed]
    homes = {getattr(_unwrapped(rule), "__module__", "") for rule in followed}
    for name in names:
        # rules of the user's own may raise alarms under any name
        if name not in there_are and homes <= {default_rules.__module__}:
            raise ValueError(f"stop_on: no rule is called {name!r}; there are {there_are}.")
    return names


def rule_name(function: Any) -> str:
    """A rule's name: that of its function."""
    function = _unwrapped(function)
    return str(getattr(function, "__name__", function))


def _unwrapped(function: Any) -> Any:
    return _unwrapped(function.func) if isinstance(function, partial) else function
