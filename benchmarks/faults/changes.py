"""Changes a compiled model before `fit`, so that it trains in another way and its attributes agree.

A functional model reads the attributes of its layers whenever it is called, so changing them is
enough; `compile` makes the training function anew.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import Layer, Model
from keras.optimizers import Optimizer
from keras.optimizers.schedules import LearningRateSchedule

from benchmarks.faults.program import Training


class NotApplicableError(Exception):
    """This fault cannot be applied to this training."""


# Layers


def leaves(model: Layer) -> list[Layer]:
    """Returns all layers that hold no others, in the order in which they were made or are used."""
    layers = model._flatten_layers(include_self=False, recursive=True)
    return list(dict.fromkeys(layer for layer in layers if not layer._layers))


def own_variables(layer: Layer) -> list[keras.Variable]:
    """Returns the weights of a layer, without those of layers in it."""
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def kernels(layer: Layer) -> list[keras.Variable]:
    """Returns the kernels of a layer; two for a separable convolution."""
    return [variable for variable in own_variables(layer) if "kernel" in variable.name]


def with_kernel(model: Model) -> list[Layer]:
    """Returns all layers that have a kernel."""
    return [layer for layer in leaves(model) if kernels(layer)]


def outputs(model: Model) -> list[Layer]:
    """Returns the layers with a kernel that make the outputs."""
    return list(dict.fromkeys(layer for layer in ends(model) if kernels(layer)))


def hidden(model: Model) -> list[Layer]:
    """Returns the layers with a kernel that do not make an output."""
    last = outputs(model)
    return [layer for layer in with_kernel(model) if layer not in last]


def ends(model: Model) -> Iterator[Layer]:
    """Yields the layers that make the outputs: the last ones with a kernel, and all behind them."""
    if _is_graph(model):
        for tensor in keras.tree.flatten(model.outputs):
            yield from _back_from(tensor)
        return
    parts = [layer for layer in model._layers if isinstance(layer, Model)]
    for part in parts:
        yield from ends(part)
    made = with_kernel(model)
    if made and not parts:
        yield made[-1]


def ends_of(model: Model, output: str | int | None) -> list[Layer]:
    """Returns what `ends` yields for one output, given by name or number; None for the only one."""
    if not _is_graph(model):
        return list(ends(model))
    is_name = isinstance(output, str)
    place = list(model.output_names).index(output) if is_name else output or 0
    return list(_back_from(keras.tree.flatten(model.outputs)[place]))


def units(layers: list[Layer]) -> int | None:
    """Returns how many units or filters the output has that these layers make."""
    sizes = (getattr(layer, "units", getattr(layer, "filters", None)) for layer in layers)
    return next((size for size in sizes if size is not None), None)


def _is_graph(model: Layer) -> bool:
    return isinstance(model, Model) and bool(getattr(model, "outputs", None))


def _back_from(tensor: Any) -> Iterator[Layer]:
    history = tensor._keras_history
    operation = history.operation
    if _is_graph(operation):
        yield from ends(operation)
        return
    if isinstance(operation, Layer):
        yield operation
        inside = with_kernel(operation)
        if kernels(operation) or inside:
            yield from inside[-1:]
            return
    for before in operation._inbound_nodes[history.node_index].input_tensors:
        if before is not tensor:
            yield from _back_from(before)


def set_activation(layer: Layer, name: str) -> None:
    """Gives a layer another non-linearity."""
    layer.activation = keras.activations.get(name)


def activation(layer: Layer) -> str:
    """Returns the name of a layer's own non-linearity; `""` if it has no such attribute."""
    return getattr(getattr(layer, "activation", None), "__name__", "")


def activate_output(model: Model, output: str | int | None, name: str) -> None:
    """Gives one output another non-linearity, wherever it stands."""
    layers = [layer for layer in ends_of(model, output) if activation(layer)]
    if not layers:
        raise NotApplicableError("the output has no activation as an argument")
    for layer in layers:
        set_activation(layer, "linear")
    set_activation(layers[0], name)


def activate_hidden(model: Model, name: str) -> None:
    """Gives all hidden layers another non-linearity, in the places where they have one."""
    last = list(ends(model))
    places = [
        layer
        for layer in leaves(model)
        if layer not in last and activation(layer) not in ("", "linear", "softmax")
    ]
    if not places:
        raise NotApplicableError("no hidden layer has a non-linearity as an argument")
    for layer in places:
        set_activation(layer, name)


def initialise(
    layer: Layer,
    value: Callable[[keras.Variable], Any],
    initialiser: keras.initializers.Initializer,
) -> None:
    """Gives the kernels of a layer new values, and the layer the initialiser they come from."""
    for kernel in kernels(layer):
        kernel.assign(value(kernel))
        setattr(layer, argument_name(layer, kernel, "initializer"), initialiser)


def argument_name(layer: Layer, kernel: keras.Variable, kind: str) -> str:
    """Returns the name of the layer's attribute with a kernel's initializer or regularizer.

    A depthwise layer calls it `depthwise_initializer`, and the variable `kernel`.
    """
    part = kernel.name.removesuffix("_kernel")
    names = [f"{part}_{kind}", f"depthwise_{kind}"]
    return next((name for name in names if hasattr(layer, name)), names[0])


