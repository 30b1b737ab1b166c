"""Which alarms a tracker tells people of, in which words."""

import pytest
from reports import alarm, report

from keras_filterwatch.writers.alerts import Alerts


def titles(reports):
    """The titles of the alerts about each report, of one training."""
    alerts = Alerts()
    return [[alert.title for alert in alerts.since_last(each)] for each in reports]


def test_an_alarm_is_told_of_once_when_it_begins():
    reports = [report(1), report(2, [alarm()]), report(3, [alarm()])]
    assert titles(reports) == [[], ["FilterWatch: dead (conv)"], []]


def test_an_alarm_that_began_before_the_first_report_is_not_told_of():
    assert titles([report(3, [alarm()])]) == [[]]


def test_the_end_of_an_alarm_is_told_of_once():
    reports = [report(2, [alarm()]), *(report(i, [alarm(ended=3)]) for i in (3, 4))]
    assert titles(reports)[1:] == [["FilterWatch: dead is over (conv)"], []]


def test_the_end_says_which_alarm_it_was():
    (alert,) = Alerts().since_last(report(3, [alarm(ended=3)]))
    assert alert.text == "The alarm about conv, raised at step 2, ended at step 3."
    assert alert.level == "info"


def test_an_alarm_that_changes_its_level_is_not_over():
    reports = [
        report(2, [alarm()]),
        report(3, [alarm(ended=3), alarm(step=3, level="error")]),
    ]
    assert titles(reports)[1] == ["FilterWatch: dead (conv)"]


@pytest.mark.parametrize("level", ["error", "warning"])
def test_an_alert_has_the_level_of_its_alarm(level):
    (alert,) = Alerts().since_last(report(2, [alarm(level=level)]))
    assert alert.level == level


def test_the_text_is_the_alarms_message_and_the_diagnosis():
    (alert,) = Alerts().since_last(report(2, [alarm()]))
    assert alert.text == (
        "dead about conv at 2.\nProbable cause: learning rate too high. Lower the learning rate."
    )


def test_alarms_of_one_rule_about_many_layers_are_one_alert():
    alarms = [alarm(layer=f"layer{i}") for i in range(50)]
    (alert,) = Alerts().since_last(report(2, alarms))
    assert alert.title == "FilterWatch: dead (50 layers)"
    assert alert.text.splitlines()[2:4] == [
        "dead about layer2 at 2.",
        "The same about 47 more layers.",
    ]


def test_an_alarm_about_the_whole_network_says_so():
    (alert,) = Alerts().since_last(report(2, [alarm(layer="")]))
    assert alert.title == "FilterWatch: dead (whole network)"


def test_an_alarm_that_comes_and_goes_is_told_of_three_times():
    alarms = [alarm(step=step, ended=step + 1) for step in range(1, 20, 2)]
    reports = [
        report(step, [each for each in alarms if each.step <= step]) for step in range(1, 20)
    ]
    assert sum(map(len, titles(reports))) == 3 * 2


def test_an_alarm_whose_report_was_lost_is_told_of_with_the_next():
    assert titles([report(1), report(3, [alarm()])])[1] == ["FilterWatch: dead (conv)"]


def test_another_training_with_the_same_writer_is_told_of_anew():
    reports = [report(0), report(2, [alarm()]), report(0), report(2, [alarm()])]
    assert titles(reports)[3] == ["FilterWatch: dead (conv)"]


def test_titles_are_as_short_as_the_trackers_need():
    (alert,) = Alerts().since_last(report(2, [alarm(layer="block/" * 20)]))
    assert len(alert.title) == 63
    assert alert.title.endswith("...")


def test_control_characters_of_a_layers_name_are_in_no_alert():
    (alert,) = Alerts().since_last(report(2, [alarm(layer="red\x1b[31m")]))
    assert "\x1b" not in alert.title + alert.text
