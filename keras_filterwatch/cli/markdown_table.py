"""Tables in Markdown."""

from collections.abc import Collection, Sequence

from keras_filterwatch.text import markdown


def markdown_table(rows: Sequence[Sequence[str]], numeric: Collection[int] = ()) -> list[str]:
    """Returns the lines of a table, of which the first row is the header; foreign text is escaped.

    Args:
        rows: as many cells in each.
        numeric: the columns that end at the right.

    Example:
        >>> print(*markdown_table([["layer", "noise"], ["a|b", "0.5"]], {1}), sep="\\n")
        | layer | noise |
        | --- | ---: |
        | a\\|b | 0.5 |
    """
    header, *others = ([markdown(cell) for cell in row] for row in rows)
    sides = ["---:" if number in numeric else "---" for number in range(len(header))]
    return [f"| {' | '.join(cells)} |" for cells in (header, sides, *others)]


def more_layers(count: int) -> str:
    """Returns how many layers a table leaves out.

    Example:
        >>> more_layers(1), more_layers(2)
        ('1 more layer', '2 more layers')
    """
    return f"{count} more layer{'s' * (count != 1)}"
