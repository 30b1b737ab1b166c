"""Reads pictures back: cuts cells and tiles out of them, and reads the colours of their taps."""

import numpy as np

from keras_filterwatch.draw.colours import LIGHT_GREY

WHITE, DARKEST_BLUE, DARKEST_RED = (255, 255, 255), (5, 48, 97), (103, 0, 31)
MAGENTA, BLACK, GREY = (230, 0, 126), (0, 0, 0), (128, 128, 128)
UP, DOWN = [[1.0, 1.0], [-1.0, -1.0]], [[-1.0, -1.0], [1.0, 1.0]]  # windows of 2x2
SPACE = 6  # between two cells


def cells(image, columns, size):
    """Yields the cells of a picture, row by row, cut out by the grey ground that they lie on."""
    pixels = np.asarray(image)
    ground = (pixels == LIGHT_GREY).all(axis=-1)
    top, left = np.argwhere(ground)[0]
    height, width = size
    while ground[min(top + SPACE + height // 2, len(ground) - 1), left]:
        for column in range(columns):
            x = left + SPACE + column * (width + SPACE)
            if ground[top + SPACE + height // 2, [x - 1, x + width]].all():
                yield pixels[top + SPACE : top + SPACE + height, x : x + width]
        top += height + SPACE


def tiles(image, size, outline=LIGHT_GREY):
    """Yields what is inside the outlines of this inner size and colour, in reading order."""
    pixels = np.asarray(image)
    lines = (pixels == outline).all(axis=-1)
    height, width = size
    for y, x in np.argwhere(lines[: -height - 1, : -width - 1]):
        frame = lines[y : y + height + 2, x : x + width + 2]
        if frame[[0, -1]].all() and frame[:, [0, -1]].all():
            yield pixels[y + 1 : y + 1 + height, x + 1 : x + 1 + width]


def grey(*units):
    """Returns a kernel `(height, width, 1, units)` of these windows."""
    return np.stack(units, axis=-1).astype(float)[:, :, np.newaxis]


def noise(*shape):
    """Returns an array of this shape, always the same."""
    return np.random.default_rng(0).standard_normal(shape)


def one_pixel_per_tap(cell, taps):
    """Returns the colours of a cell, after checking that each tap is one square of one colour."""
    height, width = taps
    side = cell.shape[0] // height, cell.shape[1] // width
    squares = cell.reshape(height, side[0], width, side[1], 3)
    assert (squares == squares[:, :1, :, :1]).all()
    return [[tuple(map(int, squares[y, 0, x, 0])) for x in range(width)] for y in range(height)]
