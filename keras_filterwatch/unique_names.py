"""Names that no other layer has."""


def unique_name(name: str, names: dict[str, int]) -> str:
    """Returns the first of `name`, `name_1`, `name_2` ... that is free, and takes it.

    Args:
        name: the name that is asked for.
        names: the names that are taken, each with the number from which to search on.

    Example:
        >>> names: dict[str, int] = {}
        >>> unique_name("conv", names), unique_name("conv", names)
        ('conv', 'conv_1')
    """
    number = names.get(name, 0)
    candidate = f"{name}_{number}" if number else name
    while candidate in names:
        number += 1
        candidate = f"{name}_{number}"
    names[candidate] = names.get(candidate, 0)
    names[name] = number + 1
    return candidate
