"""Losses as values without Keras: their names, and which non-linearity each trains with."""

import re
from collections.abc import Sequence
from typing import NamedTuple

# the non-linearity whose outputs a loss reads as probabilities
_OWN = {
    "binary_crossentropy": "sigmoid",
    "binary_focal_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
    "categorical_focal_crossentropy": "softmax",
    "crossentropy": "softmax",  # of several units: categorical or sparse, as the targets are
}
# losses that look for the logits behind the outputs
_READ_LOGITS = _OWN.keys() - {"binary_focal_crossentropy", "categorical_focal_crossentropy"}


class CompiledLoss(NamedTuple):
    """The loss of one output.

    Attributes:
        name: in Keras's snake case; `""` for none.
        is_of_keras: whether it is one of Keras's own losses, so that its formula is known.
        from_logits: whether it applies its own non-linearity to the outputs.
        keeps_outputs: whether its formula gets the outputs as they are; False with `ignore_class`,
            which selects some of them.
        is_mean: whether it is a mean over items, not a sum.
    """

    name: str = ""
    is_of_keras: bool = False
    from_logits: bool = False
    keeps_outputs: bool = True
    is_mean: bool = True


def trains_as(
    backend: str,
    loss: str,
    non_linearities: Sequence[str],
    from_logits: bool = False,
    logits_of: str = "any",
) -> str:
    """Returns the non-linearity that a loss of Keras in effect trains with.

    On TensorFlow, a cross-entropy looks for the logits behind the last softmax or sigmoid and
    applies its own non-linearity to them, whichever the model has and whatever `from_logits`
    says. On JAX and PyTorch it takes the outputs as they are. This was found by running Keras
    3.5 and 3.15; tests/test_compiled_losses.py runs it again.

    Args:
        backend: `"tensorflow"`, `"jax"` or `"torch"`.
        loss: its name.
        non_linearities: those of the output, the last one first, without `"linear"`; `""` for one
            that is not known.
        from_logits: whether the loss applies its own non-linearity to the outputs.
        logits_of: as `trace.Tensor.logits_of`; `""` if something stands between the last
            non-linearity and the loss, such as a Reshape, a Dropout or a change of dtype.

    Returns:
        Such as `"softmax"`, `"linear"` for none, or `"softmax(sigmoid)"` for two of them; `""` if
        it is not known.

    Example:
        >>> trains_as("tensorflow", "categorical_crossentropy", ["sigmoid"])
        'softmax'
        >>> trains_as("jax", "categorical_crossentropy", ["sigmoid"])
        'sigmoid'
        >>> trains_as("torch", "categorical_crossentropy", ["softmax"], from_logits=True)
        'softmax(softmax)'
    """
    own = _OWN.get(loss, "")
    chain = list(non_linearities)
    if backend == "tensorflow" and logits_of in ("any", own):
        if loss in _READ_LOGITS:
            return _nested([own, *chain[1:]])
        if loss == "binary_focal_crossentropy" and not from_logits and chain != ["sigmoid"]:
            return ""  # one factor reads the logits, the other one the outputs
    return _nested([own, *chain] if own and from_logits else chain)


def _nested(chain: list[str]) -> str:
    """Returns a chain, the last one first, such as `"softmax(sigmoid)"`; `""` if one is unknown."""
    if "" in chain:
        return ""
    return "(".join(chain) + ")" * (len(chain) - 1) if chain else "linear"


def loss_name(name: str) -> str:
    """Returns the name of a loss, a class or a function, as Keras names its objects.

    Example:
        >>> loss_name("BinaryCrossentropy"), loss_name("mean_squared_error")
        ('binary_crossentropy', 'mean_squared_error')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
