"""The model's own loss for a batch, computed without changing the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops


class InferenceLoss:
    """The loss that a model computes for a batch in inference mode, with all items of equal weight.

    It is what `model.compute_loss` returns: the loss given to `compile`, or that of the model's own
    `compute_loss`, with what layers add by `add_loss`. The penalties of the weights' regularisers
    are left out: their gradients would hide that those of the loss no longer reach a layer.

    Args:
        model: a model, compiled as it is now.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        own = getattr(model, "_compile_loss", None)
        self._compile_loss = own
        if own is not None and not own.built:
            # on TensorFlow the first batch builds it, by the structure of the training's targets
            self._compile_loss = type(own)(
                own._user_loss, own._user_loss_weights, own.reduction, own.output_names
            )

    def __call__(self, inputs: Any, targets: Any, outputs: Any) -> Any:
        """Returns the loss, a tensor with one number.

        Call it within a `keras.StatelessScope(collect_losses=True)` in which the model was called:
        then no metric of the model changes.

        Args:
            inputs, targets: a batch, as Keras would give it to `train_step`.
            outputs: what the model returned for the inputs.

        Raises:
            ValueError: the model is not compiled, or has no loss.
            Exception: whatever the model's own `compute_loss` raises.
        """
        model = self._model
        if not getattr(model, "compiled", False):
            raise ValueError("the model is not compiled")
        has_own_loss = type(model).compute_loss is not keras.Model.compute_loss
        with _without_penalties(model), self._lent_compile_loss():
            if not has_own_loss and model._compile_loss is None and not model.losses:
                raise ValueError("the model was compiled without a loss")
            # unlike `compute_loss`, this works for a `compute_loss` without an argument `training`
            loss = model._compute_loss(inputs, targets, outputs, None, training=False)
        if loss is None:
            raise ValueError("the model's compute_loss returned None")
        return ops.reshape(ops.cast(loss, "float32"), ())

    @contextmanager
    def _lent_compile_loss(self) -> Iterator[None]:
        """Gives the model this object's compiled loss for the time of a block."""
        attributes = vars(self._model)  # setting the attribute would make Keras track it
        own = attributes.get("_compile_loss")
        attributes["_compile_loss"] = self._compile_loss
        try:
            yield
        finally:
            attributes["_compile_loss"] = own


@contextmanager
def _without_penalties(model: keras.Model) -> Iterator[None]:
    """Takes the regularisers from the weights of a model for the time of a block."""
    regularizers = [(weight, weight.regularizer) for weight in model.trainable_weights]
    try:
        for weight, _ in regularizers:
            weight.regularizer = None
        yield
    finally:
        for weight, regularizer in regularizers:
            weight.regularizer = regularizer
