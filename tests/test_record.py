"""The record of a run: what is written is read back, and damage costs as little as possible."""

import struct
from dataclasses import replace

import numpy as np
import pytest
from same_runs import assert_same_histories
from small_rules import alarm

from keras_filterwatch.alarms import Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import (
    DamagedRecordError,
    RecordWriter,
    StepToRecord,
    read_record,
)
from keras_filterwatch.record.frames import VERSION, frame, frames, start_of_file
from keras_filterwatch.runs import Run
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of

NO_FAULT = Diagnosis("no fault found", (), "Train on.")


def scores_at(step, **logs):
    """The scores of one layer, which tell the step."""
    layer = LayerScores(
        "Conv2D",
        (3, 3, 1, 2),
        "untrained",
        {"noise": 1.0 + step},
        {"norm": np.array([step, 0.5], np.float32)},
    )
    return Scores(step, step, {"conv": layer}, {"bn": "no kernel"}, {"loss": 1 / (1 + step)} | logs)


def quantised(step):
    """A kernel whose largest weight is the step, or 0.5."""
    array = np.full((3, 3, 1, 2), max(step, 0.5), np.float32)
    return {"conv": QuantisedKernel.of(Kernel("conv", "Conv2D", array, kind="conv"))}


def step_at(step, **changes):
    """All that is recorded of a step."""
    whole = StepToRecord(
        scores_at(step),
        Judgement(),
        NO_FAULT,
        ModelFacts(optimizer="SGD"),
        quantised(step),
        batches=10 * step,
        checksums={"conv": step},
    )
    return replace(whole, **changes)


@pytest.fixture
def folder(tmp_path):
    return folder_of(tmp_path / "run")


def write(folder, steps, continues_after=None, closes=True):
    """One process, which writes these steps and ends, or is killed."""
    writer = RecordWriter(folder, "epoch", continues_after)
    for step in steps:
        writer.write(step if isinstance(step, StepToRecord) else step_at(step))
    if closes:
        writer.close()
    return writer


def weights(run, step):
    return run.kernels("conv", step).array.max()


def test_steps_come_back_with_all_their_parts(folder):
    write(folder, [0, 1, 2])
    record = read_record(folder)
    assert_same_histories([each.scores for each in record.steps.values()], map_scores(0, 1, 2))
    last = record.steps[2]
    assert (last.batches, last.checksums, last.diagnosis) == (20, {"conv": 2}, NO_FAULT)
    assert last.facts == ModelFacts(optimizer="SGD")
    assert record.problems == []


def map_scores(*steps):
    return [scores_at(step) for step in steps]


def test_the_kernels_of_each_step_are_its_own(folder):
    write(folder, [0, 1, 2])
    run = Run(read_record(folder))
    assert [weights(run, step) for step in run.steps] == [0.5, 1, 2]


def test_facts_hold_from_their_step_on(folder):
    later = ModelFacts(optimizer="Adam")
    write(folder, [0, step_at(1, facts=later), step_at(2, facts=later)])
    run = Run(read_record(folder))
    assert [run.facts_at(step).optimizer for step in run.steps] == ["SGD", "Adam", "Adam"]


def test_a_fit_has_ended_once_its_writer_was_closed(folder):
    writer = write(folder, [0, 1], closes=False)
    assert not read_record(folder).has_ended
    writer.close()
    assert read_record(folder).has_ended


def test_a_second_fit_of_a_writer_goes_on(folder):
    writer = write(folder, [0, 1])
    writer.write(step_at(2))
    record = read_record(folder)
    assert list(record.steps) == [0, 1, 2]
    assert not record.has_ended


def test_a_step_that_is_written_again_replaces_the_first_and_keeps_its_kernels(folder):
    again = step_at(1, scores=scores_at(1, accuracy=0.5), kernels={})
    write(folder, [0, 1, again])
    run = Run(read_record(folder))
    assert run.steps == [0, 1]
    assert run.history[-1].logs["accuracy"] == 0.5
    assert weights(run, 1) == 1


def test_steps_of_two_fits_at_once_are_sorted(folder):
    write(folder, [0, 2, 1, 3])
    assert list(read_record(folder).steps) == [0, 1, 2, 3]


def test_two_files_make_one_run(folder):
    write(folder, [0, 1])
    write(folder, [2, 3], continues_after=1)
    assert folder.names() == ["record-0001.fwr", "record-0002.fwr"]
    assert list(read_record(folder).steps) == [0, 1, 2, 3]


def test_a_run_that_goes_back_loses_the_later_steps(folder):
    write(folder, [0, 1, 2, 3], closes=False)
    write(folder, [step_at(2, scores=scores_at(2, again=1.0))], continues_after=1)
    run = Run(read_record(folder))
    assert run.steps == [0, 1, 2]
    assert run.history[-1].logs["again"] == 1


def test_a_new_run_in_the_same_folder_replaces_the_old_one(folder):
    write(folder, [0, 1, 2])
    write(folder, [0])
    assert list(read_record(folder).steps) == [0]


# Alarms.


def judged(step, new=(), ended=()):
    return step_at(step, judgement=Judgement((), tuple(new), tuple(ended)))


def alarm_at(step, ended=None, **changes):
    return alarm(step=step, ended=ended, **changes)


def test_alarms_have_their_end(folder):
    write(folder, [judged(0, [alarm_at(0)]), 1, judged(2, [], [alarm_at(0, ended=2)])])
    assert read_record(folder).raised == [alarm_at(0, ended=2)]


