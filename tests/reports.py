"""Small reports, as the tests of the writers need them."""

from PIL import Image

import keras_filterwatch as fw
from keras_filterwatch.scores import LayerScores

CAUSE = "learning rate too high"


def report(step, alarms=(), pictures=(), **numbers):
    """A report of one convolution `conv` with these scores, a noise of 0.5 if none is given."""
    layer = LayerScores("Conv2D", (3, 3, 1, 8), "undetermined", numbers or {"noise": 0.5}, {})
    scores = fw.Scores(step, step, {"conv": layer})
    diagnosis = fw.Diagnosis(CAUSE, (), "Lower the learning rate.")
    return fw.Report(scores, dict(pictures), tuple(alarms), diagnosis)


def alarm(rule="dead", step=2, layer="conv", level="warning", ended=None):
    """An alarm that says its rule, layer and step."""
    message = f"{rule} about {layer or 'all'} at {step}."
    return fw.Alarm(rule, layer, step, 0.6, 0.5, (), message, level, ended)


def picture(colours=3):
    """A picture of 4x2 pixels with a palette, as the film strips are."""
    image = Image.new("P", (4, 2))
    image.putpalette([value for colour in range(colours) for value in (80 * colour, 10, 200)])
    image.putdata([i % colours for i in range(8)])
    return image
