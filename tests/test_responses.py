"""Known filters and images: what is drawn is what they must return, and what they must read."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import DARKEST_BLUE, DARKEST_RED, SPACE, WHITE

import keras_filterwatch as fw
from keras_filterwatch.draw.colours import LIGHT_GREY


def images(shape=(12, 12, 1), count=6):
    return np.random.default_rng(0).standard_normal((count, *shape)).astype("float32")


def network(*parts, shape=(12, 12, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


def planted(kernel, bias=0.0, **options):
    """A Conv2D with this kernel, `(height, width, filters)`, that reads grey images."""
    layer = layers.Conv2D(kernel.shape[-1], kernel.shape[:2], name="planted", **options)
    layer.build((None, None, None, 1))
    layer.set_weights([kernel[:, :, np.newaxis], np.full(kernel.shape[-1], bias)])
    return layer


def colours(image):
    return {tuple(map(int, colour)) for colour in np.asarray(image).reshape(-1, 3)}


# activations


def test_activations_go_from_white_to_red_and_negative_ones_to_blue():
    maps = np.zeros((1, 2, 2, 1))
    maps[0, 0, 0], maps[0, 1, 1] = 1, -1
    pixels = np.asarray(fw.draw.activations(maps))
    top, left = np.argwhere((pixels == LIGHT_GREY).all(axis=-1))[0] + SPACE
    corners = [pixels[top + y, left + x] for y in (0, 40) for x in (0, 40)]
    assert [tuple(map(int, c)) for c in corners] == [DARKEST_RED, WHITE, WHITE, DARKEST_BLUE]


def test_activations_without_negative_values_have_no_blue():
    maps = np.maximum(images((9, 9, 5)), 0)
    assert DARKEST_BLUE in colours(fw.draw.activations(images((9, 9, 5))))
    assert DARKEST_BLUE not in colours(fw.draw.activations(maps))


def test_filters_that_are_zero_for_all_inputs_have_a_black_frame(written):
    maps = np.ones((6, 4, 4, 32))
    maps[..., [3, 7, 30]] = 0
    maps[:4, ..., 8] = 0  # but not for the two inputs that are not drawn
    image = fw.draw.activations(maps, layer="conv")
    assert "3 of 32 dead: zero for all 6 inputs" in written
    pixels = np.asarray(image)
    top, left = np.argwhere((pixels == LIGHT_GREY).all(axis=-1))[0]
    across = 64 + SPACE  # 4x4 outputs of 16 pixels each, and the space between them
    framed = [c for c in range(16) if not pixels[top + 3, left + c * across + 30].any()]
    assert framed == [3, 7]


def test_activations_of_a_model_are_what_its_filters_return(written):
    kernel = np.stack([np.eye(3), -np.eye(3)], axis=-1)
    model = network(planted(kernel, activation="relu"))
    fw.draw.activations(model, "planted", np.ones((2, 12, 12, 1), "float32"))
    assert "1 of 2 dead: zero for all 2 inputs" in written
    assert any("planted   2 outputs of 10x10   1 of 2 dead" in text for text in written)
    assert "3" in written  # the scale's end: three ones


def test_activations_of_many_inputs_and_filters_are_cut_with_a_note(written):
    picture = fw.draw.activations(np.ones((9, 50, 50, 40)), inputs=np.zeros((9, 100, 300, 3)))
    assert picture.width < 2000
    assert any("first 4 of 9 inputs   first 32 of 40 filters" in text for text in written)


@pytest.mark.parametrize("picture", [fw.draw.activations, fw.draw.favourites])
def test_a_model_without_inputs_is_refused_with_what_to_pass(picture):
    with pytest.raises(ValueError, match=rf"{picture.__name__}\(model, inputs=x\[:"):
        picture(network(layers.Conv2D(2, 3)))


def test_activations_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(inputs, height, width, filters\).*got \(3, 4\)"):
        fw.draw.activations(np.ones((3, 4)))


def test_activations_that_are_not_finite_are_magenta():
    maps = np.ones((1, 4, 4, 1))
    maps[0, 0, 0, 0] = np.nan
    assert (230, 0, 126) in colours(fw.draw.activations(maps))


# favourites

CROSS = np.array([[-1.0, 1.0, -1.0], [1.0, 1.0, 1.0], [-1.0, 1.0, -1.0]])


def crosses(*places):
    """A black image for each place, with a white cross around it."""
    x = np.zeros((len(places), 12, 12, 1), "float32")
    for image, (row, column) in zip(x, places, strict=True):
        image[row - 1 : row + 2, column - 1 : column + 2, 0] = np.maximum(CROSS, 0)
    return x


def cells_in_row(image, count, side=63):
    """The first cells, on their grey ground: 3x3 pixels enlarged by 21, about 64."""
    pixels = np.asarray(image)
    top, left = np.argwhere((pixels == LIGHT_GREY).all(axis=-1))[0] + SPACE
    return [pixels[top : top + side, left + i * (side + SPACE) :][:, :side] for i in range(count)]


def test_a_favourite_is_the_patch_that_the_filter_looks_for(written):
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = crosses((3, 4), (8, 2), (6, 9))
    x[1] *= 2
    image = fw.draw.favourites(model, inputs=x, k=2)
    assert [text for text in written if text in ("10", "5")] == ["10", "5"]  # strongest first
    first, second = cells_in_row(image, 2)
    size = first.shape[0] // 3
    taps = first[size // 2 :: size, size // 2 :: size, 0]
    assert (taps == np.where(CROSS > 0, 255, 0)).all()
    assert (second[size // 2 :: size, size // 2 :: size, 0] == np.where(CROSS > 0, 128, 0)).all()


def test_very_many_favourites_fit_on_a_picture(written):
    kernel = np.random.default_rng(0).standard_normal((3, 3, 32))
    model = network(planted(kernel))
    assert fw.draw.favourites(model, inputs=images(count=40), k=60).width <= 2000
    assert any("first 16 of 60 patches" in text for text in written)


def test_the_part_of_a_patch_outside_of_the_image_is_grey():
    x = np.zeros((2, 12, 12, 1), "float32")
    x[0, 0, 5], x[1, 6, 6] = 2, 1  # the first reads a row above the image
    dot = np.full((3, 3, 1), 1e-3)  # a tap of 0 would read nothing
    dot[1, 1] = 1
    model = network(planted(dot, padding="same", activation="relu"))
    first, second = cells_in_row(fw.draw.favourites(model, inputs=x, k=2), 2)
    size = first.shape[0] // 3
    taps = [cell[size // 2 :: size, size // 2 :: size, 0].tolist() for cell in (first, second)]
    assert taps[0] == [[LIGHT_GREY[0]] * 3, [0, 255, 0], [0, 0, 0]]
    assert taps[1] == [[0, 0, 0], [0, 128, 0], [0, 0, 0]]


def test_a_row_with_fewer_patches_ends_in_the_grey_of_the_ground():
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = np.concatenate([crosses((3, 4)), np.zeros((1, 12, 12, 1), "float32")])
    _, missing = cells_in_row(fw.draw.favourites(model, inputs=x, k=2), 2)
    assert (missing == LIGHT_GREY).all()  # white would look like a patch


def test_each_input_gives_one_patch_at_most(written):
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = crosses((3, 4), (8, 2)).max(axis=0, keepdims=True)  # two crosses in one image
    fw.draw.favourites(model, inputs=x, k=2)
    assert written.count("5") == 1


def test_a_filter_that_nothing_excites_is_dead(written):
    kernel = np.stack([CROSS, CROSS], axis=-1)
    layer = planted(kernel, activation="relu")
    layer.set_weights([layer.get_weights()[0], np.array([0, -1e3])])
    fw.draw.favourites(network(layer), inputs=crosses((3, 4), (8, 2)), k=2)
    assert written.count("dead") == 1
    assert "dead: zero for all 2 inputs" in written


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": [0, 2]}, r"'planted' has filters 0 to 0; got \[2\]"),
        ({"k": 0}, "at least 1 patch"),
        ({"layer": "other"}, "no kernel is called 'other'"),
    ],
)
def test_favourites_of_a_filter_or_layer_that_does_not_exist_are_refused(options, message):
    model = network(planted(CROSS[..., np.newaxis]))
    with pytest.raises(ValueError, match=message):
        fw.draw.favourites(model, inputs=crosses((3, 4)), **options)


# inputs


def test_each_image_has_its_label(written):
    fw.draw.inputs(images(count=3), ["a", "b", "c"], "letters")
    assert written[:3] == ["a", "b", "c"]
    assert any(text.startswith("letters   3 images of 12x12 pixels") for text in written)


def test_margins_that_are_flat_in_all_images_are_trimmed(written):
    x = np.full((2, 12, 12, 1), 0.5)
    x[0, 4:6, 5], x[1, 5, 4:8] = 1, 0
    fw.draw.inputs(x, trim=True)
    assert any("2 images of 2x4 of 12x12 pixels" in text for text in written)


@pytest.mark.parametrize(
    ("given", "labels", "message"),
    [
        (np.ones((3, 4)), (), r"got \(3, 4\)"),
        (np.ones((2, 3, 3, 1)), ["a"], "one for each of 2 images is needed; got 1"),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(given, labels, message):
    with pytest.raises(ValueError, match=message):
        fw.draw.inputs(given, labels)


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"image": x}], ids=["list", "dict"])
def test_favourites_of_one_image_in_a_list_or_dict_are_drawn(wrap):
    image = layers.Input((12, 12, 1), name="image")
    layer = layers.Conv2D(2, 3, name="conv")
    given = wrap(image)
    model = keras.Model(given, layer(image))
    wrapped = fw.draw.favourites(model, inputs=wrap(images()))
    assert (np.asarray(wrapped) == np.asarray(fw.draw.favourites(model, inputs=images()))).all()
