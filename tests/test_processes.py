"""Several processes learn each other's numbers: all of them, or none and the same reason."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from keras_filterwatch.model.process_group import process_group
from keras_filterwatch.training.processes import (
    Exchange,
    NoAgreementError,
    Processes,
    check_stop_on,
    current_processes,
)


class Store:
    """A store that threads share, in place of processes."""

    def __init__(self):
        self.texts = {}
        self._changed = threading.Condition()

    def set_once(self, key, text):
        with self._changed:
            self.texts.setdefault(key, text)
            self._changed.notify_all()

    def get(self, key, seconds):
        with self._changed:
            self._changed.wait_for(lambda: key in self.texts, seconds)
            return self.texts.get(key)

    def delete(self, key):
        with self._changed:
            self.texts.pop(key, None)


class BrokenStore(Store):
    """A store that cannot be reached."""

    def set_once(self, key, text):
        raise RuntimeError("UNAVAILABLE: connection refused")


def exchanges(count, store=None, **seconds):
    """An exchange for each of several processes."""
    store = store or Store()
    seconds = {"seconds_to_join": 0.2, "seconds_to_answer": 5, **seconds}
    return [
        Exchange(Processes(index, count, "", store), "run", **seconds) for index in range(count)
    ]


def outcome(exchange, numbers):
    """What an exchange returns, or the error that it raises."""
    try:
        return exchange.gather(numbers)
    except NoAgreementError as error:
        return str(error)


def all_gather(several, rows):
    """What each of several exchanges returns when all gather at once."""
    with ThreadPoolExecutor(len(several)) as threads:
        return list(threads.map(outcome, several, rows))


def test_every_process_gets_the_numbers_of_all_by_index():
    rows = [[0.0, 1.5], [1.0, 2.5], [2.0, 3.5]]
    assert all_gather(exchanges(3), rows) == [rows, rows, rows]


def test_numbers_that_are_not_finite_are_exchanged_too():
    results = all_gather(exchanges(2), [[np.nan], [-np.inf]])
    np.testing.assert_array_equal(results, [[[np.nan], [-np.inf]]] * 2)


def test_each_call_has_numbers_of_its_own():
    several = exchanges(2)
    for step in range(5):
        rows = [[float(step)], [float(-step)]]
        assert all_gather(several, rows) == [rows, rows]


def test_the_store_does_not_grow_with_the_number_of_calls():
    store = Store()
    several = exchanges(2, store)
    sizes = []
    for _ in range(5):
        all_gather(several, [[1.0], [1.0]])
        sizes.append(len(store.texts))
    assert sizes[1:] == [sizes[1]] * 4


def test_a_process_that_does_not_join_is_an_error_for_all_others():
    store = Store()
    two = [Exchange(Processes(index, 3, "", store), "run", 0.2, 5) for index in (0, 1)]
    first, second = all_gather(two, [[1.0], [1.0]])
    assert first == second
    assert first.startswith("process 2 of 3 (counted from 0) has no such FilterWatch")


def test_a_process_that_comes_too_late_learns_that_the_others_gave_up():
    store = Store()
    first = Exchange(Processes(0, 2, "", store), "run", 0.2, 5)
    reason = outcome(first, [1.0])
    late = Exchange(Processes(1, 2, "", store), "run", 0.2, 5)
    assert outcome(late, [1.0]) == reason


def test_a_process_that_joined_and_does_not_answer_is_an_error():
    first, _ = exchanges(2, seconds_to_answer=0.3)
    assert outcome(first, [1.0]) == (
        "process 1 of 2 (counted from 0) did not answer within 0.3 seconds"
    )


def test_a_slow_process_that_joined_is_waited_for_longer_than_for_joining():
    first, second = exchanges(2, seconds_to_join=0.1)
    with ThreadPoolExecutor() as threads:
        result = threads.submit(outcome, first, [1.0])
        time.sleep(0.5)
        assert outcome(second, [2.0]) == [[1.0], [2.0]]
        assert result.result() == [[1.0], [2.0]]


def test_after_an_error_an_exchange_does_not_touch_the_store_again():
    store = Store()
    first = Exchange(Processes(0, 2, "", store), "run", 0.2, 5)
    reason = outcome(first, [1.0])
    before = dict(store.texts)
    assert outcome(first, [1.0]) == reason
    assert store.texts == before


def test_a_store_that_cannot_be_reached_is_an_error_of_the_exchange():
    (first,) = exchanges(1, BrokenStore())
    assert "cannot reach each other any more: UNAVAILABLE" in outcome(first, [1.0])


def test_one_process_alone_gets_its_own_numbers():
    assert Processes().join("run").gather([1.0, 2.0]) == [[1.0, 2.0]]


def test_this_process_trains_alone():
    assert current_processes() == Processes(0, 1)


def test_stop_on_is_refused_where_processes_cannot_agree():
    with pytest.raises(ValueError, match=r"^stop_on: no network, so that .* Leave stop_on out\.$"):
        check_stop_on(["noisy"], Processes(0, 2, "no network"))


def test_processes_that_cannot_agree_need_not_where_no_rule_ends_training():
    check_stop_on([], Processes(0, 2, "no network"))


only_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TF_CONFIG is TensorFlow's"
)


def tf_config(kind, index, **cluster):
    """The environment variable that tells TensorFlow of its workers."""
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


@only_tensorflow
@pytest.mark.parametrize(
    ("config", "place"),
    [
        (tf_config("worker", 1, worker=["a:1", "b:1"]), (1, 2)),
        (tf_config("chief", 0, chief=["c:1"], worker=["a:1", "b:1"]), (0, 3)),
        (tf_config("worker", 0, chief=["c:1"], worker=["a:1", "b:1"]), (1, 3)),
        (tf_config("evaluator", 0, worker=["a:1", "b:1"]), (0, 1)),
        (tf_config("worker", 0, worker=["a:1"]), (0, 1)),
        ('{"cluster": {}}', (0, 1)),
        ("[]", (0, 1)),
        ("no JSON", (0, 1)),
    ],
)
def test_the_workers_of_tensorflow_are_those_of_tf_config(monkeypatch, config, place):
    monkeypatch.setenv("TF_CONFIG", config)
    group = process_group()
    assert (group.index, group.count) == place


@only_tensorflow
def test_the_workers_of_tensorflow_cannot_agree(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config("worker", 1, worker=["a:1", "b:1"]))
    assert not current_processes().can_agree


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torchrun is PyTorch's")
def test_torchrun_without_a_process_group_names_the_function_to_call(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, value)
    processes = current_processes()
    assert (processes.index, processes.count) == (1, 2)
    assert "torch.distributed.init_process_group" in processes.why_not
