"""What rules ask of a history, on made-up scores and logs."""

import math

import pytest

from keras_filterwatch.history import History
from keras_filterwatch.scores import LayerScores, Scores


def logged(*logs, units=10):
    """A step for each of these logs, of a network whose last layer has so many units."""
    layers = {
        name: LayerScores("", (8, count), "undetermined", {}, {})
        for name, count in (("first", 5), ("hidden", 7), ("head", units))
    }
    return History(Scores(step, step, layers, {}, each) for step, each in enumerate(logs))


@pytest.mark.parametrize("name", ["accuracy", "acc", "sparse_categorical_accuracy"])
@pytest.mark.parametrize(("units", "guessing"), [(10, 1 / 10), (2, 1 / 2), (1, 1 / 2)])
def test_progress_goes_from_guessing_to_perfection(name, units, guessing):
    for accuracy, way in ((guessing, 0), ((1 + guessing) / 2, 0.5), (1, 1)):
        steps = logged({}, {"loss": 1.0, name: accuracy}, units=units)
        assert steps.progress() == pytest.approx(way)


def test_progress_without_accuracy_is_the_share_of_the_first_loss_that_is_gone():
    steps = logged({}, {"loss": 2.0, "val_loss": 4.0}, {}, {"loss": 0.5, "val_loss": 3.0}, {})
    assert steps.progress() == 0.75
    assert steps.progress("val_") == 0.25
    assert steps.gap() == 0.5


def test_gap_is_between_the_ways_on_both_data():
    # of ten classes, .91 is .9 of the way, .55 half of it
    steps = logged({}, {"loss": 1.0, "accuracy": 0.91, "val_accuracy": 0.55})
    assert steps.gap() == pytest.approx(0.4)


@pytest.mark.parametrize("logs", [{}, {"learning_rate": 0.1}, {"loss": 0.0}, {"loss": math.nan}])
def test_progress_and_gap_are_nan_without_evidence(logs):
    assert math.isnan(logged(logs).progress())
    assert math.isnan(logged(logs).gap())


def test_gap_is_nan_without_validation():
    assert math.isnan(logged({}, {"loss": 1.0, "accuracy": 0.9}).gap())


def test_logged_steps_are_those_with_a_loss():
    steps = logged({}, {"learning_rate": 0.1}, {"loss": 1.0}, {})
    assert [scores.step for scores in steps.logged] == [2]


def rotated(*steps, trainable=True, first_epoch=0):
    """A step for each tuple of rotations, a layer each."""
    return History(
        Scores(
            step,
            first_epoch + step,
            {
                f"layer{i}": LayerScores("", (8, 10), "", {"rotation": each}, {}, trainable)
                for i, each in enumerate(rotations)
            },
        )
        for step, rotations in enumerate(steps)
    )


def test_a_history_is_a_sequence_of_scores_that_slices_and_compares():
    steps = logged({}, {"loss": 1.0}, {"loss": 0.5})
    assert len(steps) == 3
    assert steps[-1].logs["loss"] == 0.5
    assert isinstance(steps[1:], History)
    assert steps[1:] == [steps[1], steps[2]]
    assert [scores.step for scores in steps[1:]] == [1, 2]
    assert steps != steps[1:]
    assert steps[1:] != steps
    assert not History()


def test_a_history_cannot_be_changed():
    steps = logged({}, {"loss": 1.0})
    with pytest.raises(TypeError):
        steps[0] = steps[1]
    assert not hasattr(steps, "append")


def test_a_history_of_a_history_is_itself():
    steps = logged({})
    assert History.of(steps) is steps
    assert History.of(list(steps)) == steps


def test_epoch_ends_are_the_first_step_and_the_first_of_each_further_epoch():
    epochs = [0, 0, 1, 1, 1, 2]
    steps = History(Scores(step, epoch, {}) for step, epoch in enumerate(epochs))
    assert [scores.step for scores in steps.epoch_ends] == [0, 2, 5]
    assert steps.epochs == 2


def test_epochs_count_from_where_watching_began():
    assert rotated((0.0,), (0.1,), (0.2,), first_epoch=7).epochs == 2
    assert History().epochs == 0


def test_values_are_those_of_the_steps_that_have_the_score():
    steps = rotated((0.0,), (0.1,), (0.2,))
    assert steps.values("layer0", "rotation") == [0.0, 0.1, 0.2]
    assert steps.values("layer0", "noise") == []
    assert steps.values("other", "rotation") == []


