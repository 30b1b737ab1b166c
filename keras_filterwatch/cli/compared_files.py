"""What `compare` says of two sources, as values that JSON can hold. Runs in its own process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras_filterwatch.cli.documents import finite, scores_document
from keras_filterwatch.cli.errors import TaskError
from keras_filterwatch.cli.file_names import image_name
from keras_filterwatch.cli.recorded_run import other_runs_in_words
from keras_filterwatch.comparison import Comparison, LayerComparison, compare
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.open_file import is_model_folder
from keras_filterwatch.run_folders import recorded_folders
from keras_filterwatch.runs import read


def reply(request: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `compare` says of two saved models or trainings.

    Args:
        request: `"paths"` of both; `"layers"`, names and patterns, or None for all; `"image"`, a
            file, and `"images"`, a folder for pictures, or None.

    Raises:
        OSError, UnreadableFileError: one cannot be read.
        TaskError: they cannot be compared, or not drawn.
    """
    notes: list[str] = []
    try:
        a, b = (_opened(path, notes) for path in request["paths"])
        comparison = compare(a, b, layers=request["layers"])
    except UnreadableFileError:
        raise
    except ValueError as error:  # such as a folder without a training, or layers that are not there
        raise TaskError("no comparison", str(error)) from error
    drawn = []
    if request["image"] is not None:
        drawn.append(_draw(comparison, None, Path(request["image"])))
    if request["images"] is not None:
        drawn += _draw_all(comparison, Path(request["images"]))
    return {
        "notes": notes,
        "text": repr(comparison),
        "csv": comparison.to_csv(),
        "document": {
            "names": list(comparison.names),
            "sentences": comparison.sentences,
            "layers": [_layer(layer) for layer in comparison.by_change],
            "only_in_a": list(comparison.only_in_a),
            "only_in_b": list(comparison.only_in_b),
            "skipped": dict(comparison.skipped),
            "images": drawn,
        },
    }


def _opened(path: str, notes: list[str]) -> Any:
    """Returns a path, or the latest of several runs that are recorded there, which is noted.

    Raises:
        TaskError: nothing is there.
        ValueError, OSError: no part of the record can be read.
    """
    if "://" not in path and not (Path(path).exists() or Path(f"{path}.index").exists()):
        raise TaskError(
            "missing",
            f"{path!r} does not exist: pass a saved model, or the folder that a training was "
            "recorded in.",
        )
    if Path(path).is_file() or is_model_folder(Path(path)):
        return path
    try:
        several = len(recorded_folders(path)) > 1
    except OSError:  # there is none, as `compare` says
        several = False
    if not several:
        return path
    run = read(path)
    notes.append(other_runs_in_words(run, path))
    return run


def _layer(layer: LayerComparison) -> dict[str, Any]:
    return {
        "name": layer.name,
        "name_in_b": layer.name_in_b,
        "rotation": finite(layer.rotation),
        "why_not": layer.why_not,
        "is_unchanged": bool(layer.is_unchanged),
        "changed_filters": [int(number) for number in layer.changed_filters],
        "recorded_filters": int(layer.recorded),
        **{
            side: {
                "layer_type": scores.layer_type,
                "shape": [int(size) for size in scores.shape],
                "verdict": scores.verdict,
                "scores": scores_document(scores),
            }
            for side, scores in (("a", layer.a), ("b", layer.b))
        },
    }


def _draw_all(comparison: Comparison, folder: Path) -> list[str]:
    """Draws each layer whose weights are known in both and that has a window."""
    paths = []
    for number, (name, layer) in enumerate(comparison.items()):
        kernels = layer.kernel_a, layer.kernel_b
        if layer.a.shape == layer.b.shape and all(each and each.has_window for each in kernels):
            path = folder / image_name(number, len(comparison), name)
            paths.append(_draw(comparison, name, path))
    return paths


def _draw(comparison: Comparison, layer: str | None, path: Path) -> str:
    try:
        picture = comparison.draw(layer)
    except ValueError as error:
        raise TaskError("no picture", str(error)) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path, "PNG")
    except OSError as error:
        raise TaskError(
            "no picture", f"{path} could not be written: {error.strerror or error}."
        ) from error
    return str(path)
