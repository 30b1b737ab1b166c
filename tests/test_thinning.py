"""select_steps: which steps of a long training are shown."""

import itertools
import math

import pytest

from keras_filterwatch.thinning import select_steps


def test_sixteen_steps_of_a_long_history_stay_however_they_come():
    steps = []
    for step in range(1001):
        steps.append(step)
        steps = [steps[i] for i in select_steps(steps, 16)]
    assert len(steps) == 16
    assert (steps[0], steps[-1]) == (0, 1000)
    when = [math.log1p(step) for step in steps]
    gaps = [after - before for before, after in itertools.pairwise(when)]
    assert max(gaps) < 2 * math.log1p(1000) / 15  # at most twice what even ones would be


def test_all_steps_of_a_short_history_stay():
    assert select_steps(range(5), 16) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("most", [2, 3, 16, 100])
def test_the_step_whose_neighbours_are_nearest_is_dropped_first(most):
    steps = [0, 1, 2, 5, 7, 8, *range(20, 200, 3), 1000]
    times, places = [math.log1p(step) for step in steps], list(range(len(steps)))
    while len(places) > most:
        gaps = [times[b] - times[a] for a, b in zip(places, places[2:], strict=False)]
        del places[1 + gaps.index(min(gaps))]
    assert select_steps(steps, most) == places
