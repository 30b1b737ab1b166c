"""Processes that train together: each may have FilterWatch, one writes, and all stop together."""

import json
from types import SimpleNamespace

import keras
import pytest
from many_processes import finish, free_port, last_line, start

BACKEND = keras.backend.backend()
pytestmark = pytest.mark.skipif(
    BACKEND == "tensorflow", reason="with TensorFlow, Keras 3 trains in one process only"
)
only_jax = pytest.mark.skipif(BACKEND != "jax", reason="these processes train models of their own")


def train_together(log_dir, count, scenario):
    """Starts the processes of a scenario and waits for their ends."""
    port = free_port()
    arguments = (count, port, log_dir, scenario)
    processes = [start("train_together.py", index, *arguments) for index in range(count)]
    outputs = finish(processes)
    return processes, outputs


@pytest.fixture(scope="module", params=[2, 4])
def together(request, tmp_path_factory):
    """A training in which the last process alone raises an alarm that is in `stop_on`."""
    log_dir = tmp_path_factory.mktemp("logs")
    processes, outputs = train_together(log_dir, request.param, "one alarm")
    results = [json.loads(last_line(*each)) for each in zip(processes, outputs, strict=True)]
    return SimpleNamespace(log_dir=log_dir, results=results, outputs=outputs)


def test_all_stop_after_the_epoch_in_which_one_raises_an_alarm(together):
    assert {result["epochs"] for result in together.results} == {2}


def test_every_process_has_the_scores_of_every_step(together):
    assert {tuple(result["steps"]) for result in together.results} == {(0, 1, 2)}


def test_nothing_goes_wrong_in_any_process(together):
    assert [result["problems"] for result in together.results] == [[]] * len(together.results)


@only_jax
def test_all_processes_see_the_same_filters(together):
    assert len({tuple(result["noise"]) for result in together.results}) == 1


def test_the_first_process_alone_prints(together):
    prints = ["FilterWatch watches" in output for output in together.outputs]
    assert prints == [True] + [False] * (len(prints) - 1)


def test_the_first_process_alone_writes(together):
    files = list(together.log_dir.glob("*/*tfevents*"))
    assert len(files) == 1, files
    assert [folder.name for folder in together.log_dir.iterdir()] == ["filterwatch"]


def test_a_callback_in_one_process_only_does_not_stop_it_alone_and_says_so(tmp_path):
    processes, outputs = train_together(tmp_path, 2, "one watches")
    first, second = (json.loads(last_line(*e)) for e in zip(processes, outputs, strict=True))
    assert first["epochs"] == second["epochs"] == 4
    (problem,) = first["problems"]
    assert "process 1 of 2 (counted from 0) has no such FilterWatch" in problem


@only_jax
def test_a_process_that_dies_ends_the_others(tmp_path):
    (first, second), _ = train_together(tmp_path, 2, "one dies")
    assert second.returncode == 9
    assert first.returncode != 0


@only_jax
def test_kernels_that_each_process_has_in_parts_on_its_devices_are_read(tmp_path):
    processes, outputs = train_together(tmp_path, 2, "whole kernels in each")
    first, second = (json.loads(last_line(*e)) for e in zip(processes, outputs, strict=True))
    assert first["problems"] == second["problems"] == []
    assert first["noise"] == second["noise"]


@only_jax
def test_kernels_with_parts_in_other_processes_are_a_problem_and_training_goes_on(tmp_path):
    processes, outputs = train_together(tmp_path, 2, "parts of kernels elsewhere")
    for each in zip(processes, outputs, strict=True):
        result = json.loads(last_line(*each))
        assert result["epochs"] == 4
        assert any("in other processes only" in problem for problem in result["problems"])
