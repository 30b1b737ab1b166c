"""What the claims need beyond the scores: maps, units behind classes, weight statistics."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_MAPPED = 128  # inputs whose maps are measured
_TOP = 5  # units beside a class, as `keras_filterwatch.draw.class_paths` draws them


class MapShapes(keras.callbacks.Callback):
    """Measures the maps of the convolutions before training and after each epoch.

    Attributes:
        epochs: for each, layer -> the `map_shape` of its maps.
        drawn: the first layer's maps of the first input, `(height, width, filters)`, at the
            `"start"` and the `"end"`.
    """

    def __init__(self, x: NDArray) -> None:
        super().__init__()
        self._x = x[:_MAPPED]
        self.epochs: list[dict[str, dict[str, float]]] = []
        self.drawn: dict[str, NDArray] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measures the maps before training."""
        self._outputs = outputs_of(self.model, ["first_active", "second_active"])
        self.on_epoch_end(0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures the maps after an epoch."""
        first, second = self._outputs(self._x)
        self.epochs.append({"first": map_shape(first), "second": map_shape(second)})
        self.drawn = {"start": self.drawn.get("start", first[0]), "end": first[0]}


def outputs_of(model: keras.Model, names: list[str]) -> Any:
    """Returns a function of inputs that gives the outputs of these layers as arrays."""
    part = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    return lambda x: [keras.ops.convert_to_numpy(each) for each in part(x, training=False)]


def map_shape(maps: NDArray) -> dict[str, float]:
    """Returns how sparse and how local maps `(items, height, width, filters)` are.

    `zeros`: share of zeros. `area`: (sum a)^2 / (n sum a^2), the share of a map's n positions that
    is active, 1 if all are equally, 1/n if one is. `spread`: the distance of its activity from its
    centre (root mean square), 1 if it is spread evenly over the map, 0 in one point. Maps without
    any activity have no area and no spread; the others count alike.

    Example:
        >>> one_point = np.zeros((1, 4, 4, 1))
        >>> one_point[0, 1, 1, 0] = 2
        >>> map_shape(one_point)
        {'zeros': 0.9375, 'area': 0.0625, 'spread': 0.0}
    """
    height, width = maps.shape[1:3]
    each = np.abs(np.moveaxis(maps.astype(np.float64), -1, 1)).reshape(-1, height * width)
    total = each.sum(axis=1)
    shares = each[total > 0] / total[total > 0, np.newaxis]
    place = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1)
    place = place.reshape(-1, 2).astype(np.float64)
    variance = shares @ np.square(place) - np.square(shares @ place)
    even = np.square(place).mean(axis=0) - np.square(place.mean(axis=0))
    spread = np.sqrt(np.maximum(variance.sum(axis=1), 0) / even.sum())
    area = 1 / (height * width * np.square(shares).sum(axis=1))
    return {
        "zeros": float((maps == 0).mean()),
        "area": float(area.mean()) if len(area) else float("nan"),
        "spread": float(spread.mean()) if len(spread) else float("nan"),
    }


def explanations(model: keras.Model, x: NDArray) -> dict[str, list[float] | float]:
    """Returns how well single units, a few, and the path of linear units explain each class.

    Each is the squared correlation over the inputs between a part of the logit and the logit,
    class by class. `positive`: the hidden unit with the largest weight to the class. `strongest`:
    the unit that `class_paths` puts first, by |weight to the class| times the norm of its incoming
    weights. `top`: its five strongest together. `best`: the single unit that explains most.
    `path`: the product of both weight matrices, as if the units were linear. `agreement`,
    `agreement_top`: how often path and top five name the class that the network names.
    """
    features, hidden = outputs_of(model, ["features", "hidden_active"])(x)
    first, second = model.get_layer("hidden"), model.get_layer("classes")
    incoming, outgoing, bias = (
        keras.ops.convert_to_numpy(weight) for weight in (first.kernel, second.kernel, second.bias)
    )
    return explained_by_parts(features, hidden, incoming, outgoing, bias)


def explained_by_parts(
    features: NDArray, hidden: NDArray, incoming: NDArray, outgoing: NDArray, bias: NDArray
) -> dict[str, list[float] | float]:
    """Returns what `explanations` does, from arrays.

    Args:
        features: inputs of the hidden layer, `(items, features)`.
        hidden: its outputs, `(items, units)`.
        incoming: its kernel, `(features, units)`.
        outgoing: the kernel behind it, `(units, classes)`.
        bias: of the classes, `(classes,)`.

    Example:
        >>> x = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])
        >>> parts = explained_by_parts(x, x, np.eye(2), np.array([[1.0], [0.0]]), np.zeros(1))
        >>> parts["strongest"]
        [1.0]
    """
    features, hidden, incoming, outgoing = (
        np.asarray(each, np.float64) for each in (features, hidden, incoming, outgoing)
    )
    logits = hidden @ outgoing
    paths = features @ incoming @ outgoing
    strengths = np.abs(outgoing) * np.linalg.norm(incoming, axis=0)[:, np.newaxis]
    order = np.argsort(-strengths, axis=0)
    result: dict[str, list[float]] = {}
    top_logits = np.zeros_like(logits)
    for c in range(outgoing.shape[1]):
        parts = hidden * outgoing[:, c]
        top_logits[:, c] = parts[:, order[:_TOP, c]].sum(axis=1)
        single = [_squared_correlation(part, logits[:, c]) for part in parts.T]
        for name, value in (
            ("positive", single[int(outgoing[:, c].argmax())]),
            ("strongest", single[order[0, c]]),
            ("best", max(single)),
            ("top", _squared_correlation(top_logits[:, c], logits[:, c])),
            ("path", _squared_correlation(paths[:, c], logits[:, c])),
        ):
            result.setdefault(name, []).append(value)
    said = (logits + bias).argmax(axis=1)
    agreement = {
        "agreement": float((paths.argmax(axis=1) == said).mean()),
        "agreement_top": float((top_logits.argmax(axis=1) == said).mean()),
    }
    return {**result, **agreement}


def _squared_correlation(part: NDArray, whole: NDArray) -> float:
    """Returns r^2; 0 where one of them does not vary."""
    part, whole = part - part.mean(), whole - whole.mean()
    energy = float((part @ part) * (whole @ whole))
    return float((part @ whole) ** 2 / energy) if energy > 0 else 0.0


def weight_statistics(model: keras.Model) -> dict[str, list[float]]:
    """Returns mean, variance and quartiles of each kernel and bias (Unterthiner et al., 2020)."""
    statistics = {}
    for name in ("first", "second", "hidden", "classes"):
        for layer in model.layers:
            if layer.name == name:
                for weight in (layer.kernel, layer.bias):
                    values = keras.ops.convert_to_numpy(weight).astype(np.float64)
                    statistics[f"{name}_{weight.name}"] = [
                        float(values.mean()),
                        float(values.var()),
                        *np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist(),
                    ]
    return statistics
