"""Processes that work on files: what one of them does to itself costs its file only."""

import os
import sys
import time

import pytest

from keras_filterwatch.cli.processes import Processes


def replies(*actions, jobs=1, timeout=30.0):
    requests = [{"action": action} for action in actions]
    with Processes("cli_tasks", requests, jobs, timeout) as processes:
        return list(processes.replies())


def test_one_process_works_on_one_file_after_the_other():
    first, second = replies("work", "work")
    assert first["result"] == second["result"]
    assert first["result"][1] != os.getpid()


def test_replies_come_in_the_order_of_the_requests():
    slow, fast = replies("wait", "work", jobs=2)
    assert [slow["result"][0], fast["result"][0]] == ["wait", "work"]
    assert slow["result"][1] != fast["result"][1]


def test_a_process_that_dies_costs_its_file_only():
    before, dead, after = replies("work", "die", "work")
    assert dead["error"] == {
        "kind": "died",
        "message": "the process that read it died (signal 11)",
    }
    assert "result" in before
    assert after["result"][1] != before["result"][1]


def test_a_file_does_not_pay_for_what_one_before_it_did_to_the_process():
    harmful, harmless = replies("harm", "die if harmed")
    assert "result" in harmful
    assert "result" in harmless


def test_a_process_that_ends_without_a_reply_is_told_with_its_exit_status():
    (reply,) = replies("leave")
    assert "exit status 7" in reply["error"]["message"]


def test_a_process_that_hangs_is_ended_after_the_timeout():
    start = time.monotonic()
    hanging, after = replies("hang", "work", timeout=1.0)
    assert time.monotonic() - start < 30
    assert hanging["error"]["kind"] == "timeout"
    assert "longer than 1 s" in hanging["error"]["message"]
    assert "result" in after


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory is in use")
def test_a_file_that_takes_too_much_memory_costs_itself_only():
    big, after = replies("eat", "work")  # 8 GiB for a file that is not there
    assert big["error"]["kind"] == "memory"
    assert "result" in after


def test_an_unexpected_error_comes_with_its_traceback():
    failed, after = replies("fail", "work")
    assert failed["error"]["kind"] == "unexpected"
    assert "nobody expects it" in failed["error"]["message"]
    assert "cli_tasks.py" in failed["error"]["traceback"]
    assert "result" in after


def test_warnings_are_part_of_the_reply():
    (reply,) = replies("warn")
    assert reply["warnings"] == ["look out"]


def test_what_a_library_prints_does_not_disturb_the_replies():
    printing, after = replies("print", "work")
    assert printing["result"][0] == "print"
    assert after["result"][0] == "work"


def test_leaving_the_block_ends_processes_that_are_still_busy():
    start = time.monotonic()
    with Processes("cli_tasks", [{"action": "hang"}] * 3, 2, 60.0):
        time.sleep(0.2)
    assert time.monotonic() - start < 10


def test_a_process_that_cannot_be_started_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    (reply,) = replies("work")
    assert reply["error"]["kind"] == "process"


def test_a_module_beside_the_file_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('this ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    (reply,) = replies("work")
    assert reply["result"][0] == "work"