def test_layers_with_a_score_come_with_its_past():
    steps = rotated((0.0, 0.0), (0.1, 0.3))
    assert [(name, values) for name, _, values in steps.layers_with("rotation")] == [
        ("layer0", [0.0, 0.1]),
        ("layer1", [0.0, 0.3]),
    ]


def test_hidden_layers_are_all_but_a_dense_last_one():
    layers = {
        name: LayerScores("", shape, "", {}, {})
        for name, shape in (("conv", (3, 3, 1, 8)), ("hidden", (8, 4)), ("head", (4, 2)))
    }
    steps = History([Scores(0, 0, layers)])
    assert [name for name, _ in steps.hidden_layers()] == ["conv", "hidden"]
    convolutions = History([Scores(0, 0, {"conv": layers["conv"]})])
    assert [name for name, _ in convolutions.hidden_layers()] == ["conv"]


def test_a_layer_is_trainable_as_it_is_now():
    frozen, free = (
        Scores(0, 0, {"conv": LayerScores("", (3, 3, 1, 8), "", {}, {}, trainable)})
        for trainable in (False, True)
    )
    assert not History([free, free, frozen]).is_trainable("conv")
    assert History([frozen, frozen, free]).is_trainable("conv")
    assert History([frozen]).is_trainable("not watched")


def test_the_largest_rotation_is_that_of_the_last_step():
    assert rotated((0.5, 0.5), (0.1, 0.3)).largest_rotation == 0.3
    assert math.isnan(logged({}).largest_rotation)


@pytest.mark.parametrize(
    ("rotations", "moved"),
    [
        ((0.0001, 0.001, 0.0011), True),  # ten times the first, and above .001
        ((0.0001, 0.0009, 0.00099), False),  # too little to tell
        ((0.001, 0.005, 0.0099), False),  # less than ten times the first
        ((0.001, 0.02), False),  # two layers are too few
    ],
)
def test_later_layers_moved_where_one_turned_ten_times_as_far(rotations, moved):
    start = (0.0,) * len(rotations)
    assert rotated(start, rotations).later_layers_moved() == moved
    assert rotated(start, rotations, rotations).later_layers_moved() == moved


def test_frozen_layers_do_not_count_as_later_layers_that_moved():
    assert not rotated((0, 0, 0), (0.0001, 0.1, 0.1), trainable=False).later_layers_moved()


@pytest.mark.parametrize(
    ("accuracies", "nowhere"),
    [
        ((0.1, 0.1, 0.1), True),
        ((0.1, 0.1, 0.1449), True),  # .0499 of the way in three epochs
        ((0.1, 0.1, 0.1451), False),
        ((0.1, 0.1), False),  # too early
        ((0.5501, 0.5501, 0.5501), False),  # just above half way: .55 of ten classes is half
        ((0.5499, 0.5499, 0.5499), True),
    ],
)
def test_training_gets_nowhere_below_half_way_without_progress(accuracies, nowhere):
    steps = logged({}, *({"loss": 1.0, "accuracy": each} for each in accuracies))
    assert steps.gets_nowhere() == nowhere


def test_the_best_validation_progress_may_lie_in_the_past():
    logs = [{"loss": 1.0, "val_loss": 1.0, "val_accuracy": each} for each in (0.1, 0.55, 0.28)]
    assert logged({}, *logs).best_validation_progress() == pytest.approx(0.5)
    assert math.isnan(logged({}, {"loss": 1.0}).best_validation_progress())


def trained(verdict, rotation, accuracy):
    layers = {
        "conv": LayerScores("", (3, 3, 1, 8), verdict, {"rotation": rotation}, {}),
        "head": LayerScores("", (8, 10), "undetermined", {}, {}),
    }
    return History([Scores(0, 0, layers), Scores(1, 1, layers, {}, {"loss": 1.0, **accuracy})])


@pytest.mark.parametrize(
    ("verdict", "rotation", "accuracy", "came"),
    [
        ("structured", 0.5, {}, True),
        ("structured", 0.5, {"accuracy": 0.56}, True),
        ("structured", 0.5, {"accuracy": 0.54}, False),
        ("untrained", 0.0099, {"accuracy": 0.56}, True),
        ("untrained", 0.0101, {"accuracy": 0.56}, False),
        ("untrained", 0.0099, {"accuracy": 0.54}, False),
    ],
)
def test_a_model_was_pretrained_with_structure_or_with_success_at_rest(
    verdict, rotation, accuracy, came
):
    assert trained(verdict, rotation, accuracy).was_pretrained() == came
