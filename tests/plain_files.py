"""What files of plain arrays are read as, for their tests."""

from contextlib import ExitStack, suppress

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.open_file import open_file


def arrays(path):
    """Name -> array of each kernel."""
    with open_file(path) as file:
        return {kernel.name: kernel.read().array for kernel in file.kernels}


def skipped(path):
    """Name -> reason of what is skipped."""
    with open_file(path) as file:
        return dict(file.skipped)


def read_or_name_unreadable(read_file, path):
    """Reads all kernels; no other error than that of an unreadable file may come."""
    with suppress(UnreadableFileError), ExitStack() as stack:
        for kernel in read_file(path, stack).kernels:
            kernel.read()
