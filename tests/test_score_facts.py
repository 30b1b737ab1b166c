import re
from pathlib import Path

import numpy as np
import pytest

from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.score_facts import SCORE_FACTS, by_importance, score_facts
from keras_filterwatch.writers.curves import DEFAULT_SCORES

PAGE = (Path(__file__).parent.parent / "docs" / "scores.md").read_text()


def test_every_score_has_facts():
    assert set(SCORE_FACTS) == set(DESCRIPTIONS)


def test_what_a_score_says_is_what_the_pages_say():
    assert {name: facts.about for name, facts in SCORE_FACTS.items()} == DESCRIPTIONS


@pytest.mark.parametrize("name", sorted(DESCRIPTIONS))
def test_the_better_end_is_the_one_that_the_pages_call_good(name):
    described = DESCRIPTIONS[name]
    good = re.search(rf"^\| `{name}` \| 0(\.|:)", PAGE, re.MULTILINE)
    if good or "0 is good" in described:
        # where a unit answers to one class only, or nothing moved, 0 is no good in itself
        assert score_facts(name).better == ("" if name in ("anisotropy", "rotation") else "low")
    if "healthy" in described:
        assert score_facts(name).better == ""


def test_what_is_written_by_default_comes_first():
    shuffled = sorted(DESCRIPTIONS, reverse=True)
    assert tuple(by_importance(shuffled)[: len(DEFAULT_SCORES)]) == DEFAULT_SCORES


def test_a_metric_of_the_users_own_comes_behind_the_default_ones():
    assert by_importance(["geary_c", "peak", "gradient", "noise"]) == [
        *("noise", "gradient", "peak", "geary_c")
    ]


def test_a_range_of_its_own_stays_whatever_the_numbers_are():
    facts = score_facts("noise").with_range(np.array([5.0, 7.0]))
    assert (facts.low, facts.high) == (0, 1)


def test_a_range_of_the_numbers_leaves_out_few_that_are_far_away():
    numbers = np.append(np.linspace(0, 1, 1000), [1e9, np.nan, np.inf])
    facts = score_facts("norm").with_range(numbers)
    assert 0 <= facts.low < 0.05
    assert 0.95 < facts.high <= 1


@pytest.mark.parametrize("numbers", [[], [np.nan], [2.0, 2.0], [0.0], [-3.0]])
def test_a_range_is_never_empty(numbers):
    facts = score_facts("norm").with_range(np.array(numbers, float))
    assert facts.low < facts.high
