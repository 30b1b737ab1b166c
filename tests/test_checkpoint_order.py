"""Which files of a folder are checkpoints, and in which order."""

import os
from pathlib import Path

import pytest

from keras_filterwatch.checkpoints.listing import (
    CheckpointFile,
    can_grow,
    checkpoint_files,
)
from keras_filterwatch.checkpoints.order import (
    RepeatedStepError,
    gaps,
    order_by_name,
    order_by_time,
)
from keras_filterwatch.checkpoints.step_pattern import StepPattern

NUMBER = StepPattern(r"(\d+)")


def touch(folder, *names):
    """Makes files in a folder."""
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(*places):
    return [file.name for file in checkpoint_files([str(place) for place in places])]


def files(*names):
    return [CheckpointFile(Path(name), name) for name in names]


def test_a_folder_stands_for_its_files_with_the_endings_of_checkpoints(tmp_path):
    touch(tmp_path, "1.keras", "2.weights.h5", "3.npz", "training.csv", "notes.txt", ".4.keras")
    assert names(tmp_path) == ["1.keras", "2.weights.h5", "3.npz"]


def test_a_folder_that_is_a_checkpoint_counts_as_one_file(tmp_path):
    touch(tmp_path, "epoch-1/saved_model.pb", "epoch-1/variables/variables.index", "logs/events")
    touch(tmp_path, "epoch-2/ckpt.index", "epoch-2/ckpt.data-00000-of-00001")
    assert names(tmp_path) == ["epoch-1", "epoch-2"]


def test_the_parts_of_a_checkpoint_are_listed_once(tmp_path):
    touch(tmp_path, "checkpoint", "ckpt-1.index", "ckpt-1.data-00000-of-00001")
    touch(tmp_path, "big.weights.json", "big_00000.weights.h5", "big_00001.weights.h5")
    assert names(tmp_path) == ["big.weights.json", "ckpt-1.index"]
    assert names(tmp_path / "*") == ["big.weights.json", "ckpt-1.index"]


def test_a_pattern_may_lead_through_folders(tmp_path):
    touch(tmp_path, "run/1/model.keras", "run/2/model.keras", "run/2/other.keras")
    assert names(tmp_path / "run" / "*" / "model.keras") == ["1/model.keras", "2/model.keras"]


def test_files_are_named_below_the_folder_that_they_share(tmp_path):
    touch(tmp_path, "a/1.keras", "b/2.keras")
    assert names(tmp_path / "a/1.keras", tmp_path / "b/2.keras") == ["a/1.keras", "b/2.keras"]


def test_a_name_with_the_marks_of_a_pattern_is_a_name_where_it_exists(tmp_path):
    touch(tmp_path, "[1].keras")
    assert names(tmp_path / "[1].keras") == ["[1].keras"]


def test_what_does_not_exist_is_no_checkpoint(tmp_path):
    assert names(tmp_path / "none") == []


def test_further_files_come_to_folders_and_patterns_only(tmp_path):
    touch(tmp_path, "1.keras", "saved/saved_model.pb")
    assert can_grow(str(tmp_path))
    assert can_grow(str(tmp_path / "*.keras"))
    assert can_grow(str(tmp_path / "later"))
    assert not can_grow(str(tmp_path / "1.keras"))
    assert not can_grow(str(tmp_path / "saved"))


def test_the_signature_changes_with_each_part_of_a_checkpoint(tmp_path):
    touch(tmp_path, "ckpt-1.index", "ckpt-1.data-00000-of-00001")
    (file,) = checkpoint_files([str(tmp_path)])
    before = file.signature()
    assert file.signature() == before
    Path(tmp_path, "ckpt-1.data-00000-of-00001").write_text("more than before")
    assert file.signature() != before


def test_names_are_ordered_by_their_numbers():
    order = order_by_name(files("10.keras", "9.keras", "100.keras"), NUMBER)
    assert list(order.files) == [9, 10, 100]


def test_two_files_of_one_step_are_a_question():
    with pytest.raises(RepeatedStepError, match=r"'3-0.5', '03-0.4' are all of step 3\. Which"):
        order_by_name(files("3-0.5", "03-0.4", "4-0.3"), StepPattern(r"^(\d+)"))


def test_a_further_file_of_a_known_step_is_left_out():
    first, second = files("3.keras", "03.keras")
    order = order_by_name([first, second], NUMBER, known={3: first})
    assert order.files == {3: first}
    assert order.repeated == (second,)


def test_files_are_ordered_by_the_time_of_their_last_change(tmp_path):
    for name, time in (("b.keras", 10), ("a.keras", 20), ("c-10.keras", 15), ("c-9.keras", 15)):
        touch(tmp_path, name)
        os.utime(tmp_path / name, (time, time))
    order = order_by_time(checkpoint_files([str(tmp_path)]))
    assert [file.name for file in order.files.values()] == [
        *("b.keras", "c-9.keras", "c-10.keras", "a.keras")
    ]
    assert list(order.files) == [1, 2, 3, 4]


def test_a_file_that_came_later_is_the_next_step_whatever_its_time(tmp_path):
    touch(tmp_path, "b.keras")
    order = order_by_time(checkpoint_files([str(tmp_path)]))
    touch(tmp_path, "a.keras")
    os.utime(tmp_path / "a.keras", (1, 1))
    order = order_by_time(checkpoint_files([str(tmp_path)]), order.files)
    assert [file.name for file in order.files.values()] == ["b.keras", "a.keras"]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([0, 1, 2], []),
        ([0, 5, 10, 15], []),
        ([1, 2, 4, 5, 9], [(2, 4), (5, 9)]),
        ([0, 5, 15], [(5, 15)]),
        ([7], []),
    ],
)
def test_a_gap_is_wider_than_the_usual_distance(steps, expected):
    assert gaps(steps) == expected
