"""The catalogue of pictures: which a training gets, by name, and that a real fit writes them."""

import io

import keras
import numpy as np
import pytest
from keras import layers
from pictures import cells, noise
from PIL import Image
from viewer import read

import keras_filterwatch as fw
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES, PICTURES, PictureCatalogue
from keras_filterwatch.quantised import WHOLE
from keras_filterwatch.training import arguments

SIDE = 8
OF_LAYERS = {name for name, picture in PICTURES.items() if not picture.of_network}


def convolutions(count=2):
    keras.utils.set_random_seed(0)
    parts = [layers.Conv2D(4, 3, padding="same", name=f"conv{i}") for i in range(count)]
    return keras.Sequential(
        [layers.Input((SIDE, SIDE, 3)), *parts, layers.Flatten(), layers.Dense(2, name="head")]
    )


def dense():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Flatten(),
            layers.Dense(6, activation="relu", name="hidden"),
            layers.Dense(2, name="head"),
        ]
    )


class Patchify(layers.Layer):
    """A layer of the user's own, whose kernel has the axes of a convolution."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(4, 4, shape[-1], 6), name="kernel")

    def call(self, x):
        return keras.ops.conv(x, self.kernel, strides=4)


def events_of_fit(model, directory, epochs=1, **options):
    """Returns tag -> its points (step, value), of a fit."""
    x = np.random.default_rng(0).random((8, SIDE, SIDE, 3), "float32")
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(directory, **options)
    model.fit(x, np.zeros((8, 2)), epochs=epochs, verbose=0, callbacks=[watch])
    return read(directory / "filterwatch")


def picture_tags(points):
    """Returns the tags of pictures among all tags."""
    return {tag for tag in points if tag.split("/")[0] in PICTURES}


def names_drawn_for(kernel):
    """Returns the names of all pictures that are drawn for one kernel, probe or not."""
    catalogue = PictureCatalogue(list(PICTURES), [kernel.name], draw_all=True, step_unit="epoch")
    snapshot = fw.Snapshot(0, (kernel,))
    drawings = [
        *catalogue.of_kernels(snapshot, fw.score(snapshot)),
        *catalogue.of_outputs(snapshot, None, None),
    ]
    assert {drawing.layer for drawing in drawings} == {kernel.name}
    return {drawing.name for drawing in drawings}


# The table.


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_the_name_of_the_function_that_draws_it(name):
    assert name in fw.draw.__all__
    assert callable(getattr(fw.draw, name))


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_a_description_of_one_line(name):
    assert 10 < len(PICTURES[name].description) < 80


def test_default_pictures_need_no_probe():
    assert DEFAULT_PICTURES == ("overview", "filters", "film_strip", "templates")
    assert not any(PICTURES[name].needs_probe for name in DEFAULT_PICTURES)


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_can_be_asked_for_by_name(name):
    assert arguments.pictures([name], True) == (name,)


@pytest.mark.parametrize("kind", ["conv", "depthwise", "transposed"])
def test_convolutions_have_filters_and_responses_but_no_templates(kind):
    kernel = fw.Kernel("conv", "Anything", noise(3, 3, 1, 4), kind=kind)
    assert names_drawn_for(kernel) == OF_LAYERS - {"templates", "class_paths"}


def test_a_convolution_of_one_axis_has_no_responses():
    kernel = fw.Kernel("conv", "Conv1D", noise(3, 1, 4), kind="conv")
    assert {"filters", "film_strip", "components"} <= names_drawn_for(kernel)
    assert not {"activations", "favourites"} & names_drawn_for(kernel)


def test_a_dense_kernel_that_reads_an_image_has_templates_but_no_responses():
    kernel = fw.Kernel("hidden", "Dense", noise(3, 3, 1, 4), kind="dense")
    assert names_drawn_for(kernel) == OF_LAYERS - {"activations", "favourites"}


def test_a_kernel_of_a_custom_layer_is_drawn_as_filters_and_not_as_templates():
    kernel = fw.Kernel("patches", "Patchify", noise(4, 4, 3, 6), kind="custom")
    assert {"filters", "film_strip", "components"} <= names_drawn_for(kernel)
    assert not {"templates", "class_paths", "activations"} & names_drawn_for(kernel)


def test_names_that_come_twice_are_drawn_once():
    catalogue = PictureCatalogue(["filters"] * 2, ["c"], draw_all=True, step_unit="epoch")
    snapshot = fw.Snapshot(0, (fw.Kernel("c", "", noise(3, 3, 1, 4)),))
    assert len(list(catalogue.of_kernels(snapshot, fw.score(snapshot)))) == 1


@pytest.mark.parametrize(
    ("draw_all", "drawn"), [(False, ["a", "c", "d", "f"]), (True, list("abcdef"))]
)
def test_four_layers_are_drawn_unless_all_are_asked_for(draw_all, drawn):
    assert PictureCatalogue(["filters"], list("abcdef"), draw_all, "epoch").layers == drawn


# The kernels of a step, in 8 bits.


def catalogue_after(*kernels, layers=("conv",)):
    """Returns a catalogue of pictures after one step with these kernels."""
    catalogue = PictureCatalogue(["film_strip"], layers, draw_all=True, step_unit="epoch")
    snapshot = fw.Snapshot(0, kernels)
    catalogue.add_step(snapshot, fw.score(snapshot))
    return catalogue


def test_of_a_small_network_all_kernels_are_quantised():
    conv = fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4))
    head = fw.Kernel("head", "Dense", noise(4, WHOLE // 4 - 9))  # 2**17 weights in all
    assert list(catalogue_after(conv, head).quantised) == ["conv", "head"]


def test_of_a_larger_network_the_kernels_with_a_history_are_quantised():
    conv = fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4))
    head = fw.Kernel("head", "Dense", noise(4, WHOLE // 4 - 8))
    assert list(catalogue_after(conv, head).quantised) == ["conv"]


def test_only_layers_that_are_drawn_have_a_film_strip():
    conv = fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4))
    head = fw.Kernel("head", "Dense", noise(4, 2))
    assert list(catalogue_after(conv, head).film_strips) == ["conv"]


def test_a_film_strip_keeps_the_quantised_kernel_of_the_step():
    catalogue = catalogue_after(fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4)))
    (column,) = catalogue.film_strips["conv"].columns
    assert column.kernel is catalogue.quantised["conv"]


def test_film_strips_go_on_after_those_of_an_earlier_fit():
    kernel = fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4))
    earlier = catalogue_after(kernel).film_strips
    catalogue = PictureCatalogue(["film_strip"], ["conv"], draw_all=True, step_unit="epoch")
    catalogue.restore(earlier)
    snapshot = fw.Snapshot(1, (kernel,))
    catalogue.add_step(snapshot, fw.score(snapshot))
    assert [column.step for column in catalogue.film_strips["conv"].columns] == [0, 1]


def test_strips_that_a_catalogue_goes_on_with_stay_as_they_are():
    kernel = fw.Kernel("conv", "Conv2D", noise(3, 3, 1, 4))
    earlier = catalogue_after(kernel).film_strips
    catalogue = PictureCatalogue(["film_strip"], ["conv"], draw_all=True, step_unit="epoch")
    catalogue.restore(earlier)
    snapshot = fw.Snapshot(1, (kernel,))
    catalogue.add_step(snapshot, fw.score(snapshot))
    assert [column.step for column in earlier["conv"].columns] == [0]


@pytest.mark.parametrize("name", [name for name in DEFAULT_PICTURES if name in OF_LAYERS])
def test_default_pictures_have_the_pixels_that_the_public_functions_draw(name):
    kernel = fw.Kernel("hidden", "Dense", noise(5, 5, 1, 9), kind="dense")
    snapshot = fw.Snapshot(3, (kernel,))
    scores = fw.score(snapshot)
    catalogue = PictureCatalogue([name], ["hidden"], draw_all=True, step_unit="epoch")
    catalogue.add_step(snapshot, scores)
    (drawing,) = catalogue.of_kernels(snapshot, scores)
    picture = drawing.draw()
    sources = [snapshot] if name == "film_strip" else snapshot
    assert picture.mode == "P"
    np.testing.assert_array_equal(
        np.asarray(picture.convert("RGB")), np.asarray(getattr(fw.draw, name)(sources))
    )


# The pictures of the whole network.


def test_the_overview_is_drawn_once_and_of_no_layer():
    catalogue = PictureCatalogue(["overview", "filters"], list("ab"), True, "epoch")
    kernels = tuple(fw.Kernel(name, "", noise(3, 3, 1, 4)) for name in "ab")
    snapshot = fw.Snapshot(0, kernels)
    (drawing,) = catalogue.of_network(lambda: None)
    assert drawing[:2] == ("overview", "")
    of_layers = catalogue.of_kernels(snapshot, fw.score(snapshot))
    assert {each.name for each in of_layers} == {"filters"}


def test_the_overview_alone_draws_no_layer():
    assert PictureCatalogue(["overview"], list("ab"), True, "epoch").layers == []


def test_without_its_name_no_overview_is_drawn():
    catalogue = PictureCatalogue(["filters"], ["a"], True, "epoch")
    assert not list(catalogue.of_network(lambda: None))


# Real fits.


def test_the_default_pictures_are_an_overview_filters_and_a_film_strip_of_the_first_layer(tmp_path):
    tags = picture_tags(events_of_fit(convolutions(6), tmp_path))
    filters = {f"filters/0{place}_conv{place}" for place in (0, 2, 3, 5)}
    assert tags == {"overview", *filters, "film_strip/00_conv0"}


def test_a_dense_network_gets_templates_by_default(tmp_path):
    tags = picture_tags(events_of_fit(dense(), tmp_path))
    assert tags == {"overview", "filters/00_hidden", "film_strip/00_hidden", "templates/00_hidden"}


def test_a_custom_layer_gets_filters_by_default(tmp_path):
    model = keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            Patchify(name="patches"),
            layers.Flatten(),
            layers.Dense(2, name="head"),
        ]
    )
    tags = picture_tags(events_of_fit(model, tmp_path))
    assert {tag for tag in tags if tag.endswith("patches")} == {
        "filters/00_patches",
        "film_strip/00_patches",
    }


def test_pictures_that_are_asked_for_by_name_are_drawn(tmp_path):
    tags = picture_tags(events_of_fit(dense(), tmp_path, images=["class_paths", "components"]))
    assert tags == {"class_paths/00_hidden", "components/00_hidden"}


def test_the_overview_alone_can_be_asked_for(tmp_path):
    tags = picture_tags(events_of_fit(convolutions(), tmp_path, images=["overview"]))
    assert tags == {"overview"}


def test_a_network_without_windows_has_an_overview_all_the_same(tmp_path):
    model = keras.Sequential(
        [layers.Input((SIDE, SIDE, 3)), layers.GlobalMaxPooling2D(), layers.Dense(2)]
    )
    assert picture_tags(events_of_fit(model, tmp_path)) == {"overview"}


def test_one_name_need_not_be_in_a_list(tmp_path):
    tags = picture_tags(events_of_fit(convolutions(), tmp_path, images="film_strip"))
    assert tags == {"film_strip/00_conv0"}


def test_no_picture_is_drawn_with_images_false(tmp_path):
    assert not picture_tags(events_of_fit(convolutions(), tmp_path, images=False))


def test_probe_inputs_give_pictures_of_responses(tmp_path):
    probe = np.random.default_rng(1).random((4, SIDE, SIDE, 3), "float32")
    names = ("activations", "favourites")
    tags = picture_tags(events_of_fit(convolutions(), tmp_path, images=names, probe=probe))
    assert tags == {f"{name}/0{place}_conv{place}" for name in names for place in (0, 1)}


def test_the_film_strip_has_a_column_for_each_step(tmp_path):
    points = events_of_fit(convolutions(), tmp_path, epochs=3)["film_strip/00_conv0"]
    assert [step for step, _ in points] == [0, 1, 2, 3]
    strips = [Image.open(io.BytesIO(value[2])).convert("RGB") for _, value in points]
    filters = 4
    columns = [len(list(cells(strip, 4, (48, 48)))) / filters for strip in strips]
    assert columns == [1, 2, 3, 4]


def test_paths_are_drawn_for_one_of_two_dense_layers_that_read_the_image(tmp_path):
    image = layers.Input((SIDE, SIDE, 3))
    flat = layers.Flatten()(image)
    both = [layers.Dense(4, name=name)(flat) for name in ("left", "right")]
    head = layers.Dense(2, name="head")(layers.Add()(both))
    with pytest.warns(UserWarning, match="class_paths.*left") as warned:
        events_of_fit(keras.Model(image, head), tmp_path, images=["class_paths"])
    assert not [each for each in warned if "right" in str(each.message).split("(")[0]]
