"""The file of keras.callbacks.CSVLogger, as what was logged at each step."""

import keras
import pytest
from trainings import fit, network

from keras_filterwatch.checkpoints.training_log import TrainingLogError, read_training_log


def written(folder, text):
    path = folder / "training.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_file_of_csv_logger_has_the_numbers_that_fit_returns(tmp_path, separator):
    path = tmp_path / "training.csv"
    history = fit(network(), keras.callbacks.CSVLogger(path, separator), epochs=3).history
    logs = read_training_log(path).logs
    assert list(logs) == [1, 2, 3]
    assert [each["loss"] for each in logs.values()] == history["loss"]


def test_what_is_no_number_is_left_out(tmp_path):
    path = written(tmp_path, 'epoch,loss,name,list,val_loss\n0,0.5,conv,"""[1, 2]""",NA\n')
    assert read_training_log(path).logs == {1: {"loss": 0.5}}


def test_a_loss_that_is_not_finite_is_a_number(tmp_path):
    logs = read_training_log(written(tmp_path, "epoch,loss\n0,nan\n1,inf\n")).logs
    assert [str(each["loss"]) for each in logs.values()] == ["nan", "inf"]


def test_the_learning_rate_of_keras_2_gets_its_name_of_today(tmp_path):
    logs = read_training_log(written(tmp_path, "epoch,lr\n0,0.1\n")).logs
    assert logs == {1: {"learning_rate": 0.1}}


def test_the_scores_that_filterwatch_adds_to_the_logs_are_left_out(tmp_path):
    path = written(tmp_path, "epoch,dead_filters,filter_noise,loss\n0,0.0,0.9,0.5\n")
    assert read_training_log(path).logs == {1: {"loss": 0.5}}


def test_the_last_row_of_an_epoch_counts(tmp_path):
    log = read_training_log(written(tmp_path, "epoch,loss\n0,1\n1,2\n1,3\nepoch,loss\n2,4\n"))
    assert {step: each["loss"] for step, each in log.logs.items()} == {1: 1, 2: 3, 3: 4}
    assert log.repeated == (2,)


def test_a_file_without_a_row_has_no_logs(tmp_path):
    assert read_training_log(written(tmp_path, "")).logs == {}
    assert read_training_log(written(tmp_path, "epoch,loss\n")).logs == {}


def test_a_row_that_is_being_written_is_left_out(tmp_path):
    log = read_training_log(written(tmp_path, "epoch,loss\n0,0.5\n1,0."))
    assert log.logs == {1: {"loss": 0.5}}


def test_another_table_is_refused(tmp_path):
    with pytest.raises(TrainingLogError, match="no column 'epoch'"):
        read_training_log(written(tmp_path, "step,loss\n0,1\n"))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "training.csv"
    path.write_bytes(b"\xff\xfe\x00\x89PNG")
    with pytest.raises(TrainingLogError, match="not a text file"):
        read_training_log(path)
