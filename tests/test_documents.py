"""The documents of the page: their numbers are those of the record, in the form of types.d.ts."""

import base64
import gc
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from recorded import FINE, SHAPE, kernel_of, levels_of, noise_of, norm_of, record, step_of

from keras_filterwatch.alarms import Alarm, Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.record import RecordWriter
from keras_filterwatch.runs import read
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.storage import folder_of
from keras_filterwatch.thinning import select_steps
from keras_filterwatch.view import documents
from keras_filterwatch.view.documents import as_json, document
from keras_filterwatch.view.values import rounded

TYPES = Path(documents.__file__).parent / "page" / "types.d.ts"
HOSTILE = ["</script><script>alert(1)", "\u2028\u202e\x00'\"&", "../../etc/passwd", "\ud800", ""]


@pytest.fixture
def run(tmp_path):
    record(tmp_path, facts=ModelFacts("jax", optimizer="SGD", learning_rate=0.5, epochs=4))
    return read(tmp_path)


def of_steps(folder, steps):
    """A run of these steps, each a `StepToRecord`."""
    writer = RecordWriter(folder_of(folder), "epoch")
    for step in steps:
        writer.write(step)
    return read(folder)


def fields(name):
    """The fields of an interface of the page, as types.d.ts has them."""
    body = re.search(rf"^export interface {name} {{\n(.*?)^}}", TYPES.read_text(), re.M | re.S)[1]
    return {match[1] for match in re.finditer(r"^  (\w+): ", body, re.MULTILINE)}


def weights(made):
    """The levels of a document, with the axes that types.d.ts names."""
    window = made["height"], made["width"], made["channels"]
    levels = np.frombuffer(base64.b64decode(made["levels"]), np.int8)
    return levels.reshape(-1, *window)


# The form.


@pytest.mark.parametrize(
    ("key", "interface"),
    [
        ("run", "RunDocument"),
        ("matrix/noise", "MatrixDocument"),
        ("table/3", "TableDocument"),
        ("layer/1", "LayerDocument"),
        ("filters/1/3", "FiltersDocument"),
        ("curves/1/norm", "CurvesDocument"),
        ("kernel/0/3", "KernelDocument"),
        ("strip/0/2", "StripDocument"),
    ],
)
def test_a_document_has_the_fields_that_the_page_expects(run, key, interface):
    assert set(document(run, key)) == fields(interface)


@pytest.mark.parametrize(
    ("part", "interface"),
    [
        ("layers", "Layer"),
        ("scores", "Score"),
        ("alarms", "Alarm"),
        ("diagnoses", "Diagnosis"),
    ],
)
def test_parts_of_the_run_have_the_fields_that_the_page_expects(tmp_path, part, interface):
    alarm = Alarm("noisy", "first", 0, 1.0, 0.9, (), "First is noise.")
    run = of_steps(tmp_path, [step_of(0, judgement=Judgement((alarm,), (alarm,)))])
    assert set(document(run, "run")[part][0]) == fields(interface)


UNKNOWN = [
    *("", "/", "run/", "run/1", "unknown", "matrix", "matrix/", "matrix/unknown", "matrix/labels"),
    *("table/", "table/9", "table/-1", "table/1.0", "table/\u0663", "table/" + "9" * 5000),
    *("layer/2", "layer/-1", "layer/first", "filters/0", "filters/2/0", "filters/0/9"),
    *("curves/0", "curves/0/unknown", "curves/0/labels", "curves/9/norm", "kernel/1/0"),
    *("kernel/0/9", "kernel/0/0/0", "strip/0/4", "strip/1/0", "strip/0/", "picture/x/0/0"),
    *("picture/favourites/0/0", "picture/favourites/0", "picture/../../0/0", *HOSTILE),
]


@pytest.mark.parametrize("key", UNKNOWN)
def test_a_document_that_is_not_there_is_none(run, key):
    assert document(run, key) is None


