"""Problems: recorded, said once, and never an exception, whatever the warning filters say."""

import io
import sys
import warnings

import pytest

from keras_filterwatch.training.notices import Notices, Problem


@pytest.fixture
def notices():
    return Notices()


def fail(notices, error=None, what="events could not be written"):
    with notices.guard(what, "The step is missing", where="run1", step=3):
        raise error or OSError("no space left")


def test_a_failure_is_recorded_with_its_reason_and_consequence(notices):
    with pytest.warns(UserWarning, match="FilterWatch"):
        fail(notices)
    assert notices.problems == [
        Problem(
            "events could not be written", "The step is missing", "run1: OSError: no space left", 3
        )
    ]


def fail_often(notices, *kinds):
    for what in kinds:
        fail(notices, what=what)


def test_a_failure_is_one_warning_that_says_what_it_means_for_the_training(notices):
    with pytest.warns(UserWarning, match="FilterWatch") as caught:
        fail_often(notices, *["events could not be written"] * 2)
    assert [str(warning.message) for warning in caught] == [
        "FilterWatch: events could not be written (run1: OSError: no space left). The step is "
        "missing; training continues."
    ]


def test_a_repeated_failure_is_counted(notices):
    with pytest.warns(UserWarning, match="FilterWatch"):
        fail_often(notices, *["events could not be written"] * 3)
    assert [problem.count for problem in notices.problems] == [3]


def test_failures_of_different_kinds_are_recorded_in_order(notices):
    with pytest.warns(UserWarning, match="FilterWatch"):
        fail_often(notices, "first", "second", "first")
    assert [problem.what for problem in notices.problems] == ["first", "second"]


def test_warnings_as_errors_raise_nothing_and_the_problem_is_printed(notices, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fail(notices)
    assert len(notices.problems) == 1
    assert "events could not be written" in capsys.readouterr().out


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_of_the_user_passes(notices, error):
    with pytest.raises(type(error)):
        fail(notices, error)
    assert notices.problems == []


def test_an_error_without_a_readable_message_is_recorded(notices):
    class OddError(Exception):
        def __str__(self):
            raise ValueError("no")

    with pytest.warns(UserWarning, match="FilterWatch"):
        fail(notices, OddError())
    assert notices.problems[0].reason == "run1: OddError: its message cannot be read"


def test_control_characters_in_a_problem_are_escaped(notices):
    with pytest.warns(UserWarning, match="FilterWatch"):
        notices.warn_once("rule '\x1b[31m' failed", "It is skipped", "line\nbreak")
    assert str(notices.problems[0]) == (
        "FilterWatch: rule '\\x1b[31m' failed (line break). It is skipped; training continues."
    )


def test_the_same_problem_of_another_training_warns_again():
    for _ in range(2):
        with pytest.warns(UserWarning, match="FilterWatch"):
            fail(Notices())


def test_what_cannot_be_printed_is_recorded_and_raises_nothing(notices, monkeypatch):
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    notices.say("hello")
    notices.say("hello")
    assert [problem.what for problem in notices.problems] == ["a message could not be printed"]


def test_characters_that_the_console_lacks_become_escape_sequences(notices, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    notices.say("layer \u00e9")
    sys.stdout.flush()
    assert raw.getvalue() == b"layer \\xe9\n"
    assert notices.problems == []
