"""What the names of weights in HDF5 files of Keras 1 and 2 say: their layer and their variable."""

import re
from typing import NamedTuple

# what Keras 1 calls a variable -> its name of today
_OF_KERAS_1 = {
    "W": "kernel",
    "U": "recurrent_kernel",
    "b": "bias",
    "alphas": "alpha",
    "running_mean": "moving_mean",
    "running_std": "moving_variance",
}
_KERAS_1 = re.compile(
    r"(?P<layer>.+)_(?P<variable>[Wb]_carry|[WUb]_[cfhiorz]|[WUb]|gamma|beta|running_mean"
    r"|running_std|alphas|depthwise_kernel|pointwise_kernel)(?:_\d+)?(?::\d+)?"
)
_VARIABLES = (
    *("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance", "depthwise_kernel"),
    *("pointwise_kernel", "recurrent_kernel", "embeddings", "alpha"),
)


class WeightName(NamedTuple):
    """The name of a weight, taken apart.

    Attributes:
        scope: the names of the layers around the variable, the outermost first.
        variable: the name that Keras gives the variable today, such as `"kernel"`; `""` if the
            file does not say.
    """

    scope: tuple[str, ...]
    variable: str

    @classmethod
    def parse(cls, name: str, is_keras_1: bool) -> "WeightName":
        """Returns the parts of a name.

        Example:
            >>> WeightName.parse("block/conv/kernel:0", is_keras_1=False)
            WeightName(scope=('block', 'conv'), variable='kernel')
            >>> WeightName.parse("convolution2d_1_W", is_keras_1=True)
            WeightName(scope=('convolution2d_1',), variable='kernel')
        """
        if is_keras_1:
            match = _KERAS_1.fullmatch(name)
            if match is None:
                return cls((), "")
            variable = match["variable"]
            return cls((match["layer"],), _OF_KERAS_1.get(variable, variable))
        *scope, last = name.split("/")
        last = re.sub(r":\d+$", "", last)
        numbered = re.fullmatch(r"(.+)_\d+", last)  # a second variable of this name in TensorFlow 1
        if numbered and numbered[1] in _VARIABLES:
            last = numbered[1]
        return cls(tuple(scope), last)
