"""What is known of a model, in words for people."""

from collections.abc import Iterable, Mapping

from keras_filterwatch.model_facts import InputFacts, ModelFacts, OutputFacts, TargetFacts

_MOST = 6  # names or numbers in one text


def model_texts(facts: ModelFacts) -> dict[str, str]:
    """Returns name -> text of each thing that is known of a model; what is not known is absent.

    Example:
        >>> model_texts(ModelFacts(backend="jax", optimizer="SGD", learning_rate=0.1, epochs=20))
        {'backend': 'jax', 'optimizer': 'SGD, learning rate 0.1', 'planned': '20 epochs'}
    """
    texts = {
        "backend": facts.backend,
        "optimizer": _optimizer(facts),
        "clipping": _numbers(facts.clipping),
        "output": _joined(map(_output, facts.outputs)),
        "input": _joined(map(_input, facts.inputs)),
        "target": _joined(map(_target, facts.targets)),
        "inputs are normalised by": facts.normalises_inputs,
        "regularisers": _joined(
            f"{layer} ({_numbers(strengths)})" for layer, strengths in facts.regularisers.items()
        ),
        "dropout": _numbers(facts.dropout),
        "shortcuts": "yes" if facts.has_shortcuts else "",
        "non-linearities": "none" if facts.is_linear else "",
        "train step": "its own" if facts.has_own_train_step else "",
        "planned": "" if facts.epochs is None else f"{facts.epochs} epochs",
    }
    return {name: text for name, text in texts.items() if text}


def _optimizer(facts: ModelFacts) -> str:
    if not facts.optimizer:
        return ""
    rate = "" if facts.learning_rate is None else f"learning rate {facts.learning_rate:.4g}"
    parts = [
        facts.optimizer,
        " by ".join(filter(None, [rate, facts.schedule])),
        f"momentum {facts.momentum:.4g}" if facts.momentum else "",
        f"weight decay {facts.weight_decay:.4g}" if facts.weight_decay else "",
    ]
    return ", ".join(filter(None, parts))


def _output(output: OutputFacts) -> str:
    units = "" if output.units is None else f"{output.units} units"
    activation = output.activation
    if output.trains_as and output.trains_as != activation:
        activation = f"{activation or 'unknown activation'}, which trains as {output.trains_as}"
    loss = f"loss {output.loss}{' from logits' if output.from_logits else ''}" * bool(output.loss)
    return _of(output.name, ", ".join(filter(None, [units, activation, loss])))


def _input(one: InputFacts) -> str:
    text = f"{one.minimum:.4g} to {one.maximum:.4g}, mean {one.mean:.4g}, std {one.std:.4g}"
    return _of(one.name, text + _not_finite(one.finite))


def _target(one: TargetFacts) -> str:
    text = f"{one.minimum:.4g} to {one.maximum:.4g}, mean {one.mean:.4g}"
    return _of(one.name, text + _not_finite(one.finite))


def _not_finite(finite: float) -> str:
    return "" if finite == 1 else f", {1 - finite:.2%} not finite"


def _of(name: str, text: str) -> str:
    return f"{name}: {text}" if name and text else text


def _numbers(numbers: Mapping[str, float]) -> str:
    return _joined(f"{name} {number:.4g}" for name, number in numbers.items())


def _joined(texts: Iterable[str]) -> str:
    parts = [text for text in texts if text]
    more = [f"{len(parts) - _MOST} more"] if len(parts) > _MOST else []
    return "; ".join([*parts[:_MOST], *more])
