"""Epochs and batches, counted over several fits."""

import pytest

from keras_filterwatch.training.clock import Clock


def steps(clock, *fits, per_epoch=4, known=True):
    """The steps of the snapshots that are due in fits of (initial epoch, epochs)."""
    due = []

    def snapshot():
        due.append(clock.step)
        clock.snapshot_taken()

    given = per_epoch if known else None
    for number, (initial, epochs) in enumerate(fits):
        clock.fit_begins(initial, given, is_first=number == 0)
        if number == 0:
            snapshot()
        for epoch in range(initial, epochs):
            clock.epoch_begins(given)
            for batch in range(per_epoch):
                if clock.batch_ends(batch):
                    snapshot()
            clock.epoch_ends(epoch)
            snapshot()
    return due


def test_an_epoch_is_a_step():
    assert steps(Clock(), (0, 3)) == [0, 1, 2, 3]


def test_a_resumed_training_starts_at_its_initial_epoch():
    assert steps(Clock(), (5, 7)) == [5, 6, 7]


def test_a_second_fit_goes_on_where_the_first_ended():
    assert steps(Clock(), (0, 2), (0, 2)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("every", "expected"), [(1, [0, *range(1, 9)]), (3, [0, 3, 4, 7, 8]), (9, [0, 4, 8])]
)
def test_steps_are_batches_where_snapshots_count_them(every, expected):
    assert steps(Clock(every), (0, 2)) == expected


def test_a_resumed_training_counts_the_batches_before_it():
    assert steps(Clock(4), (2, 3)) == [8, 12]


def test_of_an_epoch_of_unknown_length_every_batch_counts():
    # the last batch of an epoch is not known as such: its snapshot and the epoch's are one step
    assert steps(Clock(2), (0, 1), known=False) == [0, 2, 4, 4]


def test_with_several_batches_at_once_those_beyond_the_epoch_do_not_count():
    clock = Clock(1)
    clock.fit_begins(0, 4, is_first=True)
    clock.epoch_begins(4)
    assert clock.batch_ends(2)
    assert not clock.batch_ends(5)  # the epoch's end takes that step
    assert clock.batches == 4


@pytest.mark.parametrize(("every", "unit"), [(0, "epoch"), (7, "step")])
def test_the_unit_of_a_step_is_named(every, unit):
    assert Clock(every).unit == unit
