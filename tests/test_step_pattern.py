"""Which number in a checkpoint's name is its step: by the names alone, or as the user says."""

import pytest

from keras_filterwatch.checkpoints.step_pattern import (
    StepPatternError,
    parse_step_pattern,
    step_pattern_of,
)


def steps(names):
    """The step of each name, by the pattern that the names have."""
    pattern = step_pattern_of(names)
    return [pattern.step(name) for name in names]


def question(names):
    """What is asked where names do not tell the steps."""
    with pytest.raises(StepPatternError) as error:
        step_pattern_of(names)
    return str(error.value)


# names as the documentation of ModelCheckpoint and other programs has them
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["00.keras", "01.keras", "10.keras"], [0, 1, 10]),
        (["weights.01-0.52.hdf5", "weights.02-1.00.hdf5"], [1, 2]),
        (["ckpt-1-nan.keras", "ckpt-2-0.5.keras", "ckpt-3-1e-05.keras"], [1, 2, 3]),
        (["m-03--0.50.keras", "m-04-0.25.keras"], [3, 4]),
        (["run2_epoch1.weights.h5", "run2_epoch2.weights.h5"], [1, 2]),
        (["epoch=1-step=500.ckpt", "epoch=2-step=1000.ckpt"], [1, 2]),
        (["checkpoint-500/model.safetensors", "checkpoint-1000/model.safetensors"], [500, 1000]),
        (["ckpt-1.index", "ckpt-2.index"], [1, 2]),
        (["model.9.keras", "model.10.keras"], [9, 10]),
        (["3.h5", "4.h5"], [3, 4]),
        (["mnist-7.keras"], [7]),
    ],
)
def test_the_number_that_differs_is_the_step(names, expected):
    assert steps(names) == expected


def test_names_without_the_number_have_no_step():
    assert steps(["01.keras", "02.keras", "best.keras", "final-1.keras"]) == [1, 2, None, None]


def test_a_later_name_of_another_run_has_no_step():
    pattern = step_pattern_of(["run1-01.keras", "run1-02.keras"])
    assert pattern.step("run1-03.keras") == 3
    assert pattern.step("run2-03.keras") is None


def test_two_numbers_that_differ_are_a_question_with_both_answers():
    text = question(["a-1-100.keras", "a-2-200.keras"])
    assert r"--step-pattern 'a-(\d+)-\d+\.keras'" in text
    assert r"--step-pattern 'a-\d+-(\d+)\.keras'" in text


def test_each_answer_of_the_question_is_a_pattern_that_works():
    assert parse_step_pattern(r"a-(\d+)-\d+\.keras").step("a-2-200.keras") == 2
    assert parse_step_pattern(r"a-\d+-(\d+)\.keras").step("a-2-200.keras") == 200


def test_two_runs_side_by_side_are_a_question():
    assert "'first-1.keras', 'second-1.keras'" in question(
        ["first-1.keras", "first-2.keras", "second-1.keras", "second-2.keras"]
    )


def test_names_without_numbers_are_a_question():
    assert "--by time" in question(["best.keras", "last.keras"])


def test_metrics_alone_are_no_steps():
    assert "no whole number" in question(["acc-0.51.keras", "acc-0.52.keras"])


def test_a_template_of_model_checkpoint_finds_the_epoch():
    pattern = parse_step_pattern("out/m{epoch:03d}-{val_loss:.2f}-{batch}.keras")
    assert pattern.step("/home/me/out/m007-0.52-9.keras") == 7


def test_a_template_means_the_whole_name():
    assert parse_step_pattern("{epoch}.keras").step("best-7.keras") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "no regular expression"),
        (r"ckpt-\d+", "0 groups"),
        (r"(\d+)-(\d+)", "2 groups"),
        ("{epoch", "no name as ModelCheckpoint"),
        ("{epoch}-{epoch}.keras", "once"),
    ],
)
def test_a_wrong_pattern_is_explained(text, reason):
    with pytest.raises(StepPatternError, match=reason):
        parse_step_pattern(text)


def test_a_group_that_matches_other_text_than_digits_is_no_step():
    assert parse_step_pattern("(best|[0-9]+)").step("best.keras") is None


def test_a_number_of_more_digits_than_steps_have_is_none():
    assert parse_step_pattern(r"(\d+)").step("9" * 200) is None
