"""`keras-filterwatch audit`: what it says of saved models, in each format."""

import csv
import io
import subprocess
import sys

import numpy as np
import pytest
from cli_runs import audit_json, cli, noise_kernel, save_layers, save_safetensors
from keras import layers
from PIL import Image
from small_models import sequential

import keras_filterwatch as fw
from keras_filterwatch.cli import main
from keras_filterwatch.cli.states import STATES, state_of
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.sentences.situations import SITUATIONS


@pytest.fixture
def weights(tmp_path):
    return save_layers(tmp_path / "weights.npz", "smooth", "dense", "noisy", "dead")


def audited(capsys, *arguments):
    """What `audit` prints and its exit status, in this process."""
    status = main(["audit", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_the_table_has_the_worst_layer_first(weights, capsys):
    status, printed, error = audited(capsys, weights)
    lines = printed.splitlines()
    rows = lines[next(i for i, line in enumerate(lines) if line.startswith("---")) + 1 :][:4]
    assert [row.split()[0] for row in rows] == ["dead", "noisy", "smooth", "dense"]
    assert [row.split()[-1] for row in rows] == ["dead", "noisy", "structured", "undetermined"]
    assert (status, error) == (0, "")


def test_the_sentences_are_those_of_the_scores(weights, capsys):
    _, printed, _ = audited(capsys, weights)
    scores = fw.score(dict(np.load(weights)))
    for sentence in str(scores).split("\n\n")[0].splitlines():
        assert sentence in printed


def test_the_closing_line_counts_what_is_undetermined_beside_what_is_fine(weights, capsys):
    _, printed, _ = audited(capsys, weights)
    assert printed.splitlines()[-1] == (
        f"{weights}: 1 structured, 1 noisy, 1 dead, 1 undetermined, 0 skipped"
    )


def test_a_quiet_audit_prints_the_closing_lines_only(weights, capsys):
    _, printed, _ = audited(capsys, weights, "--quiet")
    assert printed == f"{weights}: 1 structured, 1 noisy, 1 dead, 1 undetermined, 0 skipped\n"


def test_what_was_skipped_is_told_with_the_reason_and_counted(tmp_path, capsys):
    path = save_layers(tmp_path / "w.npz", "noisy", table=np.array(["a", "b"]))
    _, printed, _ = audited(capsys, path)
    assert "skipped: table (" in printed
    assert printed.splitlines()[-1].endswith("1 noisy, 0 dead, 0 undetermined, 1 skipped")


def test_json_has_the_same_numbers_as_score(weights):
    scores = fw.score(dict(np.load(weights)))
    (file,) = audit_json(weights)["files"]
    assert file["error"] is None
    assert {layer["name"]: layer["scores"] for layer in file["layers"]} == {
        name: {each: float(number) for each, number in layer.items()}
        for name, layer in scores.items()
    }
    assert {layer["name"]: layer["verdict"] for layer in file["layers"]} == {
        name: layer.verdict for name, layer in scores.items()
    }
    assert {layer["name"]: tuple(layer["shape"]) for layer in file["layers"]} == {
        name: layer.shape for name, layer in scores.items()
    }


def test_json_of_a_network_that_diverged_has_no_nan(tmp_path):
    kernel = noise_kernel()
    kernel[..., 3] = np.nan
    np.savez(tmp_path / "w.npz", conv=kernel)
    document = audit_json(tmp_path / "w.npz")
    (file,) = document["files"]
    assert file["layers"][0]["state"] == "diverged"
    assert file["alarms"][0]["rule"] == "diverged"
    assert document["summary"]["layers"]["diverged"] == 1


def test_csv_has_a_line_for_each_layer_of_each_file_and_for_what_was_not_scored(tmp_path):
    save_layers(tmp_path / "a.npz", "noisy", "dense")
    save_layers(tmp_path / "b.npz", "smooth", table=np.array(["a", "b"]))
    process = cli("audit", "--format", "csv", "a.npz", "b.npz", "c.npz", cwd=tmp_path)
    rows = list(csv.DictReader(io.StringIO(process.stdout)))
    assert [(row["file"], row["layer"], row["state"]) for row in rows] == [
        ("a.npz", "noisy", "noisy"),
        ("a.npz", "dense", "undetermined"),
        ("b.npz", "smooth", "structured"),
        ("b.npz", "table", "skipped"),
        ("c.npz", "", "unreadable"),
    ]
    scores = fw.score({"noisy": noise_kernel()})
    assert float(rows[0]["noise"]) == scores["noisy"]["noise"]
    assert rows[1]["noise"] == ""
    assert process.returncode == 2


def test_markdown_shows_foreign_names_as_they_are(tmp_path, capsys):
    path = save_layers(tmp_path / "w.npz", **{"![x](http://a.b)|<b>": noise_kernel()})
    _, printed, _ = audited(capsys, path, "--format", "markdown")
    assert r"!\[x\](http://a.b)\|&lt;b&gt;" in printed
    assert "![x]" not in printed
    assert printed.startswith("### ")


def test_markdown_of_many_layers_counts_those_that_it_leaves_out(tmp_path, capsys):
    many = {f"conv{number}": noise_kernel(number)[..., :16] for number in range(24)}
    path = save_layers(tmp_path / "w.npz", **many)
    _, printed, _ = audited(capsys, path, "--format", "markdown")
    assert sum(line.startswith("| conv") for line in printed.splitlines()) == 20
    assert "and 4 more layers: 4 noisy" in printed


def test_files_that_cannot_be_read_are_told_and_the_others_audited(weights, tmp_path, capsys):
    (tmp_path / "text.npz").write_text("this is no archive")
    (tmp_path / "folder").mkdir()
    names = [tmp_path / name for name in ("text.npz", "missing.keras", "folder")]
    status, printed, _ = audited(capsys, names[0], weights, *names[1:])
    for name in names:
        assert f"{name}: not audited: " in printed
    assert f"{weights}: 1 structured, 1 noisy" in printed
    assert printed.splitlines()[-1] == (
        "4 files: 1 structured, 1 noisy, 1 dead, 1 undetermined, 0 skipped; 3 not audited"
    )
    assert status == 2


def test_if_no_file_can_be_read_the_status_is_3(tmp_path, capsys):
    status, printed, _ = audited(capsys, tmp_path / "a.keras")
    assert status == 3
    assert "not audited" in printed
    assert "structured" not in printed


def test_if_no_layer_can_be_scored_the_status_is_3_and_nothing_is_called_fine(tmp_path, capsys):
    np.savez(tmp_path / "w.npz", bias=np.zeros(4))
    status, printed, _ = audited(capsys, tmp_path / "w.npz")
    assert status == 3
    assert "1 structured" not in printed


def test_in_machine_formats_files_that_cannot_be_read_are_told_on_stderr_too(tmp_path, capsys):
    status, printed, error = audited(capsys, tmp_path / "a.keras", "--format", "csv")
    assert status == 3
    assert "unreadable" in printed
    assert "a.keras: not audited: " in error


def test_a_file_that_is_named_twice_is_audited_once(weights, tmp_path, capsys):
    (tmp_path / "link.npz").symlink_to(weights)
    status, printed, error = audited(capsys, weights, weights, tmp_path / "link.npz", "-q")
    assert printed.count("1 noisy") == 1
    assert status == 0
    _, _, error = audited(capsys, weights, weights)
    assert "was named before; it is audited once" in error


def test_layers_limits_what_is_told_to_some_layers(weights):
    document = audit_json("--layers", "d*", weights)
    assert [layer["name"] for layer in document["files"][0]["layers"]] == ["dead", "dense"]
    assert document["summary"]["layers"]["noisy"] == 0


def test_layout_says_how_plain_arrays_are_ordered(tmp_path):
    path = save_layers(tmp_path / "w.npz", conv=np.zeros((16, 3, 5, 7), "float32"))
    (file,) = audit_json("--layout", "OIHW", path)["files"]
    assert file["layers"][0]["shape"] == [5, 7, 3, 16]


def test_a_file_without_such_a_layer_is_not_passed_as_audited(weights, capsys):
    status, printed, _ = audited(capsys, weights, "--layers", "conv*")
    assert "not audited: no layer is called 'conv*'" in printed
    assert status == 3


def test_images_has_a_picture_of_each_layer_with_a_window(weights, tmp_path):
    document = audit_json("--images", tmp_path / "new" / "pictures", weights)
    folder = tmp_path / "new" / "pictures" / "weights.npz"
    names = sorted(path.name for path in folder.iterdir())
    assert [name[3:] for name in names] == ["smooth.png", "noisy.png", "dead.png"]
    assert sorted(document["files"][0]["images"]) == [str(folder / name) for name in names]
    expected = fw.draw.filters(dict(np.load(weights)), "noisy")
    drawn = Image.open(folder / names[1]).convert("RGB")
    assert np.array_equal(np.asarray(drawn), np.asarray(expected))


def test_pictures_stay_in_their_folder_whatever_the_layers_are_called(tmp_path):
    names = ("../../out", "a/b", "é" * 300, "/etc/x")
    path = save_safetensors(tmp_path / "w.safetensors", dict.fromkeys(names, noise_kernel()))
    (file,) = audit_json("--images", tmp_path / "pictures", path)["files"]
    assert len(file["images"]) == 4
    folders = {picture.parent for picture in tmp_path.rglob("*.png")}
    assert folders == {tmp_path / "pictures" / "w.safetensors"}


def test_files_of_one_name_do_not_overwrite_each_others_pictures(tmp_path):
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(save_layers(tmp_path / folder / "w.npz", "noisy"))
    document = audit_json("--images", tmp_path / "pictures", *paths)
    first, second = (file["images"][0] for file in document["files"])
    assert first != second


def test_pictures_that_cannot_be_written_are_an_error(weights, tmp_path, capsys):
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "weights.npz").write_text("")  # where the pictures of the file belong
    status, _, error = audited(capsys, weights, "--images", tmp_path / "file")
    assert status == 2
    (line,) = error.splitlines()
    assert "could not be made" in line


def test_a_file_cannot_get_pictures(weights, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    status, printed, error = audited(capsys, weights, "--images", tmp_path / "file")
    assert (status, printed) == (4, "")
    (line,) = error.splitlines()
    assert "--images" in line
    assert "is a file; a folder is needed" in line


def test_pictures_of_a_folder_that_is_made_need_a_place_for_it(weights, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    status, _, error = audited(capsys, weights, "--images", tmp_path / "file" / "pictures")
    assert status == 4
    assert f"{tmp_path / 'file'} is a file" in error


def test_the_advice_about_files_without_an_alarm_is_printed_once(tmp_path, capsys):
    paths = [save_layers(tmp_path / f"{name}.npz", name) for name in ("smooth", "noisy", "dense")]
    for more in ((), ("--format", "markdown")):
        _, printed, _ = audited(capsys, *paths, *more)
        assert printed.count("Weights alone can show only a few faults") == 1
        assert "no alarm about 3 files: Weights alone" in printed
        # what is so of one file only stays with it
        alone = printed.partition(str(paths[1]))[2].partition(str(paths[2]))[0]
        assert "no alarm: Nothing shows whether the network was trained." in alone


def test_a_file_that_cannot_be_read_is_named_once(tmp_path, capsys):
    (tmp_path / "text.npz").write_text("this is no archive")
    _, printed, _ = audited(capsys, tmp_path / "text.npz", "--fail-on", "unreadable")
    for line in printed.splitlines():
        assert line.count("text.npz") == 1


def test_output_goes_to_a_file(weights, tmp_path, capsys):
    _, expected, _ = audited(capsys, weights)
    status, printed, _ = audited(capsys, weights, "-o", tmp_path / "result.txt")
    assert (status, printed) == (0, "")
    assert (tmp_path / "result.txt").read_text() == expected


@pytest.fixture(scope="module")
def model():
    """A network of which half of one layer's filters have no weight."""
    network = sequential(
        layers.Conv2D(8, 5, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(16, 3, name="deep"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4, name="head"),
        shape=(16, 16, 3),
    )
    kernel, bias = network.get_layer("deep").get_weights()
    kernel[..., :8] = 0
    network.get_layer("deep").set_weights([kernel, bias])
    network.compile("sgd", "mse")
    return network


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.filterwarnings("ignore")  # Keras does not recommend HDF5
def test_a_saved_model_has_the_scores_and_states_of_the_model(model, name, tmp_path):
    model.save(tmp_path / name)
    document = audit_json("--fail-on", "dead", tmp_path / name)
    (file,) = document["files"]
    scores = fw.score(model)
    told = {layer["name"]: layer["scores"] for layer in file["layers"]}
    assert told == {each: pytest.approx(dict(scores[each])) for each in scores}
    assert [layer["name"] for layer in file["layers"] if layer["state"] == "dead"] == ["deep"]
    assert [failure["layer"] for failure in file["failed"]] == ["deep"]


def test_weights_alone_take_the_architecture_from_another_file(model, tmp_path):
    model.save_weights(tmp_path / "model.weights.h5")
    (tmp_path / "model.json").write_text(model.to_json())
    document = audit_json("--architecture", tmp_path / "model.json", tmp_path / "model.weights.h5")
    told = {layer["name"]: layer["scores"] for layer in document["files"][0]["layers"]}
    scores = fw.score(model)
    assert told == {each: pytest.approx(dict(scores[each])) for each in scores}


def test_what_the_file_does_not_tell_is_said(model, tmp_path, capsys):
    model.save_weights(tmp_path / "model.weights.h5")
    (file,) = audit_json(tmp_path / "model.weights.h5")["files"]
    assert file["notes"]
    _, printed, _ = audited(capsys, tmp_path / "model.weights.h5")
    assert f"about the file: {file['notes'][0]}" in printed


def test_the_command_itself_imports_no_numpy(weights):
    code = f"""
import sys
from keras_filterwatch.cli import main
main(["audit", {str(weights)!r}, "--fail-on", "noisy,dead=0.2,unreadable"])
print({{"numpy", "h5py", "keras", "rich"}} & set(sys.modules), file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stderr.strip() == "set()"


def test_reading_a_file_imports_no_framework_and_nothing_to_draw_with(weights):
    code = f"""
import sys
from keras_filterwatch.cli.audited_file import reply
nothing = dict.fromkeys(("architecture", "layout", "layers", "images"))
reply({{"path": {str(weights)!r}, **nothing}})
heavy = {{"keras", "tensorflow", "jax", "torch", "tensorboard", "PIL", "rich", "scipy"}}
print(heavy & set(sys.modules))
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.strip() == "set()", process.stderr


def test_every_fault_has_a_state_of_its_own():
    faults = {situation.name for situation in SITUATIONS if situation.kind == "fault"}
    from keras_filterwatch.cli.states import _OF_FAULTS

    assert set(_OF_FAULTS) == faults
    assert set(_OF_FAULTS.values()) <= set(STATES)


@pytest.mark.parametrize("verdict", ["untrained", "undetermined"])
def test_only_structured_layers_are_fine(verdict):
    layer = LayerScores("Conv2D", (3, 3, 8, 64), verdict, {"noise": 0.9, "slices": 500.0}, {})
    assert state_of(layer) != "structured"
