"""What FilterWatch accepts: each argument is checked; errors say what came, why not, what to do."""

import os
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

from keras_filterwatch.alarms import Rule, rule_name
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES, PICTURES
from keras_filterwatch.image_windows import Window, parse_windows
from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.rules import RULES
from keras_filterwatch.scoring import UserMetric
from keras_filterwatch.text import suggestion
from keras_filterwatch.writers import Writer


def local_directory(log_dir: str | os.PathLike[str]) -> Path:
    """Returns a directory that events can be written below; nothing is made yet."""
    if not isinstance(log_dir, str | os.PathLike):
        raise TypeError(f"log_dir: a path is needed; got {reprlib.repr(log_dir)}.")
    if "://" in os.fspath(log_dir):
        raise ValueError(
            f"log_dir {log_dir!r} is not on this machine: log to a local directory, and copy "
            "<log_dir>/filterwatch from there."
        )
    log_dir = Path(log_dir).expanduser()
    target = log_dir / "filterwatch"
    existing = next(path for path in (target, *target.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise ValueError(
            f"log_dir {str(log_dir)!r}: {existing} is a file, a directory is needed. Choose "
            "another log_dir, or move the file."
        )
    if not os.access(existing, os.W_OK):
        raise ValueError(f"log_dir {str(log_dir)!r}: no permission to write in {existing}.")
    return log_dir


def batches_between(freq: str | int) -> int:
    """Returns how many batches lie between two snapshots; 0 for one at the end of each epoch."""
    if isinstance(freq, str) and freq == "epoch":
        return 0
    if isinstance(freq, Integral) and not isinstance(freq, bool) and freq > 0:
        return int(freq)
    raise ValueError(
        f'freq must be "epoch" or a positive number of batches; got {reprlib.repr(freq)}.'
    )


def pictures(images: bool | str | Iterable[str], has_probe: bool) -> tuple[str, ...]:
    """Returns the names of the pictures to draw."""
    if isinstance(images, bool):
        return DEFAULT_PICTURES if images else ()
    if not isinstance(images, Iterable):
        raise TypeError(
            f"images: True, False or names of pictures are needed; got {reprlib.repr(images)}."
        )
    names = (images,) if isinstance(images, str) else tuple(images)
    for name in names:
        if not isinstance(name, str) or name not in PICTURES:
            raise ValueError(
                f"images: no picture is called {reprlib.repr(name)}; "
                f"{suggestion(str(name)[:99], PICTURES)}."
            )
        if PICTURES[name].needs_probe and not has_probe:
            raise ValueError(
                f"images: {name!r} shows what units do for inputs: give probe=inputs too."
            )
    return names


def windows(window: Mapping[str, Window]) -> dict[str, Window]:
    """Returns the images that layers read flattened; their names are looked up in the model."""
    return parse_windows(window)


def user_metrics(metrics: Mapping[str, UserMetric]) -> dict[str, UserMetric]:
    """Returns the user's own metrics, under names that are not taken."""
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics: a dict name -> function is needed; got {reprlib.repr(metrics)}.")
    functions("metrics", metrics.values())
    unnamed = [name for name in metrics if not isinstance(name, str) or not name]
    if unnamed:
        raise TypeError(f"metrics: names are needed; got {reprlib.repr(unnamed)}.")
    for reserved, kind in ((DESCRIPTIONS, "scores"), (PICTURES, "pictures")):
        clashes = sorted(name for name in metrics if name.removesuffix("_per_filter") in reserved)
        if clashes:
            raise ValueError(f"metrics: {clashes} are {kind} already; choose other names.")
    return dict(metrics)


def functions(argument: str, values: Iterable[Any]) -> list[Any]:
    """Returns functions as a list."""
    if callable(values) and not isinstance(values, Iterable):
        name = rule_name(values)
        raise TypeError(f"{argument}: a list is needed; got the function {name!r}. Write [{name}].")
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{argument}: a list of functions is needed; got {reprlib.repr(values)}.")
    result = list(values)
    for value in result:
        if not callable(value):
            raise TypeError(
                f"{argument}: {reprlib.repr(value)} is not a function. Pass the function itself, "
                "such as fw.rules.noisy."
            )
    return result


def user_writers(writers: Iterable[Writer]) -> list[Writer]:
    """Returns the user's own writers as a list."""
    if not isinstance(writers, Iterable):
        raise TypeError(
            f"writers: a list of writers is needed; got {reprlib.repr(writers)}. Put it in []."
        )
    result = list(writers)
    for writer in result:
        methods = [name for name in ("write", "close") if callable(getattr(writer, name, None))]
        if len(methods) < 2 or isinstance(writer, type):
            raise TypeError(
                f"writers: {reprlib.repr(writer)} is no writer: an object with the methods "
                "write(report) and close() is needed."
            )
    return result


def rules_to_stop_on(stop_on: str | Iterable[str], rules: list[Rule]) -> tuple[str, ...]:
    """Returns the names of the rules whose alarms end training."""
    if not isinstance(stop_on, Iterable):
        raise TypeError(f"stop_on: names of rules are needed; got {reprlib.repr(stop_on)}.")
    names = (stop_on,) if isinstance(stop_on, str) else tuple(stop_on)
    unknown = unknown_rules(names, rules)
    # rules of the user's own may raise alarms under any name
    if unknown and {rule_name(rule) for rule in rules} <= set(RULES):
        raise ValueError(
            f"stop_on: no rule is called {reprlib.repr(unknown[0])}; "
            f"{suggestion(str(unknown[0])[:99], map(rule_name, rules))}."
        )
    return names


def unknown_rules(names: Iterable[str], rules: Iterable[Rule]) -> list[str]:
    """Returns those of the names that no rule has."""
    known = {rule_name(rule) for rule in rules}
    return [name for name in names if name not in known]