def test_a_run_without_steps_has_a_document(tmp_path):
    RecordWriter(folder_of(tmp_path), "epoch").open()
    run = read(tmp_path)
    made = json.loads(as_json(document(run, "run")))
    assert (made["steps"], made["layers"], made["columns"]) == ([], [], [])
    assert [document(run, key) for key in ("matrix/noise", "table/0", "kernel/0/0")] == [None] * 3


def test_names_and_messages_of_any_text_survive_in_strict_json(tmp_path):
    alarm = Alarm(HOSTILE[0], HOSTILE[1], 0, math.nan, math.inf, (), HOSTILE[2])
    layers = [name for name in HOSTILE if name != "\ud800"]  # no text of a record
    step = step_of(0, layers, judgement=Judgement((alarm,), (alarm,)))
    run = of_steps(tmp_path, [step])
    made = json.loads(as_json(document(run, "run")), parse_constant=pytest.fail)
    assert [layer["name"] for layer in made["layers"]] == layers
    assert [made["alarms"][0][name] for name in ("rule", "layer", "message")] == HOSTILE[:3]


# The run as a whole.


def test_the_run_tells_its_steps_layers_and_facts(run):
    made = document(run, "run")
    assert made["steps"] == made["columns"] == made["weightSteps"] == [0, 1, 2, 3]
    assert (made["unit"], made["hasEnded"], made["read"]) == ("epoch", True, 1)
    assert [(each["name"], each["drawn"]) for each in made["layers"]] == [
        *(("first", True), ("second", False))
    ]
    assert made["layers"][0]["shape"] == list(SHAPE)
    assert made["skipped"] == {"norm": "no kernel"}
    assert made["model"]["optimizer"] == "SGD, learning rate 0.5"


def test_scores_come_by_importance_with_those_that_begin_later(run):
    assert [score["name"] for score in document(run, "run")["scores"]] == [
        "noise",
        "update",
        "norm",
    ]


def test_a_score_that_ended_before_the_last_step_is_there(tmp_path):
    first, last = step_of(0), step_of(1)
    gone = replace(last.scores["first"], numbers={"norm": 1.0})
    layers = {"first": gone, "second": gone}
    run = of_steps(tmp_path, [first, replace(last, scores=replace(last.scores, layers=layers))])
    assert document(run, "matrix/noise")["values"][0] == [rounded_noise(0, 0), None]


def rounded_noise(layer, step):
    """The noise score with five significant digits."""
    return float(f"{noise_of(layer, step):.5g}")


def test_a_range_without_bounds_of_its_own_is_that_of_the_run(run):
    scores = {score["name"]: score for score in document(run, "run")["scores"]}
    assert (scores["noise"]["low"], scores["noise"]["high"]) == (0, 1)
    # norms are the median of 0, 10, 20, 30 and more, of the second layer 100 more
    assert 15 <= scores["norm"]["low"] < scores["norm"]["high"] <= 118


def test_logs_tell_what_was_not_logged_from_what_was_not_a_number(tmp_path):
    logs = [{}, {"loss": 1 / 3, "val_loss": 2.0}, {"loss": math.nan}, {"loss": -math.inf}]
    run = of_steps(tmp_path, [step_of(step, logs=each) for step, each in enumerate(logs)])
    made = document(run, "run")["logs"]
    assert made["loss"] == [None, 0.33333, "nan", "-inf"]
    assert made["val_loss"] == [None, 2, None, None]


def test_alarms_and_notes_are_told_with_begin_and_end(tmp_path):
    note = Alarm("odd", "second", 0, math.nan, math.nan, (1, 2), "Odd.", "note")
    alarm = Alarm("noisy", "first", 1, 2 / 3, 0.5, (), "Noisy.")
    over = replace(note, ended=2)
    run = of_steps(
        tmp_path,
        [
            step_of(0, judgement=Judgement((note,), (note,))),
            step_of(1, judgement=Judgement((note, alarm), (alarm,))),
            step_of(2, judgement=Judgement((over, alarm), (), (over,))),
        ],
    )
    first, second = document(run, "run")["alarms"]
    assert (first["level"], first["step"], first["ended"]) == ("note", 0, 2)
    assert (first["value"], first["filters"]) == ("nan", [1, 2])
    assert (second["rule"], second["ended"], second["value"]) == ("noisy", None, 0.66667)


