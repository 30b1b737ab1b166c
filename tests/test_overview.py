"""The picture `overview`: colours of cells, marks of alarms, blocks, words and sources."""

import io
import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers
from PIL import Image
from recorded import record
from viewer import read

import keras_filterwatch as fw
from keras_filterwatch.alarms import Alarm, Judgement
from keras_filterwatch.draw.alarm_marks import marks_of
from keras_filterwatch.draw.colours import PALETTE, score_colours
from keras_filterwatch.draw.overview import picture_of_training
from keras_filterwatch.draw.overview_rows import alarm_texts, rows_of
from keras_filterwatch.draw.small_curves import curves_to_draw
from keras_filterwatch.draw.training_state import TrainingState
from keras_filterwatch.history import History
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of

FINE = fw.Diagnosis("no fault found", (), "No alarm holds.")
SHAPE = (3, 3, 4, 8)
DARKEST, PALEST = (123, 30, 12), (228, 238, 241)  # of scores that have a better end
VALIDATION = (0, 114, 178)


def layer(verdict="undetermined", filters=None, reads_images=False, **numbers):
    return LayerScores("Conv2D", SHAPE, verdict, numbers, filters or {}, reads_images=reads_images)


def history_of(values, score="noise", logs=()):
    """A history: layer -> its values, one for each epoch; None where the layer has none."""
    epochs = len(next(iter(values.values())))
    logged = dict(enumerate(logs, 1))
    return History(
        Scores(
            *(epoch, epoch),
            {
                name: layer(**({} if each[epoch] is None else {score: each[epoch]}))
                for name, each in values.items()
            },
            logs=logged.get(epoch, {}),
        )
        for epoch in range(epochs)
    )


def picture(history, raised=(), diagnosis=FINE, score=None):
    state = TrainingState.of_history(history, raised, diagnosis)
    return picture_of_training(state, score).convert("RGB")


def alarm(layer="a", step=1, ended=None, level="warning", rule="noisy"):
    return Alarm(rule, layer, step, 1.0, 0.9, (), "It is noisy.", level, ended)


def colour_of(share, of_quality=True):
    (place,) = score_colours(np.array([share]), of_quality)
    return tuple(map(int, PALETTE[place]))


def coloured(image):
    """True for the pixels of cells: all in colour but the scale at the left, and curves."""
    pixels = np.asarray(image).astype(int)
    found = (np.ptp(pixels, axis=-1) > 6) & (pixels != VALIDATION).any(axis=-1)
    found[:, :140] = False
    return found


