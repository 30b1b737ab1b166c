"""What wrote an HDF5 file of Keras 1 or 2: which version, on which backend."""

from typing import NamedTuple

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.hdf5 import Group
from keras_filterwatch.files.legacy.legacy_groups import text_attribute


class Origin(NamedTuple):
    """What wrote a file.

    Attributes:
        keras: the version of Keras, such as 2.
        backend: the backend of Keras, such as `"tensorflow"`; `""` if the file does not say.
    """

    keras: int
    backend: str = ""

    @property
    def is_keras_1(self) -> bool:
        """Whether Keras 1 wrote it, or a version before that."""
        return self.keras < 2


def origin_of(group: Group) -> Origin:
    """Returns what wrote a group of weights; Keras 1 did not say so.

    Raises:
        UnreadableFileError: the file names a version that is none.
    """
    version = text_attribute(group, "keras_version")
    begin = version.partition(".")[0]
    if version and not (begin.isascii() and begin.isdigit() and len(begin) < 4):
        raise UnreadableFileError(f"keras_version is {version!r:.40}, which is no version.")
    return Origin(int(begin or "1"), text_attribute(group, "backend").lower())
