"""`keras-filterwatch report`: the page about a recorded training or a saved model, as one file."""

import argparse
import tempfile
from pathlib import Path

from keras_filterwatch.checkpoints.one_file import record_file
from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError, UsageError
from keras_filterwatch.cli.exit_codes import NOTHING_READ
from keras_filterwatch.cli.file_names import safe_name
from keras_filterwatch.cli.recorded_run import recorded_run
from keras_filterwatch.cli.repeated_names import with_name
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.open_file import is_model_folder
from keras_filterwatch.run_folders import run_folders
from keras_filterwatch.runs import RUN_FOLDER, Run, read
from keras_filterwatch.sources.array_layouts import check_layout
from keras_filterwatch.storage import folder_of
from keras_filterwatch.text import error_message, printable


def run(options: argparse.Namespace, console: Console) -> int:
    """Writes a report, and returns the exit status."""
    _check_output(options.output)
    if _is_saved_model(options.source):
        try:
            check_layout("HWIO" if options.layout is None else options.layout)
        except ValueError as error:
            raise UsageError(f"--{error}") from error
        with tempfile.TemporaryDirectory(prefix="filterwatch-") as folder:
            recorded = _record(Path(options.source), Path(folder), options, console)
            _write(recorded, options, console)
    else:
        if options.architecture is not None:
            raise UsageError(
                "--architecture: it is for weights alone, not for a recorded training."
            )
        _write(recorded_run(options.source, console, or_file=True), options, console)
    return exit_codes.NOTHING_FOUND


def _check_output(path: str) -> None:
    if Path(path).is_dir():
        raise UsageError(f"--output: {path} is a folder; the name of a file is needed.")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"--output: the folder {Path(path).absolute().parent} does not exist.")


def _is_saved_model(source: str) -> bool:
    """Returns True for a file, and for a folder without a record that may be a saved model."""
    if "://" in source:
        return False
    path = Path(source).expanduser()
    if not path.is_dir():
        return path.exists() or path.with_name(f"{path.name}.index").is_file()
    return is_model_folder(path) and not run_folders(folder_of(path))


def _record(path: Path, folder: Path, options: argparse.Namespace, console: Console) -> Run:
    """Returns a run of one step, which is recorded in a folder: that of a saved model.

    Raises:
        CommandError: the file cannot be read, or has no kernel.
    """
    logs = folder / safe_name(path.name)  # the page calls the run as its folder
    try:
        record_file(
            path,
            folder_of(logs / RUN_FOLDER),
            options.architecture,
            options.layout,
            tell=lambda text: console.note(printable(text)),
        )
    except UnreadableFileError as error:
        raise CommandError(with_name(str(path), str(error)), NOTHING_READ) from error
    except (OSError, ValueError) as error:
        raise CommandError(with_name(str(path), error_message(error)), NOTHING_READ) from error
    return read(logs)


def _write(recorded: Run, options: argparse.Namespace, console: Console) -> None:
    for problem in recorded.problems:
        console.error(printable(problem))
    try:
        path = recorded.report(options.output, options.max_bytes)
    except ValueError as error:  # so few bytes cannot hold it
        raise UsageError(f"--{str(error).replace('max_bytes', 'max-bytes', 1)}") from error
    size = path.stat().st_size / 1e6
    console.note(f"wrote {printable(path)}, {size:.2f} MB: open it in a browser.")
