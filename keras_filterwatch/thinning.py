"""Which steps of a long training are shown, where there is room for some of them only."""

import heapq
import math
from collections.abc import Sequence


def select_steps(steps: Sequence[int], most: int) -> list[int]:
    """Returns the places of at most `most` of the steps, which ascend, even in log time.

    The first and the last stay. Of the others, the ones whose neighbours are nearest to each other
    are dropped. Dropping one at a time, as steps come, leaves about the same steps as dropping all
    at the end.

    Example:
        >>> select_steps([0, 1, 2, 3, 4, 5, 6, 7], most=4)
        [0, 1, 3, 7]
    """
    count = len(steps)
    if count <= max(2, most):
        return list(range(count))
    times = [math.log1p(step - steps[0]) for step in steps]
    before, after = list(range(-1, count - 1)), list(range(1, count + 1))
    gaps = [(times[place + 1] - times[place - 1], place) for place in range(1, count - 1)]
    heapq.heapify(gaps)
    dropped: set[int] = set()
    while count - len(dropped) > max(2, most):
        gap, place = heapq.heappop(gaps)
        if place in dropped or gap != times[after[place]] - times[before[place]]:
            continue  # its gap has become wider since
        dropped.add(place)
        left, right = before[place], after[place]
        after[left], before[right] = right, left
        for each in (left, right):
            if 0 < each < count - 1:
                heapq.heappush(gaps, (times[after[each]] - times[before[each]], each))
    return [place for place in range(count) if place not in dropped]
