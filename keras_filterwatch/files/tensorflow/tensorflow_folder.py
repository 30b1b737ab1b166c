"""Which checkpoint of TensorFlow a path means: a file of it, its prefix, or the folder it is in."""

import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from keras_filterwatch.files.archives import climbs
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.neighbours import read_whole
from keras_filterwatch.files.tensorflow.tensorflow_index import read_index
from keras_filterwatch.text import listed, printable

_DATA_FILE = re.compile(r"\.data-\d{5}-of-\d{5}$")
_STATE_BYTES = 2**20
_LATEST = re.compile(rb'^\s*model_checkpoint_path\s*:\s*"((?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_ONE_OF_ALL = re.compile(rb"^\s*all_model_checkpoint_paths\s*:", re.MULTILINE)
_ESCAPED = re.compile(rb"\\([0-7]{1,3}|.)")


class CheckpointChoice(NamedTuple):
    """A checkpoint of TensorFlow.

    Attributes:
        prefix: the path of its index without `.index`.
        is_chosen: whether the user has named it, and not only the folder that it is in.
        others: how many other checkpoints its folder tells of.
    """

    prefix: Path
    is_chosen: bool = True
    others: int = 0


def is_state_file(text: bytes) -> bool:
    """Returns True for the text of the file `checkpoint`, which names the latest checkpoint.

    Example:
        >>> is_state_file(b'model_checkpoint_path: "ckpt-3"'), is_state_file(b"msgpack")
        (True, False)
    """
    return bool(_LATEST.search(text))


def find_checkpoint(path: Path) -> CheckpointChoice:
    """Returns the checkpoint that a path means.

    Args:
        path: the `.index` file, a data file, the prefix of both, or the folder.

    Raises:
        UnreadableFileError: there is none, or the folder has several and does not name the latest.
        UnsafeFileError: the file `checkpoint` of the folder names one outside of it.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "checkpoint").write_text('model_checkpoint_path: "ckpt-3"')
        31
        >>> (folder / "ckpt-3.index").touch()
        >>> find_checkpoint(folder).prefix.name
        'ckpt-3'
    """
    if path.is_dir():
        return _in_folder(path)
    if path.name.endswith(".index") and path.name != ".index":
        return CheckpointChoice(path.with_name(path.name.removesuffix(".index")))
    if _DATA_FILE.search(path.name):
        return CheckpointChoice(path.with_name(_DATA_FILE.sub("", path.name)))
    if path.is_file() and not Path(f"{path}.index").is_file():
        read_index(path.resolve())  # tells what is wrong with it
        raise UnreadableFileError(
            f"{path} is the index of a checkpoint of TensorFlow under another name. Its numbers "
            "are in files with the same name: rename it to what it was, <name>.index, beside "
            "<name>.data-00000-of-00001."
        )
    return CheckpointChoice(path)


def _in_folder(folder: Path) -> CheckpointChoice:
    state = folder / "checkpoint"
    if not state.exists() and not state.is_symlink():
        prefixes = [each.with_suffix("") for each in sorted(folder.glob("*.index"))]
        if len(prefixes) == 1:
            return CheckpointChoice(prefixes[0], is_chosen=False)
        raise _refusal(folder)
    text = read_whole(state, _STATE_BYTES)
    latest = _LATEST.search(text)
    if not latest:
        raise _refusal(folder)
    name = os.fsdecode(_ESCAPED.sub(_unescaped, latest[1]))
    prefix = _inside(folder, name)
    if not Path(f"{prefix}.index").exists():
        there = listed(sorted(each.name for each in folder.glob("*.index")), 5) or "none"
        raise UnreadableFileError(
            f"{state} names {printable(name)!r:.200} as the latest checkpoint, which is not there. "
            f"Pass the path of one that is: {there}."
        )
    others = max(0, len(_ONE_OF_ALL.findall(text)) - 1)
    return CheckpointChoice(prefix, is_chosen=False, others=others)


def _inside(folder: Path, name: str) -> Path:
    """Returns the path of a checkpoint that a folder names.

    Raises:
        UnsafeFileError: it is outside the folder.
    """
    prefix = folder / name
    is_here = os.path.abspath(prefix.parent) == os.path.abspath(folder)  # noqa: PTH100 (no links)
    try:
        is_below = prefix.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # such as links in a circle
        is_below = False
    if not name or not is_below or (climbs(name) and not is_here) or "\0" in name:
        moved = folder / f"{PurePosixPath(name).name}.index"
        raise UnsafeFileError(
            f"{folder / 'checkpoint'} names a checkpoint outside of its folder: "
            f"{printable(name)!r:.200}. If that is the one you mean, pass its path"
            + (f", which may be {moved} by now." if moved.is_file() else ".")
        )
    return prefix


def _unescaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code.isdigit():
        return bytes([int(code, 8) & 255])
    return {b"n": b"\n", b"t": b"\t", b"r": b"\r"}.get(code, code)


def _refusal(folder: Path) -> UnreadableFileError:
    from keras_filterwatch.files.refused import refusal  # it asks this module what is here

    return refusal(folder)
