"""Which files are checkpoints: those of a folder, of a glob pattern, or files that are named."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ENDINGS = (".keras", ".h5", ".hdf5", ".npz", ".safetensors", ".pt", ".pth", ".ckpt", ".index")
# weights in several files have another one that names them
_OF_SEVERAL = {
    ".weights.json": re.compile(r"(.+)_\d{5}\.weights\.h5"),
    ".safetensors.index.json": re.compile(r"(.+)-\d{5}-of-\d{5}\.safetensors"),
    ".index": re.compile(r"(.+)\.data-\d{5}-of-\d{5}"),
}

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class CheckpointFile:
    """A file, or a folder that is one, with the weights of one step.

    Attributes:
        path: where it is.
        name: its path below the place that all files of the run share, with slashes.
    """

    path: Path
    name: str

    def signature(self) -> Signature:
        """Returns name, size and time of each of its files: equal as long as none was changed.

        Raises:
            OSError: it is not there any more.
        """
        status = [(str(path), path.stat()) for path in self._parts()]
        return tuple((name, each.st_size, each.st_mtime_ns) for name, each in status)

    @property
    def time(self) -> int:
        """When it was changed last, in nanoseconds since 1970.

        Raises:
            OSError: it is not there any more.
        """
        return max(time for _, _, time in self.signature())

    def _parts(self) -> list[Path]:
        """Returns all files of the checkpoint, the one that is named first."""
        if self.path.is_dir():
            return [self.path, *sorted(self.path.rglob("*"))]
        for ending, part in _OF_SEVERAL.items():
            if self.path.name.endswith(ending):
                stem = self.path.name.removesuffix(ending)
                names = sorted(each.name for each in self.path.parent.iterdir())
                parts = [name for name in names if _stem(part, name) == stem]
                return [self.path, *map(self.path.with_name, parts)]
        return [self.path]


def _stem(part: re.Pattern[str], name: str) -> str:
    match = part.fullmatch(name)
    return match[1] if match else ""


def checkpoint_files(places: Sequence[str]) -> list[CheckpointFile]:
    """Returns the checkpoints at some places, sorted by name.

    A folder stands for what is in it and has one of `ENDINGS`, or is a SavedModel. A checkpoint of
    several files, such as one of TensorFlow, is listed once.

    Args:
        places: folders, glob patterns and files; those that do not exist are left out.

    Example:
        >>> [file.name for file in checkpoint_files(["tests/records/version-*"])]
        []
    """
    paths = sorted({path for place in places for path in _paths(place)})
    root = Path(os.path.commonpath([_root(place) for place in places])) if places else Path()
    return [CheckpointFile(path, path.relative_to(root).as_posix()) for path in paths]


def is_pattern(place: str) -> bool:
    """Returns True for a glob pattern, unless a file has this name.

    Example:
        >>> is_pattern("checkpoints/*.keras"), is_pattern("checkpoints")
        (True, False)
    """
    return glob.has_magic(place) and not Path(place).expanduser().exists()


def can_grow(place: str) -> bool:
    """Returns True for a folder or a pattern, where further checkpoints may come.

    A place that is not there yet counts as a folder.

    Example:
        >>> can_grow("checkpoints/*.keras"), can_grow("setup.cfg")
        (True, False)
    """
    path = Path(place).expanduser()
    return not path.exists() or (path.is_dir() and not _is_saved_model(path))


def _paths(place: str) -> Iterator[Path]:
    expanded = str(Path(place).expanduser().absolute())
    path = Path(expanded)
    if is_pattern(place):
        found = map(Path, glob.glob(expanded, recursive=True))  # noqa: PTH207 (the path is absolute)
        yield from (each for each in found if _may_be_checkpoint(each) and not _is_part(each))
    elif path.is_dir() and not _is_saved_model(path):
        yield from (each for each in path.iterdir() if _is_checkpoint(each))
    elif path.exists():
        yield path


def _root(place: str) -> Path:
    """Returns the folder below which the names of a place's files begin."""
    path = Path(place).expanduser().absolute()
    if is_pattern(place):
        fixed = []
        for part in path.parts[:-1]:
            if glob.has_magic(part):
                break
            fixed.append(part)
        return Path(*fixed)
    return path if path.is_dir() and not _is_saved_model(path) else path.parent


def _may_be_checkpoint(path: Path) -> bool:
    """Returns True for what a pattern may mean: each file, and folders that are checkpoints."""
    return _is_checkpoint_folder(path) if path.is_dir() else path.is_file()


def _is_checkpoint(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    if path.is_dir():
        return _is_checkpoint_folder(path)
    return path.name.lower().endswith((*ENDINGS, *_OF_SEVERAL)) and not _is_part(path)


def _is_checkpoint_folder(path: Path) -> bool:
    """Returns True for a SavedModel, and for a folder with one checkpoint of TensorFlow."""
    return _is_saved_model(path) or len([*path.glob("*.index")]) == 1


def _is_saved_model(path: Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _is_part(path: Path) -> bool:
    """Returns True for a file of a checkpoint that another file stands for."""
    for ending, part in _OF_SEVERAL.items():
        if (stem := _stem(part, path.name)) and path.with_name(stem + ending).is_file():
            return True
    return path.name == "checkpoint"  # in which TensorFlow keeps the name of the newest one