def test_a_diagnosis_is_told_from_the_step_where_it_began(tmp_path):
    bad = Diagnosis("rate too high", ("The loss rose.",), "Lower the rate.")
    run = of_steps(
        tmp_path,
        [step_of(step, diagnosis=each) for step, each in enumerate([FINE, bad, bad, FINE])],
    )
    made = document(run, "run")["diagnoses"]
    assert [(each["step"], each["cause"]) for each in made] == [
        *((0, "no fault found"), (1, "rate too high"), (3, "no fault found"))
    ]
    assert made[1]["evidence"] == ["The loss rose."]


def test_what_keras_trains_instead_of_the_last_activation_is_told(tmp_path):
    output = OutputFacts("head", 10, "sigmoid", "binary_crossentropy", trains_as="softmax")
    run = of_steps(tmp_path, [step_of(0, facts=ModelFacts(outputs=(output,)))])
    assert document(run, "run")["model"]["output"] == (
        "head: 10 units, sigmoid, which trains as softmax, loss binary_crossentropy"
    )


def test_a_new_step_is_there_after_an_update(tmp_path):
    writer = record(tmp_path, range(2), ends=False)
    run = read(tmp_path)
    before = document(run, "run")
    writer.write(step_of(2))
    run.update()
    after = document(run, "run")
    assert (before["steps"], after["steps"]) == ([0, 1], [0, 1, 2])
    assert before["version"] != after["version"]
    assert document(run, "matrix/noise")["steps"] == [0, 1, 2]


# Scores.


def test_a_matrix_has_a_row_for_each_layer_and_five_digits(run):
    made = document(run, "matrix/noise")
    assert made["values"] == [[rounded_noise(layer, s) for s in range(4)] for layer in range(2)]


def test_an_undefined_score_is_null(run):
    assert [row[0] for row in document(run, "matrix/update")["values"]] == [None, None]


def test_a_long_run_is_thinned_in_log_time(tmp_path):
    record(tmp_path, range(300), layers=["only"])
    run = read(tmp_path)
    columns = select_steps(range(300), 240)
    assert document(run, "run")["columns"] == columns
    assert document(run, "matrix/noise")["values"] == [[rounded_noise(0, s) for s in columns]]
    assert document(run, "layer/0")["numbers"]["noise"] == [rounded_noise(0, s) for s in columns]


def test_the_table_tells_all_scores_of_a_step(run):
    made = document(run, "table/2")
    scores = run.scores_at(2)
    assert made["step"] == 2
    assert made["verdicts"] == ["structured", "structured"]
    assert made["sentences"] == [scores["first"].sentence, scores["second"].sentence]
    assert made["numbers"]["update"] == [0.002, 0.002]
    assert made["numbers"]["noise"] == [rounded_noise(0, 2), rounded_noise(1, 2)]


def test_filters_tell_their_scores_and_what_they_are(run):
    made = document(run, "filters/1/3")
    assert made["numbers"]["norm"] == [norm_of(1, each, 3) for each in range(4)]
    assert made["numbers"]["dead"] == [0, 1, 0, 0]
    assert made["descriptions"] == ["edge", "dead", "edge", "edge"]
    assert "labels" not in made["numbers"]


def test_curves_have_a_row_for_each_step(run):
    made = document(run, "curves/1/norm")
    assert made["steps"] == [0, 1, 2, 3]
    assert made["values"] == [[norm_of(1, each, step) for each in range(4)] for step in range(4)]
    assert made["read"] == 1


def test_curves_of_a_long_run_have_120_steps_at_most(tmp_path):
    record(tmp_path, range(200), layers=["only"])
    run = read(tmp_path)
    made = document(run, "curves/0/norm")
    while made["read"] < 1:  # of a large network, or on a slow machine
        made = document(run, "curves/0/norm")
        run.update()
    steps = select_steps(range(200), 120)
    assert made["steps"] == steps
    assert made["values"] == [[norm_of(0, each, step) for each in range(4)] for step in steps]