def cell_rows(image):
    """Returns the colours of each row of cells, from left to right, without repetitions."""
    pixels, is_cell = np.asarray(image), coloured(image)
    heights = is_cell.any(axis=1).astype(int)
    starts, ends = (np.flatnonzero(np.diff(heights, prepend=0, append=0) == d) for d in (1, -1))
    rows = []
    for start, end in zip(starts, ends, strict=True):
        line = [tuple(map(int, each)) for each in pixels[(start + end) // 2]]
        middle = [c for c, found in zip(line, is_cell[(start + end) // 2], strict=True) if found]
        rows.append([c for c, before in zip(middle, [None, *middle], strict=False) if c != before])
    return rows


# Colours.


def test_each_cell_has_the_colour_of_its_score():
    rows = cell_rows(picture(history_of({"a": [1.0, 0.5, 0.0], "b": [0.25, 0.75, 1.0]})))
    expected = [[1.0, 0.5, 0.0], [0.25, 0.75, 1.0]]
    assert rows == [[colour_of(share) for share in shares] for shares in expected]


def test_noise_is_dark_and_structure_pale():
    assert cell_rows(picture(history_of({"a": [1.0, 0.0]}))) == [[DARKEST, PALEST]]


def test_a_score_of_which_high_values_are_good_is_dark_where_it_is_low():
    image = picture(history_of({"a": [0.0, 1.0]}, "orthogonality"), score="orthogonality")
    assert cell_rows(image) == [[DARKEST, PALEST]]


def test_a_score_without_a_better_end_has_colours_of_its_own():
    image = picture(history_of({"a": [0.0, 1.0]}, "rotation"), score="rotation")
    assert cell_rows(image) == [[colour_of(0, False), colour_of(1, False)]]


@pytest.mark.parametrize("of_quality", [True, False])
def test_colours_fall_in_lightness_all_the_way_so_that_grey_print_can_be_read(of_quality):
    colours = PALETTE[score_colours(np.linspace(0, 1, 23), of_quality)] / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    lightness = linear @ [0.2126, 0.7152, 0.0722]  # Y of sRGB, IEC 61966-2-1
    assert (np.diff(lightness) < 0).all()
    assert lightness[0] > 5 * lightness[-1]


def test_a_cell_without_a_score_is_hatched_in_grey():
    image = picture(history_of({"a": [1.0, None], "b": [None, None]}))
    assert cell_rows(image) == [[DARKEST]]
    pixels = np.asarray(image)
    y, x = np.argwhere(coloured(image))[-1]
    assert {tuple(map(int, each)) for each in pixels[y, x + 1 : x + 11]} == {
        (255, 255, 255),
        (180, 180, 180),
    }


@pytest.mark.parametrize(
    ("scores", "drawn"),
    [
        ({"noise": 0.0, "dead_units": 1.0}, PALEST),
        ({"dead_units": 1.0, "rotation": 0.0}, DARKEST),
        ({"rotation": 1.0, "norm": 3.0}, colour_of(1, False)),
    ],
    ids=["noise", "dead units", "rotation"],
)
def test_without_a_noise_score_the_next_best_score_is_drawn(scores, drawn):
    assert cell_rows(picture(History([Scores(0, 0, {"a": layer(**scores)})]))) == [[drawn]]


# Rows and columns.


@pytest.mark.parametrize(("count", "rows"), [(64, 64), (65, 33)])
def test_more_than_64_layers_are_drawn_in_blocks(count, rows):
    image = picture(history_of({f"conv{i}": [1.0] for i in range(count)}))
    assert len(cell_rows(image)) == rows


@pytest.mark.parametrize(("score", "worst"), [("noise", 0.75), ("orthogonality", 0.25)])
def test_a_cell_of_a_block_is_its_worst_layer(score, worst):
    values = {f"block_{i}_{part}": [0.5] for i in range(33) for part in "ab"}
    values |= {"block_1_a": [0.75], "block_1_b": [0.25]}
    rows = cell_rows(picture(history_of(values, score), score=score))
    share = worst if score == "noise" else 1 - worst
    assert rows[:3] == [[colour_of(0.5)], [colour_of(share)], [colour_of(0.5)]]


def test_a_layer_without_a_score_does_not_hide_the_others_of_its_block():
    values = {f"block_{i}_{part}": [0.5] for i in range(33) for part in "ab"}
    rows = cell_rows(picture(history_of({**values, "block_0_a": [None]})))
    assert rows == [[colour_of(0.5)]] * 33


def test_at_most_48_columns_are_drawn():
    few, many = (picture(history_of({"a": [0.5] * epochs})) for epochs in (48, 400))
    assert coloured(many).any(axis=0).sum() == coloured(few).any(axis=0).sum() == 48 * 13


def test_the_network_is_that_of_the_last_step():
    first = Scores(0, 0, {"gone": layer(noise=1.0), "stays": layer(noise=1.0)})
    last = Scores(1, 1, {"stays": layer(noise=0.0), "new": layer(noise=0.5)})
    assert cell_rows(picture(History([first, last]))) == [[DARKEST, PALEST], [colour_of(0.5)]]


@pytest.mark.parametrize("count", [1, 54, 64, 500])
def test_the_picture_fits_a_screen(count):
    names = [f"conv{i // 9}_block{i % 9 // 3}_{i % 3}_conv" for i in range(count)]
    history = history_of({name: [0.5] * 100 for name in names}, logs=[{"loss": 1.0}] * 99)
    raised = [alarm(name, step) for step, name in enumerate(names[:90], 1)]
    image = picture(history, raised)
    assert image.width <= 1400
    assert image.height <= 1000


# Alarms.


def test_an_alarm_is_marked_from_its_begin_to_its_end():
    marks = marks_of([alarm(step=3, ended=7)], steps=[0, 1, 4, 6, 9])["warning"]
    assert marks.begins.tolist() == [False, False, True, False, False]
    assert marks.holds.tolist() == [False, False, True, True, False]
    assert marks.ends.tolist() == [False, False, False, False, True]


def test_an_alarm_that_holds_has_no_end():
    marks = marks_of([alarm(step=1)], steps=[0, 1, 2])["warning"]
    assert marks.holds.tolist() == [False, True, True]
    assert not marks.ends.any()


def test_an_alarm_after_the_last_column_is_marked_there():
    marks = marks_of([alarm(step=9, ended=12)], steps=[0, 1])["warning"]
    assert marks.begins.tolist() == marks.ends.tolist() == [False, True]


def test_notes_come_before_warnings_and_errors_so_that_these_are_on_top():
    raised = [alarm(level=level) for level in ("error", "note", "warning")]
    assert [*marks_of(raised, [0, 1])] == ["note", "warning", "error"]


def changed_part(image, other):
    """Returns the place of what differs: top, bottom, left, right."""
    assert image.size == other.size
    rows, columns = np.nonzero((np.asarray(image) != np.asarray(other)).any(axis=-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_an_alarm_is_drawn_in_the_row_of_its_layer_and_the_column_of_its_step():
    history = history_of({"a": [0.5] * 4, "b": [0.5] * 4, "c": [0.5] * 4})
    # both pictures have the same words, so that the marks alone differ
    early, late = (
        picture(history, [alarm("b", step, ended=3), alarm("", 9, rule="x" * 30)])
        for step in (1, 2)
    )
    is_cell = coloured(early)
    left, width = np.flatnonzero(is_cell.any(axis=0))[0], 32
    rows = np.flatnonzero(is_cell[:, left : left + 10].all(axis=1))
    _, second, _ = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    cells = np.asarray(early)[second[0] : second[-1] + 1, left : left + 4 * width]
    black = (cells == 45).all(axis=-1).sum(axis=0)
    assert not black[:width].any()  # step 0
    assert black[width + width // 2] > 4  # the middle of step 1: the mark
    assert black[2 * width : 3 * width - 1].all()  # it holds, up to the white edge of its end
    assert black[3 * width : 3 * width + 2].min() >= 9  # its end
    assert not black[3 * width + 3 :].any()
    assert changed_part(early, late)[2] >= left + width


def test_alarms_that_hold_are_named_first_and_notes_last():
    raised = [
        alarm(rule="over", ended=4),
        alarm(rule="odd", level="note"),
        alarm(rule="holds", step=5),
        alarm(rule="broken", level="error", step=6),
    ]
    _, (row,) = rows_of(Scores(0, 0, {"a": layer()}), raised, most=64)
    assert alarm_texts(row) == [
        ("error", "broken since 6"),
        ("warning", "holds since 5"),
        ("warning", "over from 1 to 4"),
        ("note", "odd since 1"),
    ]
    assert row.worst_that_holds == "error"


def test_an_alarm_that_came_again_and_again_is_named_once():
    raised = [alarm(step=step, ended=step + 1) for step in (1, 3, 5)]
    _, (row,) = rows_of(Scores(0, 0, {"a": layer()}), raised, most=64)
    assert alarm_texts(row) == [("warning", "noisy from 1 to 6, 3 times")]


def test_alarms_about_no_layer_of_the_network_are_in_the_row_of_the_network():
    raised = [alarm("", rule="gets_nowhere"), alarm("somewhere", rule="mine")]
    network, _ = rows_of(Scores(0, 0, {"a": layer()}), raised, most=64)
    texts = [text for _, text in alarm_texts(network)]
    assert texts == ["gets_nowhere since 1", "mine in somewhere since 1"]


@pytest.mark.parametrize(
    ("names", "text"),
    [(["b_1_x"], "noisy in b_1_x since 1"), (["b_1_x", "b_1_y"], "noisy in 2 layers since 1")],
)
def test_a_block_says_which_of_its_layers_an_alarm_is_about(names, text):
    scores = Scores(0, 0, {"b_1_x": layer(), "b_1_y": layer()})
    _, (row,) = rows_of(scores, [alarm(name) for name in names], most=1)
    assert alarm_texts(row) == [("warning", text)]


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        (layer("untrained"), ("untrained", "")),
        (layer("undetermined"), ("-", "")),
        (layer("structured", dead=0.25), ("structured", "dead 25 %")),
        (layer("structured", dead=0.5, dead_units=0.0), ("structured", "")),
        (
            layer(filters={"labels": np.array(["edge"] * 6 + ["blob"] * 2)}, reads_images=True),
            ("-", "edge 75 %"),
        ),
        (layer(filters={"labels": np.array(["edge"] * 8)}), ("-", "")),
    ],
    ids=["untrained", "undetermined", "dead", "alive for the probe", "images", "deeper layer"],
)
def test_a_row_says_verdict_and_filters_of_its_layer(scores, words):
    _, (row,) = rows_of(Scores(0, 0, {"a": scores}), (), most=64)
    assert (row.verdict, row.filters) == words


def test_a_block_says_how_many_layers_are_untrained_and_the_largest_share_of_dead_filters():
    block = {"b_1_x": layer("untrained", dead=0.1), "b_1_y": layer("structured", dead=0.5)}
    _, (row,) = rows_of(Scores(0, 0, block), (), most=1)
    assert (row.name, row.verdict, row.filters) == ("b_1 (2)", "1 untrained", "dead 50 %")


# Losses and accuracies.


def test_the_loss_and_the_first_accuracy_are_drawn():
    logs = {
        "val_loss": [2.0],
        "lr": [0.1],
        "sparse_acc": [0.5],
        "val_sparse_acc": [0.4],
        "auc": [1],
    }
    names = [curve.name for curve in curves_to_draw(logs)]
    assert names == ["loss", "sparse_acc"]


@pytest.mark.parametrize(
    "losses",
    [
        [math.nan] * 3,
        [1.0, math.inf, math.nan],
        [-1.7e308, 1.7e308, 0.0],
        [1e-300, 1e300, 1.0],
        [0.0] * 3,
    ],
)
def test_any_losses_can_be_drawn(losses):
    logs = [{"loss": loss, "val_loss": loss, "accuracy": loss} for loss in losses]
    assert picture(history_of({"a": [0.5] * 4}, logs=logs)).width < 1400


def test_losses_of_validation_data_are_blue():
    logs = [{"loss": 1.0, "val_loss": 0.5}, {"loss": 0.5, "val_loss": 1.0}]
    without = [{"loss": each["loss"]} for each in logs]
    blue, none = (
        (np.asarray(picture(history_of({"a": [0.5] * 3}, logs=each))) == VALIDATION).all(axis=-1)
        for each in (logs, without)
    )
    assert blue.any()
    assert not none.any()


# Sources.


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ]
    )


@pytest.fixture(scope="module", params=["epoch", 2])
def fit(request, tmp_path_factory):
    """The log_dir and the FilterWatch of a training, by epochs or by batches."""
    directory, model = tmp_path_factory.mktemp("overview"), network()
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).random((24, 8, 8, 3), "float32")
    watch = fw.FilterWatch(directory, freq=request.param)
    model.fit(x, x[:, 0, :2, 0], batch_size=8, epochs=3, verbose=0, callbacks=[watch])
    return directory, watch


def test_a_callback_and_the_run_that_it_recorded_look_the_same(fit):
    directory, watch = fit
    of_run = fw.draw.overview(fw.read(directory))
    np.testing.assert_array_equal(np.asarray(fw.draw.overview(watch)), np.asarray(of_run))


def test_tensorboard_gets_it_at_each_step_as_of_that_step(fit):
    directory, watch = fit
    run = fw.read(directory)
    points = read(directory / "filterwatch")["overview"]
    assert [step for step, _ in points] == run.steps == [scores.step for scores in watch.history]
    for step, (_, _, png) in points:
        written = Image.open(io.BytesIO(png))
        assert written.mode == "P"
        drawn = fw.draw.overview(run, step=step)
        np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(drawn))


def test_a_run_as_of_a_step_looks_as_it_did_then(tmp_path):
    record(tmp_path / "long", range(6))
    record(tmp_path / "short", range(3))
    then, short = fw.read(tmp_path / "long"), fw.read(tmp_path / "short")
    np.testing.assert_array_equal(
        np.asarray(fw.draw.overview(then, step=2)), np.asarray(fw.draw.overview(short))
    )


def test_a_run_as_of_a_step_has_the_alarms_and_the_diagnosis_of_that_step(tmp_path):
    first = alarm("a", 1)
    over = alarm("a", 1, ended=2)
    causes = ["no fault found", "rate too high", "no fault found"]
    judgements = [Judgement(), Judgement((first,), (first,)), Judgement((over,), (), (over,))]
    writer = RecordWriter(folder_of(tmp_path), "epoch")
    for step, (cause, judgement) in enumerate(zip(causes, judgements, strict=True)):
        scores = Scores(step, step, {"a": layer(noise=0.5)})
        writer.write(StepToRecord(scores, judgement, fw.Diagnosis(cause, (), "Look at it.")))
    writer.close()
    state = TrainingState.of_run(fw.read(tmp_path), 1)
    assert [(each.step, each.ended) for each in state.raised] == [(1, None)]
    assert state.diagnosis.cause == "rate too high"


def test_layers_that_are_not_watched_have_no_row(tmp_path):
    model = network()
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(tmp_path, layers="conv", images=False)
    model.fit(np.ones((4, 8, 8, 3)), np.ones((4, 2)), verbose=0, callbacks=[watch])
    assert len(cell_rows(fw.draw.overview(watch))) == 1


def test_a_copy_of_a_callback_can_be_drawn_too(fit):
    _, watch = fit
    copied = fw.FilterWatch.__new__(fw.FilterWatch)
    copied.__setstate__(watch.__getstate__())
    np.testing.assert_array_equal(
        np.asarray(fw.draw.overview(copied)), np.asarray(fw.draw.overview(watch))
    )


def test_a_loss_that_is_not_a_number_is_marked_in_the_picture_of_a_run_too(tmp_path):
    logs = {"loss": math.nan, "accuracy": 0.5}
    record(tmp_path, range(3), logs=logs)
    state = TrainingState.of_run(fw.read(tmp_path), None)
    (loss, _) = curves_to_draw(state.logs([0, 1, 2]))
    assert [math.isnan(value) for value in loss.training] == [True] * 3


# What cannot be drawn.


@pytest.mark.parametrize("source", [{"a": np.ones((3, 3, 1, 2))}, "logs/run1", None])
def test_other_sources_are_refused(source):
    with pytest.raises(TypeError, match=r"a FilterWatch or a Run is needed.*fw\.read"):
        fw.draw.overview(source)


def test_a_callback_that_has_watched_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="nothing to draw"):
        fw.draw.overview(fw.FilterWatch(tmp_path))


def test_a_record_without_a_step_is_refused(tmp_path):
    RecordWriter(folder_of(tmp_path), "epoch").open()
    with pytest.raises(ValueError, match="no step yet"):
        fw.draw.overview(fw.read(tmp_path))


def test_a_step_that_a_run_does_not_have_is_refused(tmp_path):
    record(tmp_path)
    with pytest.raises(ValueError, match="no step 9"):
        fw.draw.overview(fw.read(tmp_path), step=9)


def test_an_earlier_step_of_a_callback_is_refused(fit):
    _, watch = fit
    with pytest.raises(ValueError, match=r"last step, \d.*fw\.read"):
        fw.draw.overview(watch, step=0)


def test_a_score_that_no_layer_has_is_refused(tmp_path):
    record(tmp_path)
    with pytest.raises(ValueError, match=r"no layer has 'nois'; did you mean 'noise'"):
        fw.draw.overview(fw.read(tmp_path), score="nois")


# Anything at all.


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(st.text(max_size=40), min_size=0, max_size=80, unique=True),
    epochs=st.integers(1, 60),
    numbers=st.lists(st.none() | st.floats(), min_size=1, max_size=5),
    message=st.text(max_size=300),
)
def test_any_history_can_be_drawn(names, epochs, numbers, message):
    values = {
        name: [numbers[(i + epoch) % len(numbers)] for epoch in range(epochs)]
        for i, name in enumerate(names)
    }
    history = history_of(values) if names else History([Scores(0, 0, {})])
    levels = ("error", "warning", "note")
    raised = [
        alarm(name, i % epochs, ended=None if i % 2 else i, level=levels[i % 3], rule=message)
        for i, name in enumerate(names)
    ]
    image = picture(history, raised, fw.Diagnosis(message, (message,) * 3, message))
    assert image.width <= 1400


def test_a_name_of_thousands_of_characters_is_cut():
    assert picture(history_of({"x" * 5000: [0.5]})).width <= 1400