def test_an_alarm_that_ends_and_begins_again_is_two(folder):
    write(
        folder,
        [
            judged(0, [alarm_at(0)]),
            judged(1, [], [alarm_at(0, ended=1)]),
            judged(2, [alarm_at(2)]),
        ],
    )
    assert read_record(folder).raised == [alarm_at(0, ended=1), alarm_at(2)]


def test_an_alarm_that_becomes_worse_within_a_step_ends_and_begins_there(folder):
    note = alarm_at(1, level="note")
    write(
        folder,
        [0, judged(1, [note]), judged(1, [alarm_at(1)], [replace(note, ended=1)])],
    )
    assert read_record(folder).raised == [replace(note, ended=1), alarm_at(1)]


def test_a_run_that_goes_back_forgets_alarms_that_came_later(folder):
    # the rule of the second alarm says step 0 whenever it is raised
    write(folder, [0, judged(1, [alarm_at(1)]), judged(2, [alarm_at(0, rule="late")])])
    write(folder, [2], continues_after=1)
    assert read_record(folder).raised == [alarm_at(1)]


def test_a_run_that_goes_back_before_the_end_of_an_alarm_has_it_again(folder):
    write(folder, [judged(0, [alarm_at(0)]), 1, judged(2, [], [alarm_at(0, ended=2)])])
    write(folder, [2], continues_after=1)
    assert read_record(folder).raised == [alarm_at(0)]


# Damage.


def test_a_tail_that_is_cut_at_any_byte_costs_the_last_step_only(folder):
    writer = RecordWriter(folder, "epoch")
    for step in (0, 1):
        writer.write(step_at(step))
    before = len(folder.read("record-0001.fwr"))
    writer.write(step_at(2))
    whole = folder.read("record-0001.fwr")
    for end in range(before, len(whole)):
        folder.write("record-0001.fwr", whole[:end])
        record = read_record(folder)
        assert list(record.steps) == [0, 1]
        assert not record.is_damaged
        assert ["ends within a step" in each for each in record.problems] == [True] * (end > before)


def test_a_file_that_is_cut_in_its_beginning_is_a_run_without_steps(folder):
    write(folder, [0])
    whole = folder.read("record-0001.fwr")
    first_part = next(frames(whole)).stop
    for end in range(first_part):
        folder.write("record-0001.fwr", whole[:end])
        assert read_record(folder).steps == {}


def test_a_changed_byte_costs_what_follows_and_is_named(folder):
    write(folder, [0, 1, 2])
    data = bytearray(folder.read("record-0001.fwr"))
    third = [part for part in frames(bytes(data)) if part.kind == "STEP"][1]
    data[third.start + 30] ^= 1
    folder.write("record-0001.fwr", bytes(data))
    record = read_record(folder)
    assert list(record.steps) == [0]
    assert record.problems == [
        f"record-0001.fwr is damaged from byte {third.start} on: what follows there is left out."
    ]


def test_a_file_of_two_that_cannot_be_read_is_named(folder):
    write(folder, [0, 1])
    write(folder, [2], continues_after=1)
    folder.write("record-0002.fwr", b"something else")
    record = read_record(folder)
    assert list(record.steps) == [0, 1]
    assert record.problems == ["record-0002.fwr cannot be read: it is no record of FilterWatch."]


def test_a_removed_first_file_leaves_the_steps_of_the_second(folder):
    write(folder, [0, 1])
    write(folder, [2], continues_after=1)
    (folder.path / "record-0001.fwr").unlink()
    assert list(read_record(folder).steps) == [2]


def test_a_writer_whose_file_is_removed_goes_on_in_another(folder):
    writer = write(folder, [0, 1], closes=False)
    (folder.path / "record-0001.fwr").unlink()
    writer.write(step_at(2))
    assert list(read_record(folder).steps) == [2]


def test_a_writer_whose_file_is_cut_goes_on_in_another(folder):
    writer = write(folder, [0, 1], closes=False)
    with (folder.path / "record-0001.fwr").open("r+b") as file:
        file.truncate(600)
    writer.write(step_at(2))
    assert "record-0002.fwr" in folder.names()
    assert list(read_record(folder).steps)[-1] == 2


def test_a_file_of_a_newer_version_is_an_error_with_the_remedy(folder):
    write(folder, [0])
    data = folder.read("record-0001.fwr")
    folder.write("record-0001.fwr", struct.pack("<8sI", b"FWRECORD", VERSION + 1) + data[12:])
    with pytest.raises(DamagedRecordError, match=r"version 2 of the format.*install a newer one"):
        read_record(folder)


def test_parts_of_an_unknown_kind_are_left_out(folder):
    write(folder, [0, 1], closes=False)
    with (folder.path / "record-0001.fwr").open("ab") as file:
        file.write(frame("MORE", {"of": "a later version"}))
    record = read_record(folder)
    assert list(record.steps) == [0, 1]
    assert record.problems == []


def test_a_step_without_its_beginning_is_damage(folder):
    write(folder, [0])
    data = folder.read("record-0001.fwr")
    first = next(frames(data))
    folder.write("record-0001.fwr", start_of_file() + data[first.stop :])
    with pytest.raises(DamagedRecordError, match="first part is missing"):
        read_record(folder)


def test_kernels_that_were_changed_since_are_refused(folder):
    write(folder, [0])
    run = Run(read_record(folder))
    data = bytearray(folder.read("record-0001.fwr"))
    place = next(part for part in frames(bytes(data)) if part.kind == "KERN")
    data[place.stop - 1] ^= 1
    folder.write("record-0001.fwr", bytes(data))
    with pytest.raises(DamagedRecordError, match="checksum"):
        run.kernels("conv")


def test_a_folder_without_a_record_is_an_error(folder):
    with pytest.raises(FileNotFoundError, match="has no record of FilterWatch"):
        read_record(folder)