def test_curves_follow_a_step_that_is_recorded_again(tmp_path):
    writer = record(tmp_path, range(2), ends=False)
    run = read(tmp_path)
    assert document(run, "curves/0/norm")["values"][1][0] == norm_of(0, 0, 1)
    amended = step_of(1)
    layers = {
        name: replace(s, filters={"norm": np.full(4, 7.0)}) for name, s in amended.scores.items()
    }
    writer.write(replace(amended, scores=replace(amended.scores, layers=layers)))
    run.update()
    assert document(run, "curves/0/norm")["values"][1] == [7.0] * 4


# Weights.


def test_a_kernel_lies_filter_by_filter_row_by_row(run):
    made = document(run, "kernel/0/3")
    assert (made["filters"], made["depth"], made["scales"]) == (4, 1, [1, 2, 3, 4])
    # (row, column, channel, filter) -> (filter, row, column, channel)
    np.testing.assert_array_equal(weights(made), levels_of(3).transpose(3, 0, 1, 2))


@pytest.mark.parametrize(
    ("shape", "window"),
    [
        ((5, 2, 3), (1, 5, 2)),
        ((4, 3, 2, 3), (4, 3, 2)),
        ((2, 4, 3, 2, 3), (4, 6, 2)),
        ((6, 3), (1, 1, 6)),
        ((1, 1, 6, 3), (1, 1, 6)),
    ],
)
def test_a_window_of_any_rank_becomes_height_and_width(tmp_path, shape, window):
    layer = LayerScores("Conv", shape, "undetermined", {"norm": 1.0}, {})
    step = step_of(0, ["layer"], kernels={"layer": kernel_of("layer", 0, shape)})
    run = of_steps(tmp_path, [replace(step, scores=replace(step.scores, layers={"layer": layer}))])
    made = document(run, "kernel/0/0")
    assert (made["height"], made["width"], made["channels"]) == window
    assert made["depth"] == (shape[0] if len(shape) == 5 else 1)


def test_the_slices_of_a_window_of_three_axes_lie_side_by_side(tmp_path):
    shape = (2, 4, 3, 1, 1)
    layer = LayerScores("Conv3D", shape, "undetermined", {"norm": 1.0}, {})
    step = step_of(0, ["layer"], kernels={"layer": kernel_of("layer", 0, shape)})
    run = of_steps(tmp_path, [replace(step, scores=replace(step.scores, layers={"layer": layer}))])
    drawn = weights(document(run, "kernel/0/0"))[0, :, :, 0]
    slices = levels_of(0, shape)[..., 0, 0]
    np.testing.assert_array_equal(drawn, np.hstack([slices[0], slices[1]]))


def test_a_strip_has_one_filter_at_each_step(run):
    made = document(run, "strip/0/2")
    assert (made["steps"], made["scales"]) == ([0, 1, 2, 3], [3, 3, 3, 3])
    expected = [levels_of(step)[..., 2] for step in range(4)]
    np.testing.assert_array_equal(weights(made), expected)


def test_a_strip_of_a_long_run_has_16_steps(tmp_path):
    record(tmp_path, range(100), layers=["only"])
    made = document(read(tmp_path), "strip/0/0")
    assert made["steps"] == select_steps(range(100), 16)
    assert len(weights(made)) == 16


def test_documents_do_not_keep_a_run_in_memory(tmp_path):
    record(tmp_path)
    run = read(tmp_path)
    document(run, "curves/0/norm")
    left = ref(run)
    del run
    gc.collect()
    assert left() is None


def test_weights_that_cannot_be_read_any_more_are_not_there(run):
    for file in Path(run.location).glob("record-*.fwr"):
        file.unlink()
    assert document(run, "kernel/0/0") is None


# Numbers.


@pytest.mark.parametrize("size", [1e-300, 1e-12, 1e-3, 1.0, 7e4, 3e9, 1e17, 1e300])
def test_rounding_agrees_with_pythons_format(size):
    numbers = size * np.random.default_rng(0).standard_normal(200)
    assert rounded(numbers).tolist() == [float(f"{number:.5g}") for number in numbers]
