"""The argument `scalars`, which selects the curves that are written."""

import pytest

from keras_filterwatch.training import arguments


@pytest.mark.parametrize("value", [None, "all", "noise", "mine"])
def test_none_all_and_names_stay_as_they_are(value):
    assert arguments.scalars(value, ["mine"]) == value


def test_several_names_may_come_from_an_iterator():
    assert arguments.scalars(iter(["noise", "apoz"]), []) == ("noise", "apoz")


def test_a_name_that_no_score_has_is_refused_with_similar_ones():
    with pytest.raises(
        ValueError, match="scalars: no score is called 'nois'; did you mean 'noise'"
    ):
        arguments.scalars("nois", [])


@pytest.mark.parametrize("value", [3, True, [3]])
def test_what_is_no_name_is_refused(value):
    with pytest.raises(TypeError, match='scalars: None, "all"'):
        arguments.scalars(value, [])
