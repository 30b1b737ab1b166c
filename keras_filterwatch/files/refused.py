"""What a path is that no reader can read, and what its user can do."""

import stat
from pathlib import Path

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.refused_contents import kind_of_contents
from keras_filterwatch.files.refused_folders import kind_of_folder

_HEAD = 4096  # bytes that are read to recognise a file


def refusal(path: Path) -> UnreadableFileError:
    """Returns the error that says what a path is, why it is not read, and what to do.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "model.tflite")
        >>> _ = path.write_bytes(bytes(4) + b"TFL3")
        >>> str(refusal(path)).partition(" is ")[2].partition(",")[0]
        'a model of TensorFlow Lite'
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return UnreadableFileError(f"{path} cannot be read: {error}.")
    if stat.S_ISDIR(mode):
        what, is_unsafe = kind_of_folder(path), False
    elif stat.S_ISREG(mode):
        with path.open("rb") as file:
            what, is_unsafe = kind_of_contents(path.name, file.read(_HEAD))
    else:
        what, is_unsafe = "no file but a device, a pipe or a socket.", False
    error_type = UnsafeFileError if is_unsafe else UnreadableFileError
    return error_type(f"{path} is {what}")
