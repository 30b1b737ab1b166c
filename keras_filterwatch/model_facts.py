"""ModelFacts: what is certain about a model and how it was compiled, as values without Keras."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DEPENDS_ON_BACKEND = "another on some backends"


@dataclass(frozen=True)
class OutputFacts:
    """One output of a model, and the loss that it is trained with.

    Attributes:
        name: the output's name, as Keras has it.
        units: size of its last axis; None if unknown.
        activation: name of the last non-linearity, such as `"softmax"`; `"linear"` for none, `""`
            if unknown.
        loss: the loss in Keras's snake case, such as `"sparse_categorical_crossentropy"`; `""` if
            there is none or it is unknown.
        from_logits: whether the loss applies its own non-linearity to the output.
        trains_as: the non-linearity that the loss in effect trains with, such as `"softmax"`, or
            `"softmax(sigmoid)"` for two; `""` if unknown. It differs from `activation` where Keras
            replaces the last activation by that of the loss (docs/losses.md). It is
            `DEPENDS_ON_BACKEND` where that is so on some backends only, and a saved file does not
            say on which the model was trained.
        dropout: rate of a Dropout layer that acts on the output, or on its logits; 0 for none.
        axes: number of its axes, the batch included: 2 for one row of units for each input, more
            for one row at each position, such as a pixel; None if unknown.
        is_mean: whether the loss in the logs is a mean over items. False for a sum, and for a model
            that was compiled with `loss_weights`.
    """

    name: str
    units: int | None = None
    activation: str = ""
    loss: str = ""
    from_logits: bool = False
    trains_as: str = ""
    dropout: float = 0.0
    axes: int | None = None
    is_mean: bool = True


@dataclass(frozen=True)
class InputFacts:
    """The range of the probe's numbers for one input of a model, after its Rescaling layers.

    Attributes:
        name: the input's name; `""` where a model has one only.
        minimum, maximum, mean, std: of the finite numbers; NaN if there is none.
        finite: share of numbers, 0 to 1, that are neither NaN nor infinite.
    """

    name: str
    minimum: float
    maximum: float
    mean: float
    std: float
    finite: float = 1.0


@dataclass(frozen=True)
class TargetFacts:
    """The range of the probe's targets for one output of a model.

    Attributes:
        name: the output's name; `""` where a model has one only.
        minimum, maximum, mean: of the finite numbers; NaN if there is none.
        finite: share of numbers, 0 to 1, that are neither NaN nor infinite.
        units: size of the last axis; 1 where a target is a single number.
        is_whole: whether all numbers are whole.
        is_one_hot: whether each target is a row of zeros with a single 1, of two numbers or more.
        majority: share of the most frequent class, 0 to 1, of whole or one-hot targets; NaN for
            others.
        std: standard deviation of the finite numbers; NaN if there is none.
        items: how many targets there are.
    """

    name: str
    minimum: float
    maximum: float
    mean: float
    finite: float = 1.0
    units: int = 1
    is_whole: bool = False
    is_one_hot: bool = False
    majority: float = float("nan")
    std: float = float("nan")
    items: int = 256


@dataclass(frozen=True)
class ModelFacts:
    """What is certain about a model and how it was compiled; what is unknown is empty or None.

    Names of kernels and layers are those of `Scores`; names of outputs are those that Keras logs.

    Attributes:
        backend: `"tensorflow"`, `"jax"` or `"torch"`.
        outputs: each output with its loss.
        inputs: the probe's inputs; empty without a probe.
        targets: the probe's targets; empty without a probe of inputs and targets.
        normalises_inputs: name of the layer that normalises the inputs before the first kernel
            (Normalization, BatchNormalization, LayerNormalization, Embedding, ...).
        optimizer: its class, such as `"SGD"`.
        learning_rate: as training begins; None if unknown.
        schedule: class of the learning rate's schedule; `""` for a constant rate.
        momentum: of optimizers that have one; 0 for others.
        clipping: `clipnorm`, `global_clipnorm` or `clipvalue` -> its bound.
        weight_decay: of the optimizer; 0 for none.
        regularisers: layer name -> `"l1"` and `"l2"` -> strength.
        dropout: name of each Dropout layer -> the share that it drops, 0 to 1.
        normalisations: names of the normalisation layers.
        batch_norm_momentum: kernel name -> momentum of the BatchNormalization behind it.
        activations: kernel name -> the non-linearity behind it; `"linear"` for none.
        initialisers: kernel name -> class of its initialiser.
        was_trained: kernel name -> True if its bias, or the BatchNormalization behind it, was no
            longer at its initial values as watching began, False if it was; kernels that have
            neither are absent.
        guessed_images: names of the kernels of which it is a guess that they read an image.
        has_shortcuts: whether branches are added or concatenated; False if unknown. Of a saved
            file, True also where layers of the user's own may do so.
        is_linear: whether no non-linearity stands between inputs and outputs, apart from that of
            the outputs; False if unknown.
        has_own_train_step: whether the model has its own `train_step` or `compute_loss`.
        metric_directions: name in the logs -> `"up"` or `"down"`, which of them is better. Known
            from the end of the first epoch on.
        epochs: how many epochs are planned, by the argument of `fit`; None if unknown.

    Example:
        >>> ModelFacts(optimizer="SGD", learning_rate=0.1).optimizer
        'SGD'
    """

    backend: str = ""
    outputs: tuple[OutputFacts, ...] = ()
    inputs: tuple[InputFacts, ...] = ()
    targets: tuple[TargetFacts, ...] = ()
    normalises_inputs: str = ""
    optimizer: str = ""
    learning_rate: float | None = None
    schedule: str = ""
    momentum: float = 0.0
    clipping: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    regularisers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    dropout: Mapping[str, float] = field(default_factory=dict)
    normalisations: tuple[str, ...] = ()
    batch_norm_momentum: Mapping[str, float] = field(default_factory=dict)
    activations: Mapping[str, str] = field(default_factory=dict)
    initialisers: Mapping[str, str] = field(default_factory=dict)
    was_trained: Mapping[str, bool] = field(default_factory=dict)
    guessed_images: tuple[str, ...] = ()
    has_shortcuts: bool = False
    is_linear: bool = False
    has_own_train_step: bool = False
    metric_directions: Mapping[str, str] = field(default_factory=dict)
    epochs: int | None = None
