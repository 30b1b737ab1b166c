"""Known filters and images: what is drawn is what they must return, and what they must read."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import DARKEST_BLUE, DARKEST_RED, SPACE, WHITE

import keras_filterwatch as fw
from keras_filterwatch.draw import canvas
from keras_filterwatch.model import feature_maps as outputs


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


# Maps.


def test_maps_are_the_outputs_behind_the_non_linearity():
    after = [layers.BatchNormalization(), layers.ReLU()]
    model = network(layers.Conv2D(3, 3, name="conv"), *after, layers.Flatten(), layers.Dense(2))
    x = images(count=70)  # more than are sent at once
    plain = keras.Model(model.inputs, after[-1].output).predict(x, verbose=0)
    np.testing.assert_allclose(outputs.maps(model, "conv", x), plain, atol=1e-5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Conv2D(5, 3, name="first")
        self.second = layers.Conv2D(4, 3, name="second")
        self.relu = layers.ReLU()

    def call(self, x):
        return self.relu(self.second(self.relu(self.first(x))))


def test_a_subclassed_model_has_maps():
    model, x = Subclassed(), images()
    plain = model(x)
    np.testing.assert_allclose(
        outputs.maps(model, "second", x), keras.ops.convert_to_numpy(plain), atol=1e-5
    )


if keras.backend.backend() != "tensorflow":  # its CPU knows no such convolution

    def test_channels_that_come_first_are_moved_last():
        parts = [layers.Conv2D(4, 3, data_format="channels_first", name="conv")]
        model, x = network(*parts, shape=(3, 9, 8)), images((3, 9, 8))
        _, maps, shown = outputs.seen(model, "conv", x)
        assert (maps.shape, shown.shape) == ((6, 7, 6, 4), (6, 9, 8, 3))
        assert outputs.fields(model, "conv", x, [(2, 3)]) == [(slice(2, 5), slice(3, 6))]
        assert fw.maximize(model, "conv", 0, steps=1).shape == (1, 9, 8, 3)


def test_a_layer_without_image_axes_has_no_maps():
    model = network(layers.Flatten(), layers.Dense(2, name="head"))
    with pytest.raises(ValueError, match=r"'head' have no image axes.*\(2,\), not \(height"):
        outputs.maps(model, "head", images())


def test_an_unknown_layer_is_answered_with_those_that_are_there():
    model = network(layers.Conv2D(2, 3, name="conv"))
    with pytest.raises(ValueError, match="no kernel is called 'cnov'; did you mean 'conv'"):
        outputs.maps(model, "cnov", images())


# Receptive fields: r = 1 + sum of (k - 1) * dilation * product of the strides before.

CHAINS = {
    "one layer": ([layers.Conv2D(4, 5)], 5, 1),
    "a stride": ([layers.Conv2D(4, 3, strides=2), layers.Conv2D(4, 3)], 1 + 2 + 2 * 2, 2),
    "a dilation": ([layers.Conv2D(4, 3, dilation_rate=3), layers.Conv2D(4, 3)], 1 + 6 + 2, 1),
    "non-linearities": (
        [layers.Conv2D(8, 3, activation="relu"), layers.Conv2D(8, 3, activation="relu")],
        1 + 2 + 2,
        1,
    ),
    "maxima": (
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(8, 3, dilation_rate=2, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 2, activation="relu"),
        ],
        1 + 2 + 2 + 4 * 2 + 1 * 2 + 1 * 4,
        4,
    ),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_receptive_field_is_as_large_as_the_formula_says(chain):
    parts, size, stride = CHAINS[chain]
    keras.utils.set_random_seed(0)
    model = network(*parts, shape=(36, 40, 2))
    x = images((36, 40, 2), count=4)
    places = [(0, 0), (1, 2), (2, 0)]
    assert outputs.fields(model, parts[-1], x, places) == [
        (slice(row * stride, row * stride + size), slice(column * stride, column * stride + size))
        for row, column in places
    ]


def test_a_receptive_field_ends_where_the_image_ends():
    layer = layers.Conv2D(4, 5, padding="same")
    model = network(layer, shape=(12, 10, 1))
    (corner,) = outputs.fields(model, layer, images((12, 10, 1)), [(0, 9)])
    assert corner == (slice(0, 3), slice(7, 10))


def test_the_longer_way_of_a_residual_block_counts():
    image = layers.Input((12, 12, 2))
    long = layers.Conv2D(2, 3, padding="same", activation="relu")(image)
    joined = layers.Add()([image, long])
    last = layers.Conv2D(2, 1, name="last")(joined)
    (field,) = outputs.fields(keras.Model(image, last), "last", images((12, 12, 2)), [(5, 6)])
    assert field == (slice(4, 7), slice(5, 8))


# Activation maps.


def test_a_map_goes_from_white_to_red_and_negative_values_are_blue():
    maps = np.zeros((1, 2, 2, 1))
    maps[0, 0, 0], maps[0, 1, 1] = 1, -1
    pixels = np.asarray(fw.draw.activations(maps))
    top, left = np.argwhere((pixels == canvas.GAP).all(axis=-1))[0] + SPACE
    corners = [pixels[top + y, left + x] for y in (0, 40) for x in (0, 40)]
    assert [tuple(map(int, c)) for c in corners] == [DARKEST_RED, WHITE, WHITE, DARKEST_BLUE]


def test_without_negative_values_nothing_is_blue():
    maps = np.maximum(images((9, 9, 5)), 0)
    assert DARKEST_BLUE in colours(fw.draw.activations(images((9, 9, 5))))
    assert DARKEST_BLUE not in colours(fw.draw.activations(maps))


def test_maps_that_are_zero_for_all_inputs_are_dead(written):
    maps = np.ones((6, 4, 4, 32))
    maps[..., [3, 7, 30]] = 0
    maps[:4, ..., 8] = 0  # but not for the two inputs that are not drawn
    image = fw.draw.activations(maps, layer="conv")
    assert "3 of 32 dead: zero for all 6 inputs" in written
    pixels = np.asarray(image)
    top, left = np.argwhere((pixels == canvas.GAP).all(axis=-1))[0]
    across = 64 + SPACE  # 4x4 outputs of 16 pixels each, and the space between them
    framed = [c for c in range(16) if not pixels[top + 3, left + c * across + 30].any()]
    assert framed == [3, 7]


def test_a_model_shows_what_its_filters_return(written):
    kernel = np.stack([np.eye(3), -np.eye(3)], axis=-1)
    model = network(planted(kernel, activation="relu"))
    fw.draw.activations(model, np.ones((2, 12, 12, 1), "float32"), "planted")
    assert "1 of 2 dead: zero for all 2 inputs" in written
    assert any("planted   2 outputs of 10x10   1 of 2 dead" in text for text in written)
    assert "3" in written  # the scale's end: three ones


def test_many_inputs_and_filters_are_cut_and_the_picture_says_so(written):
    picture = fw.draw.activations(np.ones((9, 50, 50, 40)), np.zeros((9, 100, 300, 3)))
    assert picture.width < 2000
    assert any("first 4 of 9 inputs   first 32 of 40 filters" in text for text in written)


def test_activation_maps_of_a_model_need_inputs():
    with pytest.raises(ValueError, match="activation maps need inputs"):
        fw.draw.activations(network(layers.Conv2D(2, 3)))


def test_maps_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(inputs, height, width, filters\).*got \(3, 4\)"):
        fw.draw.activations(np.ones((3, 4)))


def test_values_that_are_not_finite_are_magenta():
    maps = np.ones((1, 4, 4, 1))
    maps[0, 0, 0, 0] = np.nan
    assert (230, 0, 126) in colours(fw.draw.activations(maps))


# Favourites.

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
    top, left = np.argwhere((pixels == canvas.GAP).all(axis=-1))[0] + SPACE
    return [pixels[top : top + side, left + i * (side + SPACE) :][:, :side] for i in range(count)]


def test_a_favourite_is_the_patch_that_the_filter_looks_for(written):
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = crosses((3, 4), (8, 2), (6, 9))
    x[1] *= 2
    image = fw.draw.favourites(model, x, k=2)
    assert [text for text in written if text in ("10", "5")] == ["10", "5"]  # strongest first
    first, second = cells_in_row(image, 2)
    size = first.shape[0] // 3
    taps = first[size // 2 :: size, size // 2 :: size, 0]
    assert (taps == np.where(CROSS > 0, 255, 0)).all()
    assert (second[size // 2 :: size, size // 2 :: size, 0] == np.where(CROSS > 0, 128, 0)).all()


def test_very_many_favourites_fit_on_a_picture(written):
    kernel = np.random.default_rng(0).standard_normal((3, 3, 32))
    model = network(planted(kernel))
    assert fw.draw.favourites(model, images(count=40), k=60).width <= 2000
    assert any("first 16 of 60 patches" in text for text in written)


def test_what_lies_outside_of_the_image_is_grey_like_the_ground():
    x = np.zeros((2, 12, 12, 1), "float32")
    x[0, 0, 5], x[1, 6, 6] = 2, 1  # the first reads a row above the image
    dot = np.full((3, 3, 1), 1e-3)  # a tap of 0 would read nothing
    dot[1, 1] = 1
    model = network(planted(dot, padding="same", activation="relu"))
    first, second = cells_in_row(fw.draw.favourites(model, x, k=2), 2)
    size = first.shape[0] // 3
    taps = [cell[size // 2 :: size, size // 2 :: size, 0].tolist() for cell in (first, second)]
    assert taps[0] == [[canvas.GAP[0]] * 3, [0, 255, 0], [0, 0, 0]]
    assert taps[1] == [[0, 0, 0], [0, 128, 0], [0, 0, 0]]


def test_a_row_that_runs_out_of_patches_goes_on_as_the_ground():
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = np.concatenate([crosses((3, 4)), np.zeros((1, 12, 12, 1), "float32")])
    _, missing = cells_in_row(fw.draw.favourites(model, x, k=2), 2)
    assert (missing == canvas.GAP).all()  # white would look like a patch


def test_each_input_gives_one_patch_at_most(written):
    model = network(planted(CROSS[..., np.newaxis], activation="relu"))
    x = crosses((3, 4), (8, 2)).max(axis=0, keepdims=True)  # two crosses in one image
    fw.draw.favourites(model, x, k=2)
    assert written.count("5") == 1


def test_a_filter_that_nothing_excites_is_dead(written):
    kernel = np.stack([CROSS, CROSS], axis=-1)
    layer = planted(kernel, activation="relu")
    layer.set_weights([layer.get_weights()[0], np.array([0, -1e3])])
    fw.draw.favourites(network(layer), crosses((3, 4), (8, 2)), k=2)
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
def test_favourites_that_are_not_there_are_refused(options, message):
    model = network(planted(CROSS[..., np.newaxis]))
    with pytest.raises(ValueError, match=message):
        fw.draw.favourites(model, crosses((3, 4)), **options)


# Images.


def test_images_carry_their_labels(written):
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


def test_a_layer_of_exactly_this_name_comes_before_nested_ones():
    image = layers.Input((12, 12, 1))
    block = keras.Sequential([layers.Conv2D(2, 3, name="conv")], name="block")
    model = keras.Model(image, layers.Conv2D(5, 3, name="conv")(block(image)))
    assert outputs.maps(model, "conv", images()).shape[-1] == 5


@pytest.mark.parametrize("wrap", [lambda x: [x], lambda x: {"image": x}], ids=["list", "dict"])
def test_favourites_of_one_image_in_a_list_or_dict_are_drawn(wrap):
    image = layers.Input((12, 12, 1), name="image")
    layer = layers.Conv2D(2, 3, name="conv")
    given = wrap(image)
    model = keras.Model(given, layer(image))
    assert (
        fw.draw.favourites(model, wrap(images())).size == fw.draw.favourites(model, images()).size
    )
