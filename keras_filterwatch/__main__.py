"""`python -m keras_filterwatch` is the command `keras-filterwatch`."""

import os
import sys


def _leave_current_folder() -> None:
    """Keeps modules in the current folder from being imported, as they are with the command itself.

    `python -m` puts this folder first, and it may be that of files which nobody trusts.
    """
    package = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    here = os.getcwd()  # noqa: PTH109 (pathlib would be imported from that folder)
    if not sys.flags.safe_path and sys.path[:1] == [here] and os.path.dirname(package) != here:  # noqa: PTH120
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_folder()
    from keras_filterwatch.cli import main

    sys.exit(main())
