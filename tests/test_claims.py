"""The measured claims: their statistics, their verdicts, and that a training makes a record."""

import re
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest

from benchmarks.claims import effects, measures, page, plan, power
from benchmarks.claims.claims import CLAIMS
from benchmarks.claims.effects import Estimate
from benchmarks.claims.networks import network
from benchmarks.claims.plan import WINDOWS, Simulation, Training, all_tasks
from benchmarks.claims.reading import Records
from benchmarks.claims.result import Chart, Part, Result
from benchmarks.claims.shapes import turned_copy_share
from benchmarks.claims.training import path_of, train
from benchmarks.faults import records

PAGE = Path(__file__).resolve().parent.parent / "docs" / "claims.md"


class Items(NamedTuple):
    x_train: np.ndarray
    y_train: np.ndarray
    x_val: np.ndarray
    y_val: np.ndarray
    classes: int


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def items(random):
    """64 noisy images of two classes: the left half is light, or the right one."""
    y = np.arange(64) % 2
    x = random.normal(0, 0.1, (64, 8, 8, 1))
    x[y == 0, :, :4] += 1
    x[y == 1, :, 4:] += 1
    x, y = x.astype("float32"), y.astype("int32")
    return Items(x[:48], y[:48], x[48:], y[48:], 2)


def test_area_under_the_curve_counts_pairs():
    assert effects.auc([2, 3], [0, 1]) == 1
    assert effects.auc([0, 1], [2, 3]) == 0
    assert effects.auc([1, 1], [1, 1]) == 0.5
    # of the six pairs three are right, one is a tie
    assert effects.auc([1, 3, 2], [2, 2.5]) == pytest.approx((2 + 0.5) / 6)


def test_interval_of_a_mean_is_that_of_the_normal_distribution(random):
    sample = random.normal(3, 2, 400)
    value, low, high = effects.mean([sample])
    width = 1.96 * sample.std() / np.sqrt(len(sample))
    assert value == pytest.approx(sample.mean())
    assert [low, high] == pytest.approx([value - width, value + width], abs=width / 5)


def test_mean_of_cells_counts_each_cell_alike():
    assert effects.mean([[0.0], [1.0, 1.0, 1.0]]).value == 0.5


def test_interval_of_a_difference_adds_both_variances(random):
    first, second = random.normal(1, 2, 400), random.normal(0, 1, 100)
    value, low, high = effects.difference([(first, second)])
    width = 1.96 * np.sqrt(first.var() / 400 + second.var() / 100)
    assert value == pytest.approx(first.mean() - second.mean())
    assert [low, high] == pytest.approx([value - width, value + width], abs=width / 5)


def test_without_items_there_is_no_number():
    assert all(np.isnan(effects.mean([[1.0], []])))
    assert all(np.isnan(effects.mean_auc([])))


def test_rank_correlation_without_ties_is_spearmans_formula(random):
    x, y = random.permutation(20), random.permutation(20)
    expected = 1 - 6 * np.square(x - y).sum() / (20 * (20**2 - 1))
    assert effects.spearman(x, np.exp(y)) == pytest.approx(expected)


def test_share_has_wilsons_interval():
    # Brown, Cai & DasGupta (2001): (p + z^2/2n +- z sqrt(p q / n + z^2 / 4n^2)) / (1 + z^2/n)
    z, p, n = 1.959964, 0.2, 50
    middle, width = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = (p, (middle - width) / (1 + z**2 / n), (middle + width) / (1 + z**2 / n))
    assert effects.share(10, 50) == pytest.approx(expected)


def test_r_squared_of_the_mean_is_zero():
    assert effects.r_squared([1.0, 2.0, 3.0, 6.0], [3.0] * 4).value == 0


def test_ridge_regression_finds_a_line_and_leaves_out_constant_features(random):
    x = np.column_stack([random.normal(size=100), np.ones(100), random.normal(size=100)])
    y = 2 * x[:, 0] - x[:, 2] + 5
    assert effects.ridge(x, y, np.arange(100) % 5, penalty=1e-9) == pytest.approx(y, abs=1e-6)


def test_ridge_regression_predicts_a_group_from_the_others(random):
    """A target that is one number a group can't be predicted from the other groups."""
    groups = np.arange(40) % 4
    predicted = effects.ridge(np.eye(4)[groups], groups.astype(float), groups)
    assert np.all(np.abs(predicted - groups) > 0.5)


@pytest.mark.parametrize(
    ("low", "high", "at_least", "state"),
    [
        (0.6, 0.8, True, "yes"),
        (0.1, 0.3, True, "no"),
        (0.4, 0.6, True, "open"),
        (0.1, 0.3, False, "yes"),
        (0.6, 0.8, False, "no"),
        (0.4, 0.6, False, "open"),
        (np.nan, np.nan, True, "open"),
    ],
)
def test_a_part_is_decided_if_its_interval_is_on_one_side(low, high, at_least, state):
    assert Part("", Estimate((low + high) / 2, low, high), 0.5, at_least).state == state


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.9, 0.8], "holds"),
        ([0.9, 0.5], "holds partly"),
        ([0.9, 0.1], "holds partly"),
        ([0.5, 0.1], "does not hold"),
        ([0.5, 0.5], "cannot be told"),
        ([], "cannot be told"),
    ],
)
def test_the_verdict_follows_from_the_parts(values, verdict):
    parts = [Part("", Estimate(value, value - 0.1, value + 0.1), 0.5) for value in values]
    assert Result(parts, "", Chart("lines", "", "", [])).verdict == verdict


def test_maps_that_are_even_fill_their_area_and_have_full_spread():
    shape = measures.map_shape(np.ones((2, 5, 7, 3)))
    assert list(shape.values()) == pytest.approx([0, 1, 1])


