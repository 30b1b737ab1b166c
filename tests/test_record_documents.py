"""What stands in the parts of a record: any scores, alarms, facts and kernels come back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from same_runs import assert_same_alarms, assert_same_scores

from keras_filterwatch.alarms import LEVELS, Alarm
from keras_filterwatch.kernels import KINDS, Kernel
from keras_filterwatch.model_facts import InputFacts, ModelFacts, OutputFacts, TargetFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import DamagedRecordError, documents
from keras_filterwatch.record.frames import contents, frame
from keras_filterwatch.scores import LayerScores, Scores

NAMES = st.text(st.characters(), max_size=8)  # also such as no file name can be
NUMBERS = st.floats() | st.integers(-10, 10).map(float)
WHOLE = st.integers(0, 2**40)


def by_name(values):
    return st.dictionaries(NAMES, values, max_size=3)


@st.composite
def layer_scores(draw):
    filters = draw(st.integers(0, 4))
    numbers = arrays.arrays("f4", filters, elements=st.floats(width=32))
    words = st.lists(st.sampled_from(["edge", "", "dead", "Gabor ☂"]), min_size=filters)
    labels = words.map(lambda each: np.array(each[:filters], np.str_))
    return LayerScores(
        draw(NAMES),
        (*draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)), filters),
        draw(st.sampled_from(["structured", "untrained", "undetermined"])),
        draw(by_name(NUMBERS)),
        draw(by_name(numbers | labels)),
        draw(st.booleans()),
        draw(st.sampled_from(KINDS)),
        draw(st.booleans()),
        draw(NUMBERS),
    )


SCORES = st.builds(
    Scores,
    step=WHOLE,
    epoch=WHOLE,
    layers=by_name(layer_scores()),
    skipped=by_name(NAMES),
    logs=by_name(NUMBERS),
    updates=st.none() | WHOLE,
)
ALARMS = st.builds(
    Alarm,
    rule=NAMES,
    layer=NAMES,
    step=WHOLE,
    value=NUMBERS,
    threshold=NUMBERS,
    filters=st.lists(WHOLE, max_size=3).map(tuple),
    message=NAMES,
    level=st.sampled_from(LEVELS),
    ended=st.none() | WHOLE,
)
TEXTS = st.lists(NAMES, max_size=2).map(tuple)
FINITE = st.floats(allow_nan=False)
FACTS = st.builds(
    ModelFacts,
    outputs=st.lists(st.builds(OutputFacts, NAMES, st.none() | WHOLE, NAMES), max_size=2).map(
        tuple
    ),
    inputs=st.lists(st.builds(InputFacts, NAMES, FINITE, FINITE, FINITE, FINITE), max_size=2).map(
        tuple
    ),
    targets=st.lists(
        st.builds(
            TargetFacts,
            name=NAMES,
            minimum=FINITE,
            maximum=FINITE,
            mean=FINITE,
            majority=FINITE,
            std=FINITE,
        ),
        max_size=2,
    ).map(tuple),
    normalises_inputs=NAMES,
    learning_rate=st.none() | FINITE,
    clipping=by_name(FINITE),
    regularisers=by_name(by_name(FINITE)),
    normalisations=TEXTS,
    activations=by_name(NAMES),
    was_trained=by_name(st.booleans()),
    guessed_images=TEXTS,
    is_linear=st.booleans(),
    epochs=st.none() | WHOLE,
)


def through_a_frame(document, several=()):
    """A document and its arrays as they come out of a frame."""
    return contents(frame("STEP", {"document": document}, several))


@settings(deadline=None)
@given(SCORES)
def test_any_scores_come_back(scores):
    several = []
    document = documents.scores_as_document(scores, several)
    back, back_arrays = through_a_frame(document, several)
    assert_same_scores(documents.scores_of(back["document"], back_arrays), scores)


@settings(deadline=None)
@given(ALARMS)
def test_any_alarm_comes_back(alarm):
    back, _ = through_a_frame(documents.alarm_as_document(alarm))
    assert_same_alarms([documents.alarm_of(back["document"])], [alarm])


@settings(deadline=None)
@given(FACTS)
def test_any_facts_come_back(facts):
    back, _ = through_a_frame(documents.facts_as_document(facts))
    assert documents.facts_of(back["document"]) == facts


@settings(deadline=None)
@given(
    arrays.arrays(
        "f4", arrays.array_shapes(min_dims=2, max_dims=4, max_side=4), elements=st.floats(width=32)
    )
)
def test_any_kernel_comes_back_level_by_level(array):
    kernel = QuantisedKernel.of(Kernel("conv", "Conv2D", array, kind="conv"))
    several = []
    document = documents.kernels_as_document([kernel], several)
    back, back_arrays = through_a_frame(document, several)
    again = documents.kernels_of(back["document"], back_arrays)["conv"]
    np.testing.assert_array_equal(again.levels, kernel.levels)
    np.testing.assert_array_equal(again.scales, kernel.scales)
    assert (again.shape, again.kind) == (kernel.shape, "conv")


SOME_SCORES = Scores(
    1,
    1,
    {
        "conv": LayerScores(
            *("Conv2D", (3, 3, 1, 2), "untrained", {"noise": 1.0}),
            {"norm": np.array([1, 0.5], np.float32)},
        )
    },
    {"bn": "no kernel"},
    {"loss": 0.5},
)


def test_values_that_a_later_version_adds_are_left_out():
    facts = {"optimizer": "SGD", "more": 1}
    assert documents.facts_of(facts) == ModelFacts(optimizer="SGD")
    several = []
    document = documents.scores_as_document(SOME_SCORES, several)
    document["layers"][0]["more"] = document["more"] = 1
    assert_same_scores(documents.scores_of(document, several), SOME_SCORES)


def changed(document, path, value):
    """A copy of a document in which one value is another one."""
    if not path:
        return value
    first, *rest = path
    copy = document.copy()
    copy[first] = changed(document[first], rest, value)
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["step"], "1"),
        (["step"], 10**400),
        (["step"], None),
        (["layers"], 5),
        (["layers", 0], []),
        (["layers", 0, "name"], 5),
        (["layers", 0, "shape"], "33"),
        (["layers", 0, "shape"], [3, 3, 1, 2**60]),
        (["layers", 0, "shape"], [2]),
        (["layers", 0, "shape"], [3, 3, 1, 3]),
        (["layers", 0, "verdict"], "good"),
        (["layers", 0, "kind"], "good"),
        (["layers", 0, "numbers"], {"noise": "1"}),
        (["layers", 0, "filters"], {"norm": {"array": -1}}),
        (["layers", 0, "filters"], {"norm": {"array": 9}}),
        (["layers", 0, "filters"], {"norm": {"array": 0, "words": "edge"}}),
        (["layers", 0, "filters"], {"norm": 0}),
        (["logs"], [1]),
        (["updates"], 1.5),
        (["skipped"], {"bn": 1}),
    ],
)
def test_scores_of_another_form_are_refused(path, value):
    several = []
    document = documents.scores_as_document(SOME_SCORES, several)
    with pytest.raises((DamagedRecordError, LookupError, TypeError, ValueError, AttributeError)):
        documents.scores_of(changed(document, path, value), several)


def test_the_largest_weights_that_there_are_can_be_read():
    largest = np.finfo(np.float32).max
    kernel = QuantisedKernel.of(Kernel("conv", "", np.full((3, 3, 1, 1), largest)))
    assert np.all(kernel.kernel().array >= largest * 0.996)


@given(arrays.arrays("f8", 20, elements=st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30)))
def test_numbers_of_filters_are_rounded_to_13_binary_digits(values):
    layer = LayerScores("", (1, 1, 20), "undetermined", {}, {"mine": values})
    rounded = documents.as_recorded(Scores(0, 0, {"conv": layer}))["conv"].filters["mine"]
    # half a unit of the last place is 2**-13, and 2**-24 in the step to float32
    np.testing.assert_allclose(rounded, values, rtol=2**-13 + 2**-24)
    mantissas, _ = np.frexp(rounded.astype(np.float64))
    assert np.array_equal(mantissas * 2**13, np.rint(mantissas * 2**13))


def test_numbers_that_are_not_finite_are_recorded_as_they_are():
    values = np.array([np.nan, np.inf, -np.inf, 0.0, 1e300])
    layer = LayerScores("", (1, 1, 5), "undetermined", {}, {"mine": values})
    rounded = documents.as_recorded(Scores(0, 0, {"conv": layer}))["conv"].filters["mine"]
    np.testing.assert_array_equal(rounded, [np.nan, np.inf, -np.inf, 0.0, np.inf])
