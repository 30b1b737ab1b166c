"""Architecture: the layers of a saved model in the order of use, and what follows what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from keras_filterwatch.files.config.flat_inputs import image_shape, numbers_read
from keras_filterwatch.files.config.flow import FileCall, FileFlow, FileTensor, innermost
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.layer_counters import layers_in, names_without_counter
from keras_filterwatch.files.config.shapes import is_channels_first
from keras_filterwatch.files.errors import UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES
from keras_filterwatch.kernel_layouts import RECURRENT
from keras_filterwatch.unique_names import unique_name

# what may stand between a kernel and its BatchNormalization, as in `model.trace`
_PER_FILTER = frozenset(
    {
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Dropout", "GaussianDropout"),
        *("GaussianNoise", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "MaxPooling1D", "MaxPooling2D"),
        *("MaxPooling3D", "AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    }
)
_MOST_BETWEEN = 500  # tensors between a layer and its BatchNormalization; more are not searched


@dataclass(frozen=True, eq=False)
class LayerNode:
    """A layer of a saved model, once however often it is used.

    Attributes:
        path: its name with those of the models and wrappers around it, unique: `"block/conv"`, as
            `fw.score(model)` names the layer's kernel.
        layer: its config.
        parents: the models and wrappers around it, the outermost first.
        own_name: the last part of its path where that is not the name in the file.
    """

    path: str
    layer: LayerConfig
    parents: tuple[LayerConfig, ...] = ()
    own_name: str = ""

    @property
    def name(self) -> str:
        """Its name without those around it."""
        return self.own_name or self.layer.name

    @property
    def path_in_file(self) -> str:
        """Its path of the names that the file has."""
        return "/".join(each.name for each in (*self.parents, self.layer))


@dataclass(frozen=True, eq=False)
class Architecture:
    """The layers of a saved model.

    Attributes:
        model: the model itself.
        nodes: its layers in the order of use, each before the layers in it.
        knows_graph: whether the file tells which layer reads what.
        flow: the calls of one forward pass; None if the file does not tell.
        problem: why the file does not tell; `""` if it does.
    """

    model: LayerConfig
    nodes: tuple[LayerNode, ...]
    knows_graph: bool = True
    flow: FileFlow | None = None
    problem: str = ""

    def batch_norms(self, node: LayerNode) -> list[LayerNode]:
        """Returns the BatchNormalizations that scale the filters of a layer."""
        tensors, norms, visited = self._outputs(node), [], set()
        while tensors and self.flow:
            tensor = tensors.pop()
            if id(tensor) in visited:
                continue
            visited.add(id(tensor))
            if len(visited) > _MOST_BETWEEN:
                break
            for call in self.flow.readers(tensor):
                reader = innermost(call.layer)
                if not reader.is_of_keras or reader.is_operation:
                    continue
                if reader.class_name == "BatchNormalization":
                    norms.append(self._nodes[reader.identity])
                elif reader.class_name in _PER_FILTER:
                    tensors.extend(call.outputs.tensors.values())
        return norms

    def image(self, node: LayerNode) -> tuple[int, ...] | None:
        """Returns `(height, width, channels)` of the input image that a layer reads flattened.

        None if it reads something else, or if the file does not tell.
        """
        first = self._is_channels_first
        return image_shape(self.flow, node.layer, first) if self.flow else None

    def numbers_read(self, node: LayerNode) -> int | None:
        """Returns how many numbers of an input of the model a layer reads as they are.

        None if it reads something else, or the input is not one number after another.
        """
        return numbers_read(self.flow, node.layer) if self.flow else None

    def inputs_of(self, node: LayerNode) -> list[LayerNode]:
        """Returns the layers whose outputs a layer reads, those inside of models."""
        calls = self.flow.calls_of(node.layer) if self.flow else ()
        return self._makers(tensor for call in calls for tensor in call.inputs)

    def readers(self, node: LayerNode) -> list[LayerNode]:
        """Returns the layers that read the outputs of a layer, also models as a whole."""
        flow = self.flow
        tensors = self._outputs(node)
        calls = (call for tensor in tensors for call in flow.readers(tensor)) if flow else ()
        return self._nodes_of(calls)

    @cached_property
    def output_nodes(self) -> list[LayerNode]:
        """The layers that make the outputs of the model, those inside of models."""
        return self._makers(self.flow.outputs if self.flow else ())

    def _outputs(self, node: LayerNode) -> list[FileTensor]:
        calls = self.flow.calls_of(node.layer) if self.flow else ()
        return [tensor for call in calls for tensor in call.outputs.tensors.values()]

    def _makers(self, tensors: Iterable[FileTensor]) -> list[LayerNode]:
        made = (self.flow.maker(tensor) for tensor in tensors) if self.flow else ()
        return self._nodes_of(call for call in made if call)

    def _nodes_of(self, calls: Iterable[FileCall]) -> list[LayerNode]:
        identities = dict.fromkeys(call.layer.identity for call in calls)
        return [self._nodes[each] for each in identities if each in self._nodes]

    @cached_property
    def _nodes(self) -> dict[object, LayerNode]:
        return {node.layer.identity: node for node in self.nodes}

    @cached_property
    def _is_channels_first(self) -> bool:
        return any(is_channels_first(node.layer) for node in self.nodes)


def architecture_of(model: LayerConfig) -> Architecture:
    """Returns the layers of a model in the order of use.

    Example:
        >>> layers = LayerConfig("conv", "Conv2D"), LayerConfig("head", "Dense")
        >>> net = architecture_of(LayerConfig("net", "Sequential", layers=layers))
        >>> [node.path for node in net.nodes], [node.path for node in net.readers(net.nodes[0])]
        (['conv', 'head'], ['head'])
    """
    names: dict[str, int] = {}
    shown = names_without_counter(layers_in(model))
    nodes = []
    letters = 0
    for path in _paths(model):
        own_names = [shown[each.identity] for each in path]
        letters += sum(map(len, own_names))
        if letters > CONFIG_BYTES:
            raise UnsafeFileError("the config has models within models of too long names.")
        unique = unique_name("/".join(own_names), names)
        nodes.append(LayerNode(unique, path[-1], path[:-1], own_names[-1]))
    try:
        flow = FileFlow(model)
    except ValueError as error:
        return Architecture(model, tuple(nodes), knows_graph=False, problem=str(error))
    places = {identity: place for place, identity in enumerate(flow.begun)}
    nodes.sort(key=lambda node: places.get(node.layer.identity, len(places)))
    return Architecture(model, tuple(nodes), flow=flow)


def _paths(model: LayerConfig) -> Iterator[tuple[LayerConfig, ...]]:
    """Yields the first path to each layer in a model, before the paths to the layers in it."""
    visited: set[object] = {model.identity}
    waiting: list[tuple[LayerConfig, ...]] = [(layer,) for layer in reversed(model.layers)]
    while waiting:
        path = waiting.pop()
        layer = path[-1]
        if layer.identity in visited or layer.is_operation:
            continue
        visited.add(layer.identity)
        yield path
        if layer.class_name not in RECURRENT:
            waiting.extend((*path, inner) for inner in reversed(layer.layers))
