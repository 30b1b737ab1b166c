"""draw.components: kernels made of known patterns have those patterns as components."""

import numpy as np
import pytest
from pictures import DARKEST_BLUE, DARKEST_RED, WHITE, cells, one_pixel_per_tap

import keras_filterwatch as fw
from keras_filterwatch.draw.components import principal_components

PATTERNS = np.array([[1.0, 0, -1] * 3, [1.0] * 3 + [0] * 3 + [-1] * 3]) / np.sqrt(6)


def test_components_are_the_patterns_that_rows_are_made_of():
    strengths = np.array([[3, 0], [-3, 0], [0, 1], [0, -1]])
    components, shares = principal_components(strengths @ PATTERNS, 2)
    np.testing.assert_allclose(np.abs(components @ PATTERNS.T), np.eye(2), atol=1e-12)
    np.testing.assert_allclose(shares, [0.9, 0.1])  # 2 * 3^2 and 2 * 1^2, of 20


def test_shares_agree_with_numpys_covariance():
    rows = np.random.default_rng(0).standard_normal((50, 6)) * np.arange(1, 7)
    variances = np.sort(np.linalg.eigvalsh(np.cov(rows.T)))[::-1]
    np.testing.assert_allclose(principal_components(rows, 6)[1], variances / variances.sum())


def test_equal_filters_have_no_variance():
    assert principal_components(np.ones((4, 9)), 3)[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("sign", [1, -1])
def test_the_first_component_is_drawn(sign):
    kernel = sign * (PATTERNS[0].reshape(3, 3, 1, 1) * np.array([1.0, -2.0, 3.0]))
    cell = next(cells(fw.draw.components({"c": kernel}, count=1), 1, (48, 48)))
    assert one_pixel_per_tap(cell, (3, 3))[0] in (
        [DARKEST_RED, WHITE, DARKEST_BLUE],
        [DARKEST_BLUE, WHITE, DARKEST_RED],  # its sign means nothing
    )


def test_deeper_layers_are_compared_by_window(written):
    fw.draw.components({"c": np.random.default_rng(0).standard_normal((3, 3, 8, 16))})
    assert any("principal components of 128 windows" in text for text in written)
    assert sum(text.endswith("%") for text in written) == 9  # a 3x3 window has no more


def test_a_picture_of_very_many_components_stays_bounded(written):
    picture = fw.draw.components(
        {"c": np.random.default_rng(0).standard_normal((16, 16, 1, 400))}, count=400
    )
    assert max(picture.size) <= 3000
    assert any("components" in text and " of 256 " in text for text in written)  # 16x16 taps


def test_weights_that_are_not_finite_have_no_components():
    with pytest.raises(ValueError, match=r"weights that are not finite.*'c'"):
        fw.draw.components({"c": np.full((3, 3, 1, 4), np.nan)})


def test_a_count_of_no_components_is_refused():
    with pytest.raises(ValueError, match="one component or more is needed; got 0"):
        fw.draw.components({"c": np.ones((3, 3, 1, 4))}, count=0)
