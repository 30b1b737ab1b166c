"""A Run that is read while its training goes on: bit by bit, and what is added later."""

import os
import shutil

import numpy as np
import pytest
from same_runs import assert_same_runs
from small_rules import alarm
from test_record import NO_FAULT, scores_at, step_at, write

import keras_filterwatch as fw
from keras_filterwatch.alarms import Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.record import RecordWriter, reader
from keras_filterwatch.record.frames import contents, frame, frames, start_of_file
from keras_filterwatch.runs import open_run
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path / "run")


@pytest.fixture
def elsewhere():
    """A folder that is not on this machine."""
    fsspec = pytest.importorskip("fsspec")
    yield folder_of("memory://updates/run")
    fsspec.filesystem("memory").rm("/updates", recursive=True)


def assert_as_read_anew(run):
    """Demands that a run which was updated says what it says when it is read as a whole."""
    anew = fw.read(run.location)
    assert_same_runs(anew, run)
    assert (run.steps, run.has_ended, run.problems) == (anew.steps, anew.has_ended, anew.problems)
    assert (run.logs, run.diagnoses) == (anew.logs, anew.diagnoses)
    for score in ("noise", "norm"):
        np.testing.assert_array_equal(run.numbers(score), anew.numbers(score))


# What was added since.


def test_an_update_finds_further_steps(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    writer.write(step_at(2))
    assert run.update()
    assert run.steps == [0, 1, 2]
    assert_as_read_anew(run)


def test_an_update_finds_the_end_of_the_fit(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    writer.close()
    assert run.update()
    assert run.has_ended


def test_an_update_without_anything_new_reads_nothing(folder, monkeypatch):
    write(folder, [0, 1])
    run = fw.read(folder.location)
    version = run.version
    monkeypatch.setattr(type(folder), "read", lambda *_: pytest.fail("it was read"))
    assert not run.update()
    assert run.version == version


def test_an_update_reads_only_what_was_appended(folder, monkeypatch):
    writer = write(folder, range(20), closes=False)
    before = len(folder.read("record-0001.fwr"))
    run = fw.read(folder.location)
    writer.write(step_at(20))
    lengths, read = [], type(folder).read

    def measured(*arguments):
        lengths.append(len(data := read(*arguments)))
        return data

    monkeypatch.setattr(type(folder), "read", measured)
    assert run.update()
    added = (folder.path / "record-0001.fwr").stat().st_size - before
    assert sum(lengths) <= added + 16


def test_the_version_changes_with_each_update_that_finds_something(folder):
    writer = write(folder, [0], closes=False)
    run = fw.read(folder.location)
    versions = [run.version]
    for step in (1, 2):
        writer.write(step_at(step))
        run.update()
        versions.append(run.version)
    assert len(set(versions)) == 3


def test_results_that_were_asked_for_before_an_update_are_renewed(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    before = (len(run.history), run.snapshot.step, run.recorded_scores.step, len(run.logs["loss"]))
    assert before == (2, 1, 1, 2)
    assert [column.step for column in run.film_strips["conv"].columns] == [0, 1]
    writer.write(step_at(2))
    run.update()
    after = (len(run.history), run.snapshot.step, run.recorded_scores.step, len(run.logs["loss"]))
    assert after == (3, 2, 2, 3)
    assert [column.step for column in run.film_strips["conv"].columns] == [0, 1, 2]


def test_a_step_that_comes_again_replaces_the_first(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    assert "accuracy" not in run.scores_at(1).logs
    writer.write(step_at(1, scores=scores_at(1, accuracy=0.5), kernels={}))
    assert run.update()
    assert run.scores_at(1).logs["accuracy"] == 0.5
    assert run.kernels("conv", 1).array.max() == 1  # as the step had them before
    assert_as_read_anew(run)


def test_an_alarm_that_ends_later_ends(folder):
    writer = RecordWriter(folder, "epoch")
    writer.write(step_at(0, judgement=Judgement((), (alarm(step=0, ended=None),), ())))
    run = fw.read(folder.location)
    writer.write(step_at(1, judgement=Judgement((), (), (alarm(step=0, ended=1),))))
    run.update()
    assert [each.ended for each in run.alarms] == [1]


def test_a_run_that_another_process_continues_goes_on(folder):
    write(folder, [0, 1])
    run = fw.read(folder.location)
    write(folder, [2, 3], continues_after=1)
    assert run.update()
    assert run.steps == [0, 1, 2, 3]
    assert_as_read_anew(run)


def test_a_run_that_goes_back_loses_the_later_steps(folder):
    write(folder, [0, 1, 2, 3], closes=False)
    run = fw.read(folder.location)
    write(folder, [step_at(2, scores=scores_at(2, again=1.0))], continues_after=1)
    assert run.update()
    assert run.steps == [0, 1, 2]
    assert run.scores_at(2).logs["again"] == 1
    assert_as_read_anew(run)


def test_the_end_of_a_file_is_read_before_the_next_one(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    writer.write(step_at(2))
    write(folder, [3], continues_after=2)
    run.update()
    assert run.steps == [0, 1, 2, 3]


def test_a_record_that_grows_byte_by_byte_says_what_a_whole_one_says(folder, tmp_path):
    write(folder, [0, step_at(1, kernels={})], closes=False)
    whole = folder.read("record-0001.fwr")
    growing = folder_of(tmp_path / "growing")
    growing.write("record-0001.fwr", whole[:1])
    run = open_run(growing)
    file = (tmp_path / "growing" / "record-0001.fwr").open("ab", buffering=0)
    for place in range(1, len(whole)):
        file.write(whole[place : place + 1])
        run.update()
    file.close()
    assert run.steps == [0, 1]
    assert run.problems == []
    assert_as_read_anew(run)


def test_a_torn_tail_is_named_until_it_is_whole(folder):
    writer = write(folder, [0, 1], closes=False)
    before = len(folder.read("record-0001.fwr"))
    writer.write(step_at(2))
    whole = folder.read("record-0001.fwr")
    path = folder.path / "record-0001.fwr"
    os.truncate(path, before + 100)
    run = fw.read(folder.location)
    assert ["ends within a step" in each for each in run.problems] == [True]
    with path.open("r+b") as file:
        file.seek(before + 100)
        file.write(whole[before + 100 :])
    assert run.update()
    assert (run.steps, run.problems) == ([0, 1, 2], [])


def test_a_part_that_is_longer_than_a_block_is_read(folder, monkeypatch):
    monkeypatch.setattr(reader, "_BLOCK", 64)
    write(folder, [0, 1, 2])
    run = fw.read(folder.location)
    assert (run.steps, run.problems) == ([0, 1, 2], [])
    assert_as_read_anew(run)


# Files that were changed.


def test_a_file_that_became_shorter_is_read_anew(folder):
    write(folder, [0, 1, 2], closes=False)
    run = fw.read(folder.location)
    parts = list(frames(folder.read("record-0001.fwr")))
    os.truncate(folder.path / "record-0001.fwr", parts[-3].stop)
    assert run.update()
    assert run.steps == [0, 1]
    assert_as_read_anew(run)


def test_a_file_that_was_replaced_is_read_anew(folder, tmp_path):
    write(folder, [0, 1])
    run = fw.read(folder.location)
    assert run.scores_at(1)["conv"]["noise"] == 2
    other = folder_of(tmp_path / "other")
    write(other, [7, 8, 9])
    shutil.copy(other.path / "record-0001.fwr", folder.path)
    assert run.update()
    assert run.steps == [7, 8, 9]
    assert_as_read_anew(run)


def test_an_earlier_file_that_was_changed_is_read_anew(folder):
    write(folder, [0, 1])
    write(folder, [2], continues_after=1)
    run = fw.read(folder.location)
    data = folder.read("record-0001.fwr")
    folder.write("record-0001.fwr", data[: list(frames(data))[3].stop])
    assert run.update()
    assert run.steps == [0, 2]


def test_a_record_that_was_removed_leaves_a_run_without_steps(folder):
    write(folder, [0, 1])
    run = fw.read(folder.location)
    (folder.path / "record-0001.fwr").unlink()
    assert run.update()
    assert (run.steps, run.share_read) == ([], 1)
    assert ["no record any more" in each for each in run.problems] == [True]


def test_a_damaged_part_that_comes_later_is_named(folder):
    writer = write(folder, [0, 1], closes=False)
    run = fw.read(folder.location)
    before = len(folder.read("record-0001.fwr"))
    writer.write(step_at(2))
    data = bytearray(folder.read("record-0001.fwr"))
    data[before + 20] ^= 1
    (folder.path / "record-0001.fwr").write_bytes(bytes(data))
    assert run.update()
    assert run.steps == [0, 1]
    assert run.problems == [
        f"record-0001.fwr is damaged from byte {before} on: what follows there is left out."
    ]


def test_scores_that_were_changed_since_are_refused(folder):
    write(folder, [0])
    run = fw.read(folder.location)
    data = bytearray(folder.read("record-0001.fwr"))
    step = next(part for part in frames(bytes(data)) if part.kind == "STEP")
    data[step.stop - 1] ^= 1
    (folder.path / "record-0001.fwr").write_bytes(bytes(data))
    with pytest.raises(ValueError, match="checksum"):
        run.scores_at(0)


def test_numbers_of_filters_that_do_not_unpack_are_left_out_and_named(folder):
    write(folder, [0])
    data = folder.read("record-0001.fwr")
    step = next(part for part in frames(data) if part.kind == "STEP")
    document, arrays = contents(data[step.start : step.stop])
    filters = document["scores"]["layers"][0]["filters"]
    filters["labels"] = {"array": len(arrays), "words": ["edge"]}
    places = np.array([0, 5], np.int32)  # there is one word
    other = frame("STEP", document, [*arrays, places])
    folder.write("record-0001.fwr", data[: step.start] + other)
    run = fw.read(folder.location)
    assert run.problems == []
    assert run.scores_at(0)["conv"]["noise"] == 1
    assert dict(run.scores_at(0)["conv"].filters) == {}
    assert ["single filters at step 0" in each for each in run.problems] == [True]


# Bit by bit.


def test_a_run_that_was_opened_has_read_nothing(folder):
    write(folder, [0, 1, 2])
    run = open_run(folder.location)
    assert (run.steps, run.share_read, run.layers) == ([], 0, {})


def test_each_update_reads_one_part_at_least_until_all_is_read(folder):
    write(folder, range(6))
    write(folder, range(6, 9), continues_after=5)
    run = open_run(folder)
    shares, steps = [run.share_read], [0]
    while run.share_read < 1:
        assert run.update(seconds=0)
        shares.append(run.share_read)
        steps.append(len(run.steps))
        assert run.steps == list(range(len(run.steps)))
    assert shares == sorted(shares)
    assert len(set(steps)) == 10
    assert not run.update()
    assert_as_read_anew(run)


def test_nothing_to_open_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        open_run(folder_of(tmp_path / "nothing"))


# Elsewhere.


def test_a_run_elsewhere_is_updated(elsewhere):
    writer = write(elsewhere, [0, 1], closes=False)
    run = open_run(elsewhere)
    assert run.update()
    assert (run.steps, run.share_read) == ([0, 1], 1)
    assert not run.update()
    writer.write(step_at(2))
    assert run.update()
    write(elsewhere, [3], continues_after=2)
    assert run.update()
    assert run.steps == [0, 1, 2, 3]
    assert run.kernels("conv", 2).array.max() == 2
    assert_as_read_anew(run)


def test_a_file_elsewhere_that_was_replaced_is_read_anew(elsewhere):
    write(elsewhere, [0, 1])
    run = fw.read(elsewhere.location)
    elsewhere.write("record-0001.fwr", start_of_file())
    write(elsewhere, [5])
    assert run.update()
    assert run.steps == [5]


# What a run says without the numbers of single filters.


def test_numbers_of_a_score_have_a_row_for_each_layer_of_the_last_step(folder):
    def layer(**numbers):
        return LayerScores("Dense", (2, 3), "undetermined", numbers, {})

    first = {"a": layer(norm=1.0), "b": layer(norm=2.0, noise=float("nan"))}
    last = {"b": layer(norm=3.0), "c": layer(), "a": layer(norm=4.0)}
    steps = [Scores(0, 0, first), Scores(1, 1, last)]
    write(folder, [step_at(each.step, scores=each, kernels={}) for each in steps])
    run = fw.read(folder.location)
    nan = np.nan
    np.testing.assert_array_equal(run.numbers("norm"), [[2, 3], [nan, nan], [1, 4]])
    np.testing.assert_array_equal(run.numbers("norm", [1]), [[3], [nan], [4]])
    np.testing.assert_array_equal(run.numbers("unknown"), np.full((3, 2), nan))
    assert list(run.layers) == ["b", "c", "a"]
    with pytest.raises(ValueError, match="no step 7"):
        run.numbers("norm", [7])


def test_logs_have_a_value_for_each_step(folder):
    write(folder, [0, step_at(1, scores=scores_at(1, accuracy=0.5))])
    assert str(fw.read(folder.location).logs) == "{'loss': [1.0, 0.5], 'accuracy': [nan, 0.5]}"


def test_diagnoses_are_those_that_differ_from_the_one_before(folder):
    other = Diagnosis("rate too high", ("It is loud.",), "Lower the rate.")
    write(folder, [0, 1, step_at(2, diagnosis=other), step_at(3, diagnosis=other), 4])
    assert fw.read(folder.location).diagnoses == [(0, NO_FAULT), (2, other), (4, NO_FAULT)]


def test_steps_with_weights_are_those_whose_kernels_were_recorded(folder):
    write(folder, [0, step_at(1, kernels={}), 2])
    run = fw.read(folder.location)
    assert run.weight_steps == [0, 2]
    assert list(run.quantised_kernels(2)) == ["conv"]
    assert run.quantised_kernels(1) == {}
