"""Which warnings the users of a command see: not those that are meant for programmers."""

import warnings

_FOR_PROGRAMMERS = (
    DeprecationWarning,
    PendingDeprecationWarning,
    FutureWarning,
    ImportWarning,
    ResourceWarning,
)


def show_user_warnings() -> None:
    """Sets Python's filters so, whatever they were; to be called within `catch_warnings`.

    Example:
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     show_user_warnings()
        ...     warnings.warn("mind the gap")
        ...     warnings.warn("use another function", DeprecationWarning)
        >>> [str(each.message) for each in caught]
        ['mind the gap']
    """
    warnings.resetwarnings()
    warnings.simplefilter("default")
    for category in _FOR_PROGRAMMERS:
        warnings.simplefilter("ignore", category)