def test_maps_of_one_row_fill_their_share_of_the_area():
    maps = np.zeros((1, 4, 4, 1))
    maps[0, 2] = 3
    # of the variance of 5/4 along each axis, one axis is left
    assert list(measures.map_shape(maps).values()) == pytest.approx([0.75, 0.25, np.sqrt(0.5)])


def test_units_explain_the_share_of_the_variance_that_is_theirs(random):
    """The logit is 2 a + b of independent units with one variance: r^2 is 4/5 and 1/5."""
    hidden = random.normal(size=(20_000, 2))
    outgoing = np.array([[2.0], [1.0]])
    result = measures.explained_by_parts(hidden, hidden, np.eye(2), outgoing, np.zeros(1))
    assert result["strongest"] == pytest.approx([0.8], abs=0.02)
    assert result["top"] == result["path"] == pytest.approx([1])


def test_paths_of_units_that_never_bend_name_the_networks_class(random):
    x = random.uniform(1, 2, (50, 6))
    incoming, outgoing = random.uniform(0, 1, (6, 4)), random.normal(size=(4, 3))
    hidden = np.maximum(x @ incoming, 0)
    result = measures.explained_by_parts(x, hidden, incoming, outgoing, np.zeros(3))
    assert result["agreement"] == 1


def test_a_turned_filter_is_a_copy_and_one_of_another_shape_is_not():
    corner, dot = np.array([[3.0, 2, 0], [1, 0, -1], [0, 0, -5]]), np.zeros((3, 3))
    dot[1, 1] = 1
    turned, other = (
        np.stack([corner, second], axis=-1)[:, :, np.newaxis]
        for second in (2 * np.rot90(corner), dot)
    )
    assert turned_copy_share(turned, turned, same=True) == 1
    assert turned_copy_share(other, other, same=True) == 0


def test_made_up_slices_have_their_share_of_edges(random):
    """Geary's C of a mixture lies between that of its edges and that of noise, which is 1."""
    roughness = [
        power.fw.score({"k": power.edges(random, 7, 400, share)[:, :, np.newaxis]})["k"]["geary_c"]
        for share in (0.0, 0.5, 1.0)
    ]
    assert roughness[0] == pytest.approx(1, abs=0.05)
    assert roughness[1] == pytest.approx((roughness[0] + roughness[2]) / 2, abs=0.05)


def test_a_simulation_makes_a_record_that_tells_edges_from_noise(monkeypatch):
    monkeypatch.setattr(power, "LAYERS", 2)
    monkeypatch.setattr(power, "SLICES", (4, 64))
    edges, noise = (power.simulate(Simulation(7, share)) for share in (1.0, 0.0))
    assert edges["structured"][-1] == noise["untrained"][-1] == 1


def test_names_of_trainings_differ():
    names = [task.name for task in all_tasks(WINDOWS)]
    assert len(names) == len(set(names))


def test_data_sets_that_are_missing_are_left_out():
    tasks = all_tasks(["digits"])
    assert {task.data for task in tasks if isinstance(task, Training)} == {"digits"}


def test_a_training_makes_a_record_that_the_claims_read(items, tmp_path):
    base = Training("windows", "digits", 3, 0, (48, 16), epochs=2)
    trainings = [
        base,
        Training("few", "digits", 3, 0, (48, 16), epochs=1, distinct=8, random_labels=True),
    ]
    for training in trainings:
        records.write(path_of(tmp_path, training.name), train(training, items))
    read = Records(tmp_path)
    assert len(read.trained) == 2
    trained = read.of("windows")[0]
    assert trained.reach == 1
    assert len(trained.steps) == len(trained.maps) == 3  # before training, and two epochs
    assert np.shape(trained.kernels["end"]["first"]) == (3, 3, 1, 16)
    assert trained.problems == []
    for claim in CLAIMS:  # most have too few trainings to tell anything
        result = claim.measure(read)
        assert result.verdict in ("holds", "holds partly", "does not hold", "cannot be told")
        assert page.section(claim, result, has_picture=False).startswith("**Verdict:")


def test_a_network_begins_afresh_each_time_and_like_those_that_it_is_compared_with(items):
    plain = Training("windows", "digits", 3, 0, (48, 16))
    strong = Training("regularised", "digits", 3, 0, (48, 16), l2=0.01)

    def kernel(training):
        model = network(training, (8, 8, 1), 2)
        first = keras.ops.convert_to_numpy(model.get_layer("first").kernel)
        model.get_layer("first").kernel.assign(first * 0)  # as if it were trained
        return first

    first = kernel(plain)
    assert first.std() > 0
    np.testing.assert_array_equal(kernel(plain), first)
    np.testing.assert_array_equal(kernel(strong), first)


def test_the_page_has_a_place_for_each_claim():
    text = PAGE.read_text(encoding="utf-8")
    marks = re.findall(r"^<!-- claims: (\w+) -->$", text, re.MULTILINE)
    assert sorted(marks) == sorted(["table", "trainings", *(claim.key for claim in CLAIMS)])
    headings = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert headings == [claim.text for claim in CLAIMS]


def test_a_page_without_the_marks_of_a_part_is_refused():
    with pytest.raises(ValueError, match="smooth"):
        page.filled("# Claims\n", {"smooth": "text"})


def test_a_report_without_records_says_what_to_run(tmp_path):
    with pytest.raises(ValueError, match="claims train"):
        page.write_page(tmp_path, tmp_path)


def test_the_plan_has_ten_seeds_for_networks_that_learn_well():
    seeds = {t.seed for t in all_tasks(["mnist"]) if getattr(t, "study", "") == "windows"}
    assert seeds == set(range(10))
    assert plan.SLICES[0] < 72 < plan.SLICES[-1]
