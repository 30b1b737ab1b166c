"""Which direction of each metric of a saved model is better, from the config of its compilation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_filterwatch.files.config.class_names import snake_case
from keras_filterwatch.files.facts.optimizer_config import bare_name

# the names of Keras's metrics of which the direction is known
_UP = frozenset(
    {
        *("accuracy", "acc", "binary_accuracy", "categorical_accuracy", "cosine_similarity"),
        *("sparse_categorical_accuracy", "top_k_categorical_accuracy", "auc", "precision"),
        *("sparse_top_k_categorical_accuracy", "precision_at_recall", "recall", "r2_score"),
        *("recall_at_precision", "sensitivity_at_specificity", "specificity_at_sensitivity"),
        *("concordance_correlation", "pearson_correlation", "f1_score", "f_beta_score"),
        *("binary_io_u", "io_u", "mean_io_u", "one_hot_io_u", "one_hot_mean_io_u"),
    }
)
_DOWN = frozenset(
    {
        *("categorical_hinge", "hinge", "squared_hinge", "binary_crossentropy", "kl_divergence"),
        *("categorical_crossentropy", "sparse_categorical_crossentropy", "poisson"),
        *("log_cosh_error", "mean_absolute_error", "mean_absolute_percentage_error"),
        *("mean_squared_error", "mean_squared_logarithmic_error", "root_mean_squared_error"),
        *("mse", "mae", "mape", "msle", "bce"),
    }
)


def metric_directions(
    compile_config: Mapping[str, Any] | None, outputs: Sequence[str]
) -> dict[str, str]:
    """Returns the name of each metric in the logs -> `"up"` or `"down"`, which of them is better.

    Metrics of unknown direction, or with a name that is not certain, are absent.

    Args:
        compile_config: that of the file; None for a model that was not compiled.
        outputs: the names of the model's outputs.

    Example:
        >>> metric_directions({"loss": "mse", "metrics": ["accuracy"]}, ["head"])
        {'loss': 'down', 'accuracy': 'up'}
    """
    if compile_config is None:
        return {}
    directions = {"loss": "down"}
    if len(outputs) > 1:
        directions |= {f"{name}_loss": "down" for name in outputs if name}
    for prefix, metric in _metrics(compile_config.get("metrics"), outputs):
        name, direction = _described(metric)
        if direction and name:
            directions[prefix + name] = direction
    return directions


def _metrics(metrics: Any, outputs: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yields what stands before the name of each metric in the logs, and the metric."""
    if len(outputs) <= 1:
        if isinstance(metrics, Mapping) and "class_name" not in metrics:
            metrics = list(metrics.values())
        yield from (("", metric) for metric in _flat(metrics))
        return
    if isinstance(metrics, Mapping):
        by_output = [(name, metrics.get(name)) for name in outputs]
    elif isinstance(metrics, list) and len(metrics) == len(outputs):
        by_output = list(zip(outputs, metrics, strict=True))
    else:
        return
    for output, own in by_output:
        yield from ((f"{output}_", metric) for metric in _flat(own))


def _flat(metrics: Any) -> Iterator[Any]:
    if not isinstance(metrics, list):
        yield metrics
        return
    for part in metrics:
        yield from part if isinstance(part, list) else (part,)


def _described(metric: Any) -> tuple[str, str]:
    """Returns a metric's own name in the logs, and its direction; `""` if that is not known."""
    name: Any = metric
    if isinstance(metric, Mapping):
        config, kind = metric.get("config"), bare_name(metric)
        name = config.get("name", kind) if isinstance(config, Mapping) else kind
        registered, module = metric.get("registered_name"), metric.get("module")
        if f"{module or 'keras'}.".startswith("keras.") and not registered:
            metric = snake_case(kind).replace("fbeta", "f_beta")
        elif metric.get("class_name") == "function":
            metric = kind
    if not isinstance(metric, str) or not isinstance(name, str):
        return "", ""
    known = metric.lower()
    return name, "up" if known in _UP else "down" if known in _DOWN else ""
