"""In which order a functional model calls its layers: as Keras computes it from the graph."""

from collections.abc import Iterator
from typing import NamedTuple

from keras_filterwatch.files.config.inbound_nodes import Source
from keras_filterwatch.files.config.layer_config import LayerConfig


class LayerCall(NamedTuple):
    """One use of a layer in its model.

    Attributes:
        layer: the name of the layer.
        use: which of its uses, from 0.
    """

    layer: str
    use: int


def call_order(model: LayerConfig) -> list[LayerCall]:
    """Returns the calls of a functional model in the order of its forward pass.

    A layer comes the earlier, the more layers stand between it and the outputs. Calls of its input
    layers are among them; layers that lead to no output are not.

    Raises:
        ValueError: the graph has a cycle, or names a layer that the model does not have.

    Example:
        >>> dense = LayerConfig("dense", "Dense", uses=((Source("input"),),))
        >>> model = LayerConfig("net", "Functional", layers=(LayerConfig("input", "InputLayer"),
        ...     dense), inputs=(Source("input"),), outputs=(Source("dense"),))
        >>> [call.layer for call in call_order(model)]
        ['input', 'dense']
    """
    layers = {layer.name: layer for layer in model.layers}
    from_inputs = _from_inputs_to_outputs(layers, model.outputs)
    depths: dict[LayerCall, int] = {}
    depths_of_layers: dict[str, int] = {}
    for call in reversed(from_inputs):
        # a layer with several uses stands where its earliest use stands
        depth = max(depths.setdefault(call, 0), depths_of_layers.get(call.layer, 0))
        depths[call] = depths_of_layers[call.layer] = depth
        for source in _reads(layers, call):
            depths[source] = max(depth + 1, depths.get(source, 0))
    return sorted(depths, key=lambda call: -depths[call])


def _reads(layers: dict[str, LayerConfig], call: LayerCall) -> list[LayerCall]:
    """Returns the calls whose outputs a call reads."""
    if call.layer not in layers:
        raise ValueError(f"its graph names a layer {call.layer!r:.80} that it does not have")
    uses = layers[call.layer].uses
    sources = uses[call.use] if call.use < len(uses) else ()
    return [LayerCall(source.layer, source.call) for source in sources]


def _from_inputs_to_outputs(
    layers: dict[str, LayerConfig], outputs: tuple[Source, ...]
) -> list[LayerCall]:
    """Returns all calls that lead to the outputs, each behind those whose outputs it reads."""
    ended: dict[LayerCall, None] = {}
    for output in outputs:
        waiting: list[tuple[LayerCall, Iterator[LayerCall]]] = []
        running: set[LayerCall] = set()
        following: LayerCall | None = LayerCall(output.layer, output.call)
        while following or waiting:
            if following and following not in ended:
                if following in running:
                    raise ValueError(f"its graph has a cycle at {following.layer!r:.80}")
                running.add(following)
                waiting.append((following, iter(_reads(layers, following))))
            if not waiting:
                break
            call, sources = waiting[-1]
            following = next(sources, None)
            if following is None:
                ended[call] = None
                running.discard(call)
                waiting.pop()
    return list(ended)
