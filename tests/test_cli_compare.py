"""`keras-filterwatch compare`: how two saved models or trainings differ."""

import csv
import io
import json

import numpy as np
import pytest
from cli_runs import noise_kernel, save_layers, smooth_kernel
from keras import layers
from PIL import Image
from recorded import record
from small_models import sequential

import keras_filterwatch as fw
from keras_filterwatch.cli import main


@pytest.fixture
def files(tmp_path):
    """Two files that differ in the first three filters of one layer, which change their sign."""
    changed = noise_kernel()
    changed[..., :3] *= -1
    a = save_layers(tmp_path / "a.npz", conv=noise_kernel(), smooth=smooth_kernel())
    b = save_layers(tmp_path / "b.npz", conv=changed, smooth=smooth_kernel())
    return str(a), str(b)


def compared(capsys, *arguments):
    """What `compare` prints and its exit status, in this process."""
    status = main(["compare", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_table_is_that_of_compare(files, capsys):
    status, printed, error = compared(capsys, *files)
    assert printed.rstrip() == str(fw.compare(*files)).rstrip()
    assert (status, error) == (0, "")


def test_json_has_rotations_and_changed_filters(files, capsys):
    _, printed, _ = compared(capsys, *files, "--format", "json")
    document = json.loads(printed)
    first, second = document["layers"]
    # 3 of 32 filters with about the same norm change their sign: 1 - cosine is 2 * 3 / 32
    assert first["rotation"] == pytest.approx(6 / 32, abs=0.02)
    assert sorted(first["changed_filters"]) == [0, 1, 2]
    assert (second["rotation"], second["is_unchanged"]) == (0, True)
    assert document["names"] == ["a.npz", "b.npz"]


def test_a_rotation_that_is_not_known_is_null_with_its_reason(tmp_path, capsys):
    a = save_layers(tmp_path / "a.npz", conv=noise_kernel())
    b = save_layers(tmp_path / "b.npz", conv=noise_kernel()[..., :16])
    _, printed, _ = compared(capsys, a, b, "--format", "json")
    (layer,) = json.loads(printed)["layers"]
    assert layer["rotation"] is None
    assert layer["why_not"] == "its kernels have other shapes"


def test_csv_has_a_line_for_each_layer(files, capsys):
    _, printed, _ = compared(capsys, *files, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [row["layer"] for row in rows] == ["conv", "smooth"]


def test_markdown_has_a_table(files, capsys):
    _, printed, _ = compared(capsys, *files, "--format", "markdown")
    assert "| conv | 3x3x32x32 |" in printed
    assert printed.startswith("### a.npz and b.npz")


def test_layers_limits_the_comparison(files, capsys):
    _, printed, _ = compared(capsys, *files, "--layers", "smooth", "--format", "json")
    assert [layer["name"] for layer in json.loads(printed)["layers"]] == ["smooth"]


def test_image_is_the_picture_of_the_layer_that_changed_most(files, tmp_path, capsys):
    compared(capsys, *files, "--image", tmp_path / "changes.png")
    expected = fw.compare(*files).draw()
    drawn = np.asarray(Image.open(tmp_path / "changes.png").convert("RGB"))
    assert np.array_equal(drawn, np.asarray(expected))


def test_images_has_a_picture_of_each_layer(files, tmp_path, capsys):
    status, _, _ = compared(capsys, *files, "--images", tmp_path / "pictures")
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["00_conv.png", "01_smooth.png"]
    assert status == 0


def test_fail_on_changed(files, capsys):
    a, b = files
    assert compared(capsys, a, b, "--fail-on", "changed")[0] == 1
    assert compared(capsys, a, a, "--fail-on", "changed")[0] == 0


def test_fail_on_unchanged(files, capsys):
    a, b = files
    assert compared(capsys, a, b, "--fail-on", "unchanged")[0] == 0
    assert compared(capsys, a, a, "--fail-on", "unchanged")[0] == 1


def test_a_layer_that_only_one_file_has_is_a_change(tmp_path, capsys):
    a = save_layers(tmp_path / "a.npz", "smooth")
    b = save_layers(tmp_path / "b.npz", "smooth", "noisy")
    status, _, error = compared(capsys, a, b, "--fail-on", "changed")
    assert status == 1
    assert "failed: changed: noisy" in error


def test_a_file_that_cannot_be_read_is_an_error_in_one_line(files, tmp_path, capsys):
    status, printed, error = compared(capsys, files[0], tmp_path / "missing.npz")
    assert (status, printed) == (2, "")
    assert len(error.splitlines()) == 1
    assert "missing.npz" in error


def test_files_without_a_layer_in_common_are_an_error(tmp_path, capsys):
    a = save_layers(tmp_path / "a.npz", "smooth")
    b = save_layers(tmp_path / "b.npz", "noisy")
    status, printed, _ = compared(capsys, a, b)
    assert status == 2
    assert "No layer of a has a counterpart in b: nothing can be compared." in printed
    assert compared(capsys, a, b, "--fail-on", "unchanged")[0] == 2
    assert compared(capsys, a, b, "--fail-on", "changed")[0] == 1


def test_of_several_runs_the_one_that_is_compared_is_told(tmp_path, capsys):
    record(tmp_path / "filterwatch", range(2))
    record(tmp_path / "filterwatch-2", range(5))
    status, printed, error = compared(capsys, tmp_path, tmp_path / "filterwatch")
    assert status == 0
    assert f"a: {tmp_path / 'filterwatch-2'}, epoch 4; b: epoch 1" in printed.replace(
        f"{tmp_path}, epoch 1", "epoch 1"
    )
    (line,) = error.splitlines()
    assert f"{tmp_path / 'filterwatch-2'} is the latest run; also there: " in line


def test_a_folder_of_checkpoints_is_sent_to_series(files, tmp_path, capsys):
    status, _, error = compared(capsys, tmp_path, files[0])
    assert status == 2
    assert "`keras-filterwatch series`" in error


def test_what_is_nowhere_may_be_a_file_or_a_folder(files, tmp_path, capsys):
    status, _, error = compared(capsys, tmp_path / "nowhere", files[0])
    assert status == 2
    assert "does not exist: pass a saved model, or the folder that a training was" in error


def test_a_file_cannot_get_pictures(files, capsys):
    status, _, error = compared(capsys, *files, "--images", files[0])
    assert status == 4
    assert "--images" in error


def test_layers_that_are_not_there_are_an_error(files, capsys):
    status, _, error = compared(capsys, *files, "--layers", "dens")
    assert status == 2
    assert "no layer is called 'dens'" in error


def test_two_recorded_trainings_are_compared(tmp_path, capsys):
    x, y = np.zeros((4, 8, 8, 1)), np.zeros((4, 6, 6, 4))
    logs = [tmp_path / "one", tmp_path / "two"]
    for log_dir in logs:
        model = sequential(layers.Conv2D(4, 3, name="conv"), shape=(8, 8, 1))
        model.compile(loss="mse")
        model.fit(x, y, epochs=1, verbose=0, callbacks=[fw.FilterWatch(log_dir)])
    capsys.readouterr()  # what the trainings printed
    _, printed, _ = compared(capsys, *logs, "--format", "json")
    document = json.loads(printed)
    assert [layer["name"] for layer in document["layers"]] == ["conv"]
    assert document["layers"][0]["recorded_filters"] == 4
