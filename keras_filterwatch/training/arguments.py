"""What FilterWatch accepts: each argument is checked; errors say what came, why not, what to do."""

import os
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from keras_filterwatch.alarms import Rule, rule_name
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES, PICTURES
from keras_filterwatch.image_windows import Window, parse_windows
from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.rules import RULES
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.text import error_message, suggestion
from keras_filterwatch.user_metrics import UserMetric
from keras_filterwatch.writers import Writer
from keras_filterwatch.writers.curves import check_scalars


def log_folder(log_dir: str | os.PathLike[str]) -> Folder:
    """Returns the folder below which a run is recorded, on this machine or elsewhere.

    Nothing is made yet; a place elsewhere is asked once whether it can be reached.
    """
    if not isinstance(log_dir, str | os.PathLike) or isinstance(os.fspath(log_dir), bytes):
        raise TypeError(f"log_dir: a path or a URL is needed; got {reprlib.repr(log_dir)}.")
    try:
        folder = folder_of(log_dir)
    except (ImportError, ValueError) as error:
        raise type(error)(f"log_dir {error}") from None
    try:
        folder.child("filterwatch").check()
    except OSError as error:
        raise ValueError(
            f"log_dir {folder.location!r} cannot be used: {error_message(error).rstrip('.')}. "
            "Choose another log_dir, or mend this one."
        ) from error
    return folder


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


def scalars(
    value: str | Iterable[str] | None, metrics: Iterable[str]
) -> str | tuple[str, ...] | None:
    """Returns the names of the scores whose curves are written; None and `"all"` as they are."""
    names = value if value is None or isinstance(value, str) else _names("scalars", value)
    check_scalars(names, metrics)
    return names


def _names(argument: str, values: Iterable[str]) -> tuple[str, ...]:
    if not isinstance(values, Iterable):
        raise TypeError(
            f'{argument}: None, "all" or names of scores are needed; got {reprlib.repr(values)}.'
        )
    return tuple(values)
