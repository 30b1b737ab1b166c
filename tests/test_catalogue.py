"""Which pictures a training gets, by name, and that a real fit writes them."""

import io

import keras
import numpy as np
import pytest
from keras import layers
from pictures import cells
from PIL import Image
from viewer import read

import keras_filterwatch as fw
from keras_filterwatch.draw.catalogue import NAMES

SIDE = 8


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


def written(model, directory, epochs=1, **options):
    """tag -> its points (step, value), of a fit."""
    x = np.random.default_rng(0).random((8, SIDE, SIDE, 3), "float32")
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(directory, **options)
    model.fit(x, np.zeros((8, 2)), epochs=epochs, verbose=0, callbacks=[watch])
    return read(directory / "filterwatch")


def pictures(points):
    """The tags of pictures among all tags."""
    return {tag for tag in points if tag.split("/")[0] in NAMES}


def test_usually_there_are_sheets_and_a_film_of_the_first_layer(tmp_path):
    tags = pictures(written(convolutions(6), tmp_path))
    sheets = {f"kernels/0{place}_conv{place}" for place in (0, 2, 3, 5)}
    assert tags == {*sheets, "film/00_conv0"}


def test_a_dense_network_usually_gets_its_templates(tmp_path):
    tags = pictures(written(dense(), tmp_path))
    assert tags == {"kernels/00_hidden", "film/00_hidden", "templates/00_hidden"}


def test_pictures_are_drawn_that_are_asked_for_by_name(tmp_path):
    tags = pictures(written(dense(), tmp_path, images=["paths", "components"]))
    assert tags == {"paths/00_hidden", "components/00_hidden"}


def test_one_name_may_stand_alone(tmp_path):
    assert pictures(written(convolutions(), tmp_path, images="film")) == {"film/00_conv0"}


def test_there_are_none_if_none_are_wanted(tmp_path):
    assert not pictures(written(convolutions(), tmp_path, images=False))


def test_probe_inputs_show_what_the_filters_do(tmp_path):
    probe = np.random.default_rng(1).random((4, SIDE, SIDE, 3), "float32")
    wanted = ("activations", "favourites")
    tags = pictures(written(convolutions(), tmp_path, images=wanted, probe=probe))
    assert tags == {f"{name}/0{place}_conv{place}" for name in wanted for place in (0, 1)}


def test_the_film_has_a_column_for_each_look(tmp_path):
    points = written(convolutions(), tmp_path, epochs=3)["film/00_conv0"]
    assert [step for step, _ in points] == [0, 1, 2, 3]
    films = [Image.open(io.BytesIO(value[2])).convert("RGB") for _, value in points]
    filters = 4
    columns = [len(list(cells(film, 4, (48, 48)))) / filters for film in films]
    assert columns == [1, 2, 3, 4]


def test_two_dense_layers_that_read_the_image_have_one_picture_of_paths(tmp_path):
    image = layers.Input((SIDE, SIDE, 3))
    flat = layers.Flatten()(image)
    both = [layers.Dense(4, name=name)(flat) for name in ("left", "right")]
    head = layers.Dense(2, name="head")(layers.Add()(both))
    with pytest.warns(UserWarning, match="could not draw paths of left") as warned:
        written(keras.Model(image, head), tmp_path, images=["paths"])
    assert not [each for each in warned if "paths of right" in str(each.message)]
