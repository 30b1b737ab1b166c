"""A run is followed while its checkpoints are written: each complete file is recorded once."""

import shutil

import pytest
from checkpoints import save
from test_series import by_step

import keras_filterwatch as fw
from keras_filterwatch.checkpoints.following import Following
from keras_filterwatch.checkpoints.series import Series
from keras_filterwatch.storage import folder_of


class Enough(Exception):  # noqa: N818
    """What ends following where a test has seen enough."""


class Follower:
    """Follows a folder; between two looks it does what a training would do meanwhile.

    Args:
        folder: has the folder `files` of the checkpoints.
        *events: functions without arguments, each called between two looks; the last look follows.
        logs: what the training logged.
    """

    def __init__(self, folder, *events, logs=None):
        self.events = list(events)
        self.told = []
        self.steps = []  # that are recorded, at each look
        self.series = Series(folder_of(folder / "logs"), pictures=(), tell=lambda text: None)
        self.following = Following(
            self.series,
            lambda: by_step(folder / "files") if any((folder / "files").iterdir()) else {},
            logs,
            self.told.append,
            lambda: self.steps.append(self.series.last_step),
        )

    def sleep(self, seconds):
        if not self.events:
            raise Enough
        self.events.pop(0)()

    def follow(self, **options):
        """Follows until there are no more events; returns the last recorded step at each look."""
        try:
            self.following.follow(1.0, sleep=self.sleep, **options)
        except Enough:
            pass
        finally:
            self.series.close()
        return self.steps


def nothing():
    """What happens where nothing happens."""


@pytest.fixture
def files(tmp_path):
    """A folder for checkpoints; `tmp_path` has it."""
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def test_a_file_is_recorded_once_it_has_not_changed_between_two_looks(tmp_path, files):
    events = [lambda: save(files, 0), nothing, lambda: save(files, 1), nothing]
    assert Follower(tmp_path, *events).follow() == [None, None, 0, 0, 1]
    run = fw.read(tmp_path / "logs")
    assert run.steps == [0, 1]
    assert run.history[1]["conv"]["update"] > 0


def test_a_file_that_is_being_written_is_recorded_when_it_is_complete(tmp_path, files):
    (whole,) = save(tmp_path / "elsewhere", 1)
    content = whole.read_bytes()
    growing = files / "01.npz"
    save(files, 0)
    events = [
        lambda: growing.write_bytes(content[:1000]),
        lambda: growing.write_bytes(content[:2000]),
        nothing,  # a pause of the writer, as long as two looks
        nothing,
        lambda: growing.write_bytes(content),
        nothing,
    ]
    follower = Follower(tmp_path, *events)
    assert follower.follow() == [None, 0, 0, 0, 0, 0, 1]
    assert [outcome.state for outcome in follower.told] == ["recorded", "unreadable", "recorded"]


def test_a_file_that_stays_damaged_is_told_once_and_holds_nothing_up(tmp_path, files):
    save(files, 0)
    (files / "01.npz").write_bytes(b"PK\x03\x04 torn")
    events = [nothing, lambda: save(files, 2), nothing, nothing]
    follower = Follower(tmp_path, *events)
    follower.follow()
    assert [(each.file, each.state) for each in follower.told] == [
        *(("00.npz", "recorded"), ("01.npz", "unreadable"), ("02.npz", "recorded"))
    ]
    assert fw.read(tmp_path / "logs").steps == [0, 2]


def test_a_file_that_grows_holds_up_those_behind_it(tmp_path, files):
    (whole,) = save(tmp_path / "elsewhere", 1)
    content = whole.read_bytes()
    save(files, 0, 2)
    (files / "01.npz").write_bytes(content[:100])
    events = [
        lambda: (files / "01.npz").write_bytes(content[:5000]),
        lambda: (files / "01.npz").write_bytes(content),
        nothing,
    ]
    assert Follower(tmp_path, *events).follow() == [None, 0, 0, 2]
    assert fw.read(tmp_path / "logs").steps == [0, 1, 2]


def test_a_file_that_is_removed_before_it_is_read_is_no_failure(tmp_path, files):
    events = [lambda: save(files, 0), lambda: (files / "00.npz").unlink(), lambda: save(files, 1)]
    assert Follower(tmp_path, *events, nothing).follow()[-1] == 1


def test_following_ends_at_a_step(tmp_path, files):
    save(files, 0, 1, 2)
    follower = Follower(tmp_path, nothing, lambda: pytest.fail("it went on"))
    assert follower.follow(until=2) == [None, 2]


def test_following_ends_when_nothing_came_for_long(tmp_path, files):
    save(files, 0)
    time = iter(range(100))
    events = [nothing] * 90
    steps = Follower(tmp_path, *events).follow(idle_timeout=5, clock=lambda: next(time))
    assert steps[-1] == 0
    assert len(steps) < 10


def test_following_again_records_no_step_twice(tmp_path, files):
    save(files, 0, 1)
    Follower(tmp_path, nothing).follow()
    events = [nothing, lambda: save(files, 2), nothing]
    assert Follower(tmp_path, *events).follow() == [None, 1, 1, 2]
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["filterwatch"]
    run = fw.read(tmp_path / "logs")
    assert run.steps == [0, 1, 2]
    save(tmp_path / "all/files", 0, 1, 2)
    Follower(tmp_path / "all", nothing).follow()
    whole = fw.read(tmp_path / "all/logs")
    assert [dict(each["conv"]) for each in run.history] == [
        dict(each["conv"]) for each in whole.history
    ]


def test_following_after_a_kill_continues_the_record(tmp_path, files):
    save(files, 0, 1)
    killed = Follower(tmp_path, nothing)
    killed.following.look()
    killed.following.look()
    killed.series.recording.wait()
    shutil.copytree(tmp_path / "logs", tmp_path / "left/logs")  # as it is without an end
    assert not fw.read(tmp_path / "left/logs").has_ended
    shutil.copytree(files, tmp_path / "left/files")
    save(tmp_path / "left/files", 2)
    killed.series.close()
    Follower(tmp_path / "left", nothing).follow()
    run = fw.read(tmp_path / "left/logs")
    assert (run.steps, run.has_ended) == ([0, 1, 2], True)


def test_logs_that_come_after_their_checkpoint_are_waited_for(tmp_path, files):
    logs = {}
    save(files, 0, 1)
    events = [lambda: logs.update({1: {"loss": 0.5}}), nothing]
    follower = Follower(tmp_path, *events, logs=lambda: logs)
    assert follower.follow() == [None, 1, 1]
    assert fw.read(tmp_path / "logs").logs_at(1)["loss"] == 0.5


def test_logs_that_never_come_hold_nothing_up(tmp_path, files):
    save(files, 0, 1)
    assert Follower(tmp_path, nothing, nothing, nothing, logs=dict).follow()[-1] == 1


def test_logs_that_come_after_their_step_was_recorded_are_added(tmp_path, files):
    logs = {}
    save(files, 0, 1)
    events = [nothing, nothing, nothing, lambda: logs.update({1: {"loss": 0.5}}), nothing]
    Follower(tmp_path, *events, logs=lambda: logs).follow()
    run = fw.read(tmp_path / "logs")
    assert run.steps == [0, 1]
    assert run.logs_at(1)["loss"] == 0.5
