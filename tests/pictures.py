"""Reads pictures back: cells, cut out of them, and the colours of their taps."""

import numpy as np

from keras_filterwatch.draw import canvas

WHITE, DARKEST_BLUE, DARKEST_RED = (255, 255, 255), (5, 48, 97), (103, 0, 31)
MAGENTA, BLACK, GREY = (230, 0, 126), (0, 0, 0), (128, 128, 128)
SPACE = 6  # between two cells


def cells(image, columns, size):
    """The cells of a picture, row by row, cut out by the grey ground that they lie on."""
    pixels = np.asarray(image)
    ground = (pixels == canvas.GAP).all(axis=-1)
    top, left = np.argwhere(ground)[0]
    height, width = size
    while ground[min(top + SPACE + height // 2, len(ground) - 1), left]:
        for column in range(columns):
            x = left + SPACE + column * (width + SPACE)
            if ground[top + SPACE + height // 2, [x - 1, x + width]].all():
                yield pixels[top + SPACE : top + SPACE + height, x : x + width]
        top += height + SPACE


def one_pixel_per_tap(cell, taps):
    """The colours of a cell, after checking that each tap is one square of one colour."""
    height, width = taps
    side = cell.shape[0] // height, cell.shape[1] // width
    squares = cell.reshape(height, side[0], width, side[1], 3)
    assert (squares == squares[:, :1, :, :1]).all()
    return [[tuple(map(int, squares[y, 0, x, 0])) for x in range(width)] for y in range(height)]
