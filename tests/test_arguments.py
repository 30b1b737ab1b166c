"""Arguments that cannot be used are refused when FilterWatch is made, with the remedy."""

import functools
from pathlib import Path

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.training import arguments


class Writes:
    def write(self, report):
        pass

    def close(self):
        pass


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"freq": -3}, ValueError, 'freq must be "epoch" or a positive number of batches; got -3'),
        ({"freq": 0}, ValueError, "got 0"),
        ({"freq": 2.5}, ValueError, "got 2.5"),
        ({"freq": True}, ValueError, "got True"),
        ({"freq": "batch"}, ValueError, "got 'batch'"),
        ({"layers": 3}, TypeError, "layers: 3 is neither a name, a glob pattern, a layer nor"),
        ({"layers": ["a", None]}, TypeError, "layers: None is neither"),
        ({"layers": dict}, TypeError, "dict is a class; for its layers take `lambda layer: isins"),
        ({"metrics": [len]}, TypeError, "metrics: a dict name -> function is needed"),
        ({"layers": []}, ValueError, "layers: nothing is chosen; None stands for every kernel"),
        ({"rules": ["noisy"]}, TypeError, "rules: 'noisy' is not a function. Pass the function"),
        ({"rules": "noisy"}, TypeError, "rules: a list of functions is needed; got 'noisy'"),
        ({"metrics": {"mine": 3}}, TypeError, "metrics: 3 is not a function"),
        ({"metrics": {"noise": len}}, ValueError, r"metrics: \['noise'\] are scores already"),
        ({"metrics": {"norm_per_filter": len}}, ValueError, "are scores already"),
        ({"metrics": {"film_strip": len}}, ValueError, r"\['film_strip'\] are pictures already"),
        ({"metrics": {3: len}}, TypeError, r"metrics: names are needed; got \[3\]"),
        ({"metrics": {"": len}}, TypeError, "metrics: names are needed"),
        ({"rules": fw.rules.noisy}, TypeError, r"got the function 'noisy'. Write \[noisy\]"),
        ({"writers": open}, TypeError, r"writers: a list of writers is needed.*Put it in \[\]"),
        ({"writers": [print]}, TypeError, "is no writer: an object with the methods write"),
        ({"writers": [Writes]}, TypeError, "is no writer: an object"),
        ({"stop_on": 3}, TypeError, "stop_on: names of rules are needed; got 3"),
        ({"images": [3]}, ValueError, "no picture is called 3"),
        ({"images": ["kernels"]}, ValueError, "no picture is called 'kernels'"),
        ({"freq": np.zeros(10**6)}, ValueError, "^.{0,200}$"),
        ({"stop_on": "nosy"}, ValueError, "no rule is called 'nosy'; did you mean 'noisy'"),
        ({"stop_on": ["diverged", "x"]}, ValueError, "no rule is called 'x'"),
        ({"stop_on": "nosy", "rules": fw.default_rules()}, ValueError, "no rule is called 'nosy'"),
        ({"stop_on": "noisy", "rules": [fw.rules.diverged]}, ValueError, "there are .*diverged"),
        (
            {"images": "filmstrip"},
            ValueError,
            "no picture is called .filmstrip.; did you mean .film",
        ),
        ({"images": None}, TypeError, "True, False or names of pictures are needed; got None"),
        ({"images": ["activations"]}, ValueError, "what units do for inputs: give probe=inputs"),
        ({"probe": 1}, TypeError, "probe: an array, a dataset or a generator of inputs is needed"),
    ],
)
def test_argument_is_refused(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        fw.FilterWatch(tmp_path, **arguments)


@pytest.mark.parametrize("log_dir", [None, 3, b"logs"])
def test_a_log_dir_that_is_no_path_is_refused(log_dir):
    with pytest.raises(TypeError, match="log_dir: a path or a URL is needed; got"):
        fw.FilterWatch(log_dir)


@pytest.mark.parametrize("below", [".", "deeper", "deeper/still"])
def test_a_log_dir_that_is_a_file_is_refused(tmp_path, below):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ValueError, match=r"file is a file, a directory is needed"):
        fw.FilterWatch(path / below)


def test_a_log_dir_whose_events_would_fall_on_a_file_is_refused(tmp_path):
    (tmp_path / "filterwatch").write_text("")
    with pytest.raises(ValueError, match="filterwatch is a file, a directory is needed"):
        fw.FilterWatch(tmp_path)


def test_home_is_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fw.FilterWatch("~/logs").log_dir == tmp_path / "logs"


def test_freq_may_be_any_whole_number(tmp_path):
    assert fw.FilterWatch(tmp_path, freq=np.int64(3))


def test_a_log_dir_in_memory_is_a_folder_like_others():
    folder = arguments.log_folder("memory://logs")
    assert (folder.location, folder.is_local, folder.exists()) == ("memory://logs", False, False)


def test_a_remote_log_dir_that_no_package_can_open_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"log_dir 'nowhere://x' is not on.*or a local directory"):
        arguments.log_folder("nowhere://x")


def test_a_remote_log_dir_that_cannot_be_reached_is_refused_with_the_reason(monkeypatch):
    def unreachable(self, path, **options):
        raise RuntimeError("no token")

    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.ls", unreachable)
    message = "log_dir 'memory://logs' cannot be used: .*no token. Choose another log_dir"
    with pytest.raises(ValueError, match=message):
        arguments.log_folder("memory://logs")


def test_nothing_is_made_before_training(tmp_path):
    fw.FilterWatch(tmp_path / "logs" / "run")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("log_dir", ["logs", Path("logs") / "run1"])
def test_strings_and_paths_are_directories(log_dir):
    assert fw.FilterWatch(log_dir).log_dir == Path(log_dir)


def test_a_rule_with_another_patience_keeps_its_name(tmp_path):
    patient = functools.partial(fw.rules.noisy, patience=9)
    assert fw.FilterWatch(tmp_path, rules=[patient], stop_on="noisy").stop_on == ("noisy",)


def test_own_rules_may_stop_under_any_name(tmp_path):
    watch = fw.FilterWatch(tmp_path, rules=[lambda history: []], stop_on="anything")
    assert watch.stop_on == ("anything",)
