"""The errors that end a command with one line for its user."""

from keras_filterwatch.cli.exit_codes import ERROR, USAGE


class CommandError(Exception):
    """What a command cannot do; the message says why not, and what to do.

    Attributes:
        status: the command's exit status.
    """

    def __init__(self, message: str, status: int = ERROR) -> None:
        super().__init__(message)
        self.status = status


class UsageError(CommandError):
    """Arguments that cannot be meant."""

    def __init__(self, message: str) -> None:
        super().__init__(message, USAGE)


class TaskError(Exception):
    """What a process cannot do with a file; the message says why not.

    Attributes:
        kind: a word for it, for programs.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
