"""The errors of files that are not read, and why."""


class UnreadableFileError(ValueError):
    """A file that cannot be read; the message says what came, why not, and what to do."""


class UnsafeFileError(UnreadableFileError):
    """A file that is refused: it could run code, reach other files or exhaust the memory."""
