"""The rules: each is a function `history -> alarms` that abstains without evidence.

A rule takes a `History`, or any sequence of `Scores`, oldest first and not empty. It returns the
alarms that hold at the last step, `[]` for none.
"""

from keras_filterwatch.alarms import Rule
from keras_filterwatch.rules.filters import (
    exploding,
    frozen_at_random,
    getting_noisier,
    noisy,
    shrinking,
    symmetric,
)
from keras_filterwatch.rules.setup import (
    huge_first_loss,
    linear_stack,
    output_mismatch,
    strong_dropout,
    strong_penalty,
    unscaled_inputs,
    unusual_rate,
)
from keras_filterwatch.rules.training import (
    contradiction,
    diverged,
    gets_nowhere,
    overfitting,
    stalled,
)
from keras_filterwatch.rules.units import dead, saturated, vanishing


def default_rules() -> list[Rule]:
    """Returns the rules that a `FilterWatch` follows when it is given none.

    Example:
        >>> [rule.__name__ for rule in default_rules()][:2]
        ['diverged', 'symmetric']
    """
    return [rule for rule, *_ in RULES.values()]


# name -> the rule, the levels of its alarms, and when it raises one: the table in docs/alarms.md
RULES: dict[str, tuple[Rule, str, str]] = {
    "diverged": (
        diverged,
        "error",
        "filters or the loss are NaN or infinite; filters count as the BatchNormalization behind "
        "them scales them",
    ),
    "symmetric": (
        symmetric,
        "warning",
        "all filters of a layer are the same, or all zero, since the start",
    ),
    "frozen_at_random": (
        frozen_at_random,
        "warning",
        "a layer is frozen with the random weights of its initialisation",
    ),
    "gets_nowhere": (
        gets_nowhere,
        "warning",
        "after two fifths of the planned epochs (4 to 10) and 100 updates, loss and accuracy are "
        "where guessing is, and at their pace would stay there",
    ),
    "stalled": (stalled, "warning", "the weights of all layers hardly move, and nothing is learnt"),
    "contradiction": (
        contradiction,
        "note, warning",
        "the loss improves while the accuracy stays at guessing; or the loss is negative although "
        "it cannot be; or it falls below zero ever faster",
    ),
    "overfitting": (
        overfitting,
        "warning",
        "training is far ahead of validation, and validation improves no more (needs validation "
        "data)",
    ),
    "output_mismatch": (
        output_mismatch,
        "note, warning",
        "the loss does not fit the output or the targets (targets need `probe=(x, y)`)",
    ),
    "unscaled_inputs": (
        unscaled_inputs,
        "note, warning",
        "the inputs are not normalised, or some are NaN or infinite (needs `probe`)",
    ),
    "huge_first_loss": (
        huge_first_loss,
        "note, warning",
        "the first loss is more than five times that of guessing",
    ),
    "unusual_rate": (
        unusual_rate,
        "note, warning",
        "the learning rate is far from those usual with its optimizer",
    ),
    "strong_dropout": (
        strong_dropout,
        "note, warning",
        "a Dropout layer drops 80 % or more, or 50 % or more and validation is far above training",
    ),
    "strong_penalty": (
        strong_penalty,
        "note, warning",
        "L1 or L2 is above 0.1, or weight decay above 0.5",
    ),
    "linear_stack": (linear_stack, "note, warning", "no non-linearity stands between the layers"),
    "vanishing": (
        vanishing,
        "warning",
        "the first layer hardly gets a gradient, and the network gets nowhere (measured with "
        "`probe=(x, y)`)",
    ),
    "saturated": (
        saturated,
        "note, warning",
        "at least half of a hidden layer's units stay at the ends of their range (measured with "
        "`probe`), or its weights at the bounds of their constraint",
    ),
    "dead": (
        dead,
        "note, warning",
        "at least half of a hidden layer's units are zero for every input (with `probe`), or half "
        "of its filters never change or have next to no weight",
    ),
    "noisy": (
        noisy,
        "note, warning",
        "a layer looks untrained, and either stayed where it was initialised or turned far without "
        "forming a pattern",
    ),
    "getting_noisier": (
        getting_noisier,
        "note",
        "the noise score rose clearly above its own minimum",
    ),
    "exploding": (
        exploding,
        "warning",
        "the median norm of a layer's filters grew tenfold, and the network gets nowhere",
    ),
    "shrinking": (
        shrinking,
        "warning",
        "the median norm of a layer's filters shrank to a fifth, and the network gets nowhere",
    ),
}

__all__ = ["RULES", "default_rules", *RULES]