def regularise(layer: Layer, regulariser: keras.regularizers.Regularizer) -> None:
    """Gives all kernels of a layer a regulariser."""
    for kernel in kernels(layer):
        kernel.regularizer = regulariser
        setattr(layer, argument_name(layer, kernel, "regularizer"), regulariser)


def insert_before_outputs(training: Training, make: Callable[[], Layer]) -> None:
    """Inserts a layer before those that make the outputs; the other layers stay as they are."""
    model = training.model
    if type(model) is keras.Sequential:
        last = outputs(model)
        layers = [keras.Input(batch_shape=model.input_shape)]
        for layer in model.layers:
            layers += [make(), layer] if layer in last else [layer]
        changed = keras.Sequential(layers)
    elif type(model) is type(keras.Model(model.inputs, model.outputs)):
        last = outputs(model)

        def call(layer: Layer, *arguments: Any, **named: Any) -> Any:
            if layer in last:
                first, *others = arguments
                return layer(make()(first), *others, **named)
            return layer(*arguments, **named)

        changed = keras.models.clone_model(
            model, clone_function=lambda layer: layer, call_function=call
        )
    else:
        raise NotApplicableError("a layer can be inserted in a sequential or functional model only")
    changed.compile(**compile_arguments(model))
    training.model = changed


# Compiling


def compile_arguments(model: Model) -> dict[str, Any]:
    """Returns the arguments that `compile` was called with."""
    if type(model).compile is not Model.compile or not hasattr(model, "_compile_config"):
        raise NotApplicableError("the model has its own compile")
    return dict(model._compile_config.config)


def compile_again(model: Model, **changed: Any) -> None:
    """Compiles with some arguments changed, and the optimizer in its initial state."""
    arguments = compile_arguments(model)
    optimizer = keras.optimizers.get(arguments["optimizer"])
    arguments["optimizer"] = type(optimizer).from_config(optimizer.get_config())
    model.compile(**{**arguments, **changed})


def losses(model: Model) -> dict[Any, Any]:
    """Returns each output's loss by the output's name or number; `None` for the only one."""
    loss = compile_arguments(model)["loss"]
    if isinstance(loss, dict):
        return dict(loss)
    return dict(enumerate(loss)) if isinstance(loss, list | tuple) else {None: loss}


def set_losses(model: Model, losses: dict[Any, Any]) -> None:
    """Compiles with other losses, given as `losses` returns them."""
    if None in losses:
        compile_again(model, loss=losses[None])
    elif all(isinstance(key, int) for key in losses):
        compile_again(model, loss=[losses[key] for key in sorted(losses)])
    else:
        compile_again(model, loss=losses)


# Optimizers


def optimizers(model: Model) -> list[Optimizer]:
    """Returns all optimizers of a model, those of a GAN included."""
    known = [getattr(model, "optimizer", None), *vars(model).values()]
    of_keras = [each for each in known if isinstance(each, Optimizer)]
    if not of_keras:
        raise NotApplicableError("the model has no optimizer")
    inner = [getattr(each, "inner_optimizer", each) for each in of_keras]
    return list({id(each): each for each in inner}.values())


def scale_rate(training: Training, factor: float) -> None:
    """Multiplies the learning rate, and what a schedule or a callback sets it to."""
    for optimizer in optimizers(training.model):
        rate = optimizer._learning_rate
        if isinstance(rate, LearningRateSchedule):
            rate.__class__ = _scaled(type(rate), factor)
        elif callable(rate):
            raise NotApplicableError("the learning rate is a function")
        else:
            optimizer.learning_rate = float(optimizer.learning_rate) * factor
    for callback in callbacks(training):
        if isinstance(callback, keras.callbacks.LearningRateScheduler):
            callback.schedule = _scaled_function(callback.schedule, factor)


def _scaled(schedule: type, factor: float) -> type:
    """Returns a class of schedules like `schedule`, with all rates multiplied."""

    def call(self: Any, step: Any) -> Any:
        return factor * schedule.__call__(self, step)

    return type(schedule.__name__, (schedule,), {"__call__": call})


def _scaled_function(schedule: Callable[..., float], factor: float) -> Callable[..., float]:
    """Returns a schedule by epochs with all rates multiplied; some take the present rate too."""

    def scaled(epoch: int, rate: float) -> float:
        try:
            return factor * float(schedule(epoch, rate / factor))
        except TypeError:
            return factor * float(schedule(epoch))

    return scaled


def highest_rate(optimizer: Optimizer, updates: int) -> float:
    """Returns the highest learning rate of so many updates, a warm-up included."""
    rate = optimizer._learning_rate
    if not isinstance(rate, LearningRateSchedule):
        return float(optimizer.learning_rate)
    return max(float(rate(step)) for step in range(0, updates, max(1, updates // 20)))


def callbacks(training: Training) -> list[Any]:
    """Returns the callbacks of the program."""
    given = training.arguments.get("callbacks") or []
    return list(given) if isinstance(given, list | tuple) else [given]


def without_rate_callbacks(training: Training) -> None:
    """Removes Keras's callbacks that set the learning rate."""
    kinds = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau
    if "callbacks" in training.arguments:
        kept = [each for each in callbacks(training) if not isinstance(each, kinds)]
        training.arguments["callbacks"] = kept
