"""What all pictures have in common: one order of arguments, any names, a bounded size."""

import inspect

import keras
import pytest
from keras import layers
from pictures import noise
from PIL import Image

import keras_filterwatch as fw
from keras_filterwatch.draw.layer_argument import check_layer

IMAGES = noise(3, 4, 4, 1)
CHAIN = {"hidden": noise(4, 4, 1, 6), "head": noise(6, 2)}

# What each picture needs beside a source and a layer.
MORE = {
    "filters": {},
    "components": {},
    "templates": {},
    "class_paths": {},
    "film_strip": {},
    "evidence": {"inputs": IMAGES},
    "activations": {"inputs": IMAGES},
    "favourites": {"inputs": IMAGES},
}
# no layer, or a path before it
OTHER_ARGUMENTS = {"inputs", "path_templates", "movie", "overview"}


def source_of(name):
    """A source that the picture of this name can be drawn from, and the name of its layer."""
    if name in ("activations", "favourites"):
        convolution = layers.Conv2D(2, 3, name="hidden")
        return keras.Sequential([layers.Input((4, 4, 1)), convolution])
    return [CHAIN, CHAIN] if name == "film_strip" else CHAIN


def test_every_picture_is_tested_here():
    assert MORE.keys() | OTHER_ARGUMENTS == set(fw.draw.__all__)


@pytest.mark.parametrize("name", MORE)
def test_the_layer_is_the_second_argument(name):
    first, second, *_ = inspect.signature(getattr(fw.draw, name)).parameters.values()
    assert first.name == ("sources" if name == "film_strip" else "source")
    assert (second.name, second.default) == ("layer", None)


@pytest.mark.parametrize("name", [name for name, more in MORE.items() if "inputs" in more])
def test_inputs_are_the_third_argument(name):
    picture = getattr(fw.draw, name)
    assert isinstance(picture(source_of(name), "hidden", IMAGES), Image.Image)


@pytest.mark.parametrize("name", MORE)
def test_a_picture_is_drawn_of_the_layer_that_is_named(name):
    picture = getattr(fw.draw, name)
    named = picture(source_of(name), "hidden", **MORE[name])
    assert named.size == picture(source_of(name), **MORE[name]).size


@pytest.mark.parametrize("wrong", [IMAGES, [1, 0], 1, {"image": IMAGES}, b"hidden"], ids=type)
@pytest.mark.parametrize("name", MORE)
def test_the_message_about_a_layer_in_the_wrong_place_has_the_order(name, wrong):
    with pytest.raises(TypeError, match=rf"are {name}\(sources?, layer=None.*\)\.") as raised:
        getattr(fw.draw, name)(source_of(name), wrong)
    assert len(str(raised.value)) < 300


def test_the_message_about_an_array_as_layer_has_its_shape():
    with pytest.raises(TypeError, match=r"; got ndarray of shape \(3, 4, 4, 1\)\. The"):
        fw.draw.activations(source_of("activations"), IMAGES, "hidden")


@pytest.mark.parametrize(
    "layer",
    [None, "conv", ["conv", "head"], layers.Dense(2), [layers.Dense(2), "conv"], callable],
    ids=["None", "name", "names", "layer", "layer and name", "function"],
)
def test_what_can_name_layers_passes_the_check(layer):
    check_layer(fw.draw.filters, layer)


@pytest.mark.parametrize("name", ["evidence", "activations", "favourites"])
def test_the_message_about_missing_inputs_has_an_example(name):
    with pytest.raises(
        ValueError, match=rf"^{name}: inputs are needed, such as {name}\(model, inp"
    ):
        getattr(fw.draw, name)(source_of(name))


ODD_NAMES = {
    "a line break": "conv\nfirst",
    "an emoji": "conv 🔥",
    "control characters": "conv\x00\x1b[31m\x7f",
    "half a surrogate pair": "conv\ud800",
    "nothing": "",
    "right to left": "\u202econv \u05d0",
    "very many characters": "conv" * 5000,
}


@pytest.mark.parametrize("odd_name", ODD_NAMES.values(), ids=ODD_NAMES)
@pytest.mark.parametrize("name", ["filters", "components", "templates", "class_paths", "evidence"])
def test_a_picture_of_a_kernel_with_an_odd_name_is_drawn(name, odd_name):
    kernels = (
        fw.Kernel(odd_name, odd_name, CHAIN["hidden"], kind="dense"),
        fw.Kernel("head", "Dense", CHAIN["head"], kind="dense"),
    )
    picture = getattr(fw.draw, name)(fw.Snapshot(0, kernels), **MORE[name])
    assert picture.width < 2000


@pytest.mark.parametrize("odd_name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_a_film_strip_of_a_kernel_with_an_odd_name_is_drawn(odd_name):
    assert fw.draw.film_strip([{odd_name: CHAIN["hidden"]}]).width < 2000


@pytest.mark.parametrize("odd_name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_images_with_odd_labels_are_drawn(odd_name):
    assert fw.draw.inputs(IMAGES, [odd_name] * 3, odd_name).width < 2000


def test_control_characters_of_a_name_are_drawn_as_escape_sequences(written):
    fw.draw.filters({"red\x1b[31m\nconv": noise(3, 3, 1, 2)})
    assert any(text.startswith("red\\x1b[31m conv") for text in written)


WINDOWS = [(600, 700, 1, 9), (1, 3000, 1, 9), (3000, 2, 1, 9), (30, 30, 12, 9), (2, 2, 1, 999)]


@pytest.mark.parametrize("shape", WINDOWS)
def test_no_picture_of_dense_layers_is_larger_than_2000_pixels(shape):
    kernels = {"a": noise(*shape), "b": noise(shape[-1], 12)}
    labels = ["a class with a name that is far too long for its place"] * 12
    pictures = [
        fw.draw.templates(kernels),
        fw.draw.class_paths(kernels, labels=labels),
        fw.draw.evidence(kernels, inputs=noise(3, *shape[:3]), units=[0, 1], classes=range(5)),
    ]
    assert max(max(picture.size) for picture in pictures) <= 2000


def kernel_of(kind):
    return fw.Kernel("k", "Patchify", noise(4, 4, 1, 6), kind=kind)


@pytest.mark.parametrize("kind", ["dense", "unknown"])
def test_kernels_of_these_kinds_have_templates(kind):
    assert fw.draw.templates(fw.Snapshot(0, (kernel_of(kind),))).width > 0


@pytest.mark.parametrize("kind", ["conv", "depthwise", "transposed", "custom"])
def test_kernels_of_these_kinds_have_filters_but_no_templates(kind):
    snapshot = fw.Snapshot(0, (kernel_of(kind),))
    assert fw.draw.filters(snapshot).width > 0
    with pytest.raises(ValueError, match="is no Dense kernel"):
        fw.draw.templates(snapshot)


def test_the_type_of_a_layer_does_not_decide_about_templates():
    kernel = fw.Kernel("k", "DenseConvolution", noise(4, 4, 1, 6), kind="dense")
    assert fw.draw.templates(fw.Snapshot(0, (kernel,))).width > 0
