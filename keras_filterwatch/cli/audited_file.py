"""What `audit` says of one file, as values that JSON can hold. Runs in a process of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from keras_filterwatch import sentences
from keras_filterwatch.alarms import Alarm
from keras_filterwatch.cli.documents import (
    alarm_document,
    diagnosis_document,
    layer_document,
)
from keras_filterwatch.cli.errors import TaskError
from keras_filterwatch.cli.file_names import image_name
from keras_filterwatch.cli.states import worst_first
from keras_filterwatch.files.open_file import open_file
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.kernel_names import KernelNames, matching_kernels
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import score_file
from keras_filterwatch.single_step import judge_single_step
from keras_filterwatch.text import suggestion


def reply(request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `audit` says of a file.

    Args:
        request: `"path"` of the file; `"architecture"`, a path or None; `"layout"` of plain
            arrays, or None; `"layers"`, names and patterns, or None for all; `"images"`,
            the folder for pictures, or None.

    Raises:
        OSError, UnreadableFileError: the file cannot be read.
        TaskError: the file has none of the layers.
    """
    with open_file(request["path"], request["architecture"], request["layout"]) as file:
        scores = score_file(file)
        judgement = judge_single_step(scores, file.facts)
        names = selected_names(file, request["layers"])
        scores = replace(
            scores,
            layers={name: layer for name, layer in scores.items() if name in names},
            skipped={name: why for name, why in file.skipped.items() if name in names},
        )
        folder = request["images"]
        images, problems = draw_images(file, scores, Path(folder)) if folder else ([], [])

    def told(alarm: Alarm) -> bool:
        return not alarm.layer or alarm.layer in names

    return {
        "format": file.format,
        "notes": list(file.notes),
        "sentences": sentences.overview(scores) if scores else [],
        "layers": [layer_document(name, scores[name]) for name in worst_first(scores)],
        "skipped": dict(scores.skipped),
        "alarms": [
            alarm_document(alarm) for alarm in (*judgement.alarms, *judgement.notes) if told(alarm)
        ],
        # of a file, some of whose alarms are not told, the cause would be of those too
        "diagnosis": diagnosis_document(judgement.diagnosis)
        if all(map(told, judgement.alarms))
        else None,
        "images": images,
        "image_problems": problems,
    }


def selected_names(file: ModelFile, patterns: Sequence[str] | None) -> set[str]:
    """Returns the names of layers, scored or skipped, that names or patterns mean; None: all.

    Raises:
        TaskError: none of them means a layer.

    Example:
        >>> file = ModelFile("NumPy archive", (), {"block/bias": "", "head/bias": ""})
        >>> selected_names(file, ["block"])
        {'block/bias'}
    """
    kernels = [*(kernel.names for kernel in file.kernels), *map(KernelNames, file.skipped)]
    if patterns is None:
        return {kernel.name for kernel in kernels}
    names = {name for pattern in patterns for name in matching_kernels(pattern, kernels)}
    if not names:
        wanted = " or ".join(map(repr, patterns))
        there = suggestion(patterns[0], [kernel.name for kernel in kernels])
        raise TaskError("no layer", f"no layer is called {wanted}; {there}")
    return names


def draw_images(file: ModelFile, scores: Scores, folder: Path) -> tuple[list[str], list[str]]:
    """Draws the filters of each scored layer that has a window, into a folder that is made.

    Returns:
        The paths of the pictures, and what went wrong, in sentences.
    """
    from keras_filterwatch.draw.filters import picture_of_filters  # it needs Pillow

    paths: list[str] = []
    problems: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return [], [f"{folder} could not be made: {error.strerror or error}."]
    for number, kernel in enumerate(file.kernels):
        if kernel.name not in scores or not kernel.has_window:
            continue
        path = folder / image_name(number, len(file.kernels), kernel.name)
        try:
            picture_of_filters(kernel.read(), scores[kernel.name], None).save(path)
        except OSError as error:
            problems.append(f"{path} could not be written: {error.strerror or error}.")
        else:
            paths.append(str(path))
    return paths, problems
