"""What a saved file tells about its model and its training, as `model.facts` reads it of a model.

What is not certain stays empty: a wrong fact would make rules accuse wrongly.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from keras_filterwatch.files.config.architecture import Architecture, LayerNode
from keras_filterwatch.files.facts import graph_facts
from keras_filterwatch.files.facts.initialiser_config import initialiser_name
from keras_filterwatch.files.facts.metric_config import metric_directions
from keras_filterwatch.files.facts.non_linearities import DROPOUTS, NORMALISERS
from keras_filterwatch.files.facts.numbers import plain_number
from keras_filterwatch.files.facts.optimizer_config import optimizer_facts
from keras_filterwatch.files.facts.output_config import outputs_of_config
from keras_filterwatch.files.facts.penalty_config import regularisers
from keras_filterwatch.files.facts.trained_layers import (
    ATTENTION,
    has_outputs,
    initial_config,
    layers_trained,
    owners_of,
)
from keras_filterwatch.files.layers.kernel_choice import StoredVariable
from keras_filterwatch.files.stored import StoredKernel
from keras_filterwatch.model_facts import ModelFacts

_BATCH_NORM_MOMENTUM = 0.99  # by default


def facts_of_config(
    architecture: Architecture,
    kernels: Sequence[StoredKernel],
    compile_config: Mapping[str, Any] | None,
    *,
    variables: Mapping[str, Sequence[StoredVariable]] | None = None,
    backend: str = "",
    updates: int | None = None,
) -> ModelFacts:
    """Returns what a saved file tells about its model.

    Args:
        architecture: the layers of the file.
        kernels: its kernels, as `kernels_of_layers` returns them.
        compile_config: Keras 3's `compile_config`, or the `training_config` of an HDF5 file; None
            for a model that was not compiled.
        variables: as `kernels_of_layers` takes them. Biases and BatchNormalizations are read of
            them, which tell `was_trained`; None leaves it out.
        backend: the backend of Keras on which the model was saved; `""` if the file does not say.
        updates: updates that the compiled optimizer has made; None if unknown.

    Example:
        >>> from keras_filterwatch.files.config.architecture import architecture_of
        >>> from keras_filterwatch.files.config.layer_config import LayerConfig
        >>> dense = LayerConfig("head", "Dense", config={"units": 3, "activation": "softmax"})
        >>> net = architecture_of(LayerConfig("net", "Sequential", layers=(dense,)))
        >>> facts = facts_of_config(net, (), {"optimizer": "sgd", "loss": "mse"})
        >>> facts.optimizer, facts.outputs[0].activation, facts.outputs[0].loss
        ('SGD', 'softmax', 'mean_squared_error')
    """
    model, flow, nodes = architecture.model, architecture.flow, architecture.nodes
    outputs = outputs_of_config(architecture, compile_config, backend)
    # a class of the user's own may have a train_step, and optimizers besides the compiled one
    is_own = not model.is_of_keras
    optimizer = {} if is_own and not updates else optimizer_facts(compile_config)
    owned = list(owners_of(architecture, kernels))
    shown_names = {node.layer.name: node.name for node in nodes}
    normaliser = graph_facts.normalises_inputs(flow, model) if flow else ""
    return ModelFacts(
        backend=backend,
        outputs=outputs,
        normalises_inputs=shown_names.get(normaliser, normaliser),
        **optimizer,
        regularisers=regularisers(nodes),
        dropout=_dropout(nodes),
        normalisations=tuple(
            node.name
            for node in nodes
            if node.layer.is_of_keras and node.layer.class_name in NORMALISERS
        ),
        batch_norm_momentum=_batch_norm_momentum(architecture, owned),
        activations=_activations(architecture, owned),
        initialisers=_initialisers(owned),
        was_trained={} if variables is None else layers_trained(architecture, kernels, variables),
        guessed_images=tuple(
            kernel.name
            for kernel, node in owned
            if kernel.kind == "dense" and len(kernel.shape) > 2 and not architecture.image(node)
        ),
        has_shortcuts=graph_facts.has_shortcuts(flow) if flow else True,
        is_linear=graph_facts.is_linear(flow) if flow else False,
        has_own_train_step=is_own,
        metric_directions=metric_directions(compile_config, [each.name for each in outputs]),
    )


def _dropout(nodes: Iterable[LayerNode]) -> dict[str, float]:
    """Returns the name of each layer that drops -> the share that it drops."""
    rates = {}
    for node in nodes:
        layer = node.layer
        key = "dropout" if layer.class_name in ATTENTION else "rate"
        if not layer.is_of_keras or layer.class_name not in (*DROPOUTS, *ATTENTION):
            continue
        rate = plain_number(layer.config.get(key, layer.config.get("p")))
        if rate is not None and 0 <= rate <= 1 and (rate or key == "rate"):
            rates[node.name] = rate
    return rates


def _batch_norm_momentum(
    architecture: Architecture, owners: Iterable[tuple[StoredKernel, LayerNode]]
) -> dict[str, float]:
    """Returns kernel name -> the largest momentum of the BatchNormalizations behind it."""
    results = {}
    for kernel, node in owners:
        norms = architecture.batch_norms(node) if has_outputs(kernel) else []
        momenta = [
            plain_number(norm.layer.config.get("momentum", _BATCH_NORM_MOMENTUM)) for norm in norms
        ]
        known = [each for each in momenta if each is not None]
        if known:
            results[kernel.name] = max(known)
    return results


def _activations(
    architecture: Architecture, owners: Iterable[tuple[StoredKernel, LayerNode]]
) -> dict[str, str]:
    """Returns kernel name -> the non-linearity behind it, where it is known."""
    flow = architecture.flow
    names = {
        kernel.name: graph_facts.activation_behind(flow, node.layer)
        for kernel, node in owners
        if has_outputs(kernel)
    }
    return {kernel: name for kernel, name in names.items() if name}


def _initialisers(owners: Iterable[tuple[StoredKernel, LayerNode]]) -> dict[str, str]:
    """Returns kernel name -> class of its initialiser, or the name of a function."""
    names = {}
    for kernel, node in owners:
        config = initial_config(node)
        kinds = ("depthwise",) if kernel.kind == "depthwise" else ("pointwise", "kernel")
        keys = [*(f"{kind}_initializer" for kind in kinds), "init"]  # "init" of Keras 1
        value = next((config[key] for key in keys if config.get(key) is not None), None)
        name = initialiser_name(value) if node.layer.is_of_keras else ""
        if name:
            names[kernel.name] = name
    return names
