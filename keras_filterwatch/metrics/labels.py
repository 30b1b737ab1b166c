"""What is a filter called? Names that stand for tests with a stated rate of errors.

Each filter is tested for what noise of its size does not have: a mean (blob), one direction (edge),
colour, roughness (checkered) and smoothness. The tests of a layer are one family, in which at most
1 % of the names are expected to be wrong (Benjamini & Hochberg 1995): of a hundred layers of noise,
about one has a name in it. A name needs a large effect too: in a filter of 512 channels the
smallest deviation from noise is beyond doubt.
"""

import math

import numpy as np

from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.metrics import chance, noise
from keras_filterwatch.metrics.blocks import Floats
from keras_filterwatch.metrics.dead import dead_filters
from keras_filterwatch.metrics.facts import KernelFacts

_WRONG_NAMES = 0.01  # share of a layer's names
_OUTSIDE = 0.05  # share of noise that does not count as noise-like
_FLAT = 0.5  # dc: more of a blob is mean than anything else
_ONE_DIRECTION = 1 / 3  # coherence: an edge changes twice as much in its direction as across
_COLOUR = 5 / 6  # chroma halfway from noise, 2/3, to colour without grey, 1
_STEP_OF_C = 0.3  # to .7, where neighbouring weights correlate by about .3
_TERMS_AT_ONCE = 2**16  # filters times taps whose chances are computed together, to save memory
_SAME = 0.999  # cosine of filters that are one and the same


@np.errstate(all="ignore")
def filter_labels(facts: KernelFacts, coherence: Array, chroma: Array | None) -> Array:
    """Returns the label of each finite filter of a 2-D window, `(finite filters,)`.

    The first of these that fits: dead; blob (dc above 1/2), edge (coherence above 1/3), colour
    (chroma above 5/6), checkered (C above 1.3) and smooth (C below .7), each beyond chance;
    noise-like, if nothing differs from noise although structure would be evident; and unclassified.
    If all filters of a layer are one and the same, none but the dead has a name.

    Args:
        facts: of the kernel.
        coherence: of the finite filters.
        chroma: of the finite filters; None if there are not three channels.

    Example:
        >>> import numpy as np
        >>> from keras_filterwatch.kernels import Kernel
        >>> filters = np.random.default_rng(0).standard_normal((7, 7, 3, 2))
        >>> filters[..., 1] += 3
        >>> facts = KernelFacts(Kernel("conv", "Conv2D", filters))
        >>> filter_labels(facts, np.array([0.1, 0.1]), None).tolist()
        ['noise-like', 'blob']
    """
    is_dead = dead_filters(facts.norms)[facts.finite]
    if _are_all_one(facts, ~is_dead):
        return np.where(is_dead, "dead", "unclassified")
    scores = {name: values[facts.finite] for name, values in _roughness(facts).items()}
    scores["coherence"] = coherence
    if chroma is not None:
        scores["chroma"] = chroma
    large = {name: is_large & ~is_dead for name, is_large in _large_effects(scores).items()}
    untrained = _look_untrained(facts, scores) & ~is_dead
    is_tested = untrained | np.any([*large.values()], axis=0)
    chances = np.ones((len(large), len(is_dead)))
    at_once = max(1, _TERMS_AT_ONCE // math.prod(facts.kernel.spatial))
    for start in range(0, int(is_tested.sum()), at_once):
        some = np.flatnonzero(is_tested)[start : start + at_once]
        chances[:, some] = _chances(facts.kernel, {name: s[some] for name, s in scores.items()})
    names = discoveries(
        np.where([*large.values()], chances, 1.0), _WRONG_NAMES, len(large) * int((~is_dead).sum())
    )
    is_noise = untrained & (chances > _OUTSIDE / len(large)).all(axis=0)
    return np.select([is_dead, *names, is_noise], ["dead", *large, "noise-like"], "unclassified")


def discoveries(chances: Array, rate: float, tests: int) -> Array:
    """Returns which results are significant, so that a share `rate` of these is expected by chance.

    After Benjamini & Hochberg (1995): as many results as possible, of which the k-th smallest
    chance is at most `rate * k / tests`.

    Args:
        chances: how often chance gives such a result, of any shape.
        rate: the expected share of errors among the significant results.
        tests: how many tests were made; results whose chance is 1 may be left out of `chances`.

    Example:
        >>> import numpy as np
        >>> discoveries(np.array([0.001, 0.025, 0.2, 0.029]), rate=0.04, tests=4)
        array([ True,  True, False,  True])
    """
    ordered = np.sort(chances, axis=None)[:tests]
    passed = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / max(tests, 1))
    return np.asarray(chances <= (ordered[passed[-1]] if passed.size else -1.0))


def _large_effects(scores: dict[str, Array]) -> dict[str, Array]:
    """Returns which filters have a large effect, by name, in the order of precedence."""
    effects = {"blob": scores["dc"] > _FLAT, "edge": scores["coherence"] > _ONE_DIRECTION}
    if "chroma" in scores:
        effects["colour"] = scores["chroma"] > _COLOUR
    effects["checkered"] = scores["geary_c"] > 1 + _STEP_OF_C
    effects["smooth"] = scores["geary_c"] < 1 - _STEP_OF_C
    return effects


def _chances(kernel: Kernel, scores: dict[str, Array]) -> list[Floats]:
    """Returns how often noise has such effects, in the order of `_large_effects`."""
    spatial, taps = kernel.spatial, math.prod(kernel.spatial)
    slices = chance.slices_drawn_alike(scores["slices"], taps, kernel.channels)
    chances = [
        chance.tail_of_share(scores["dc"], slices, slices * (taps - 1)),
        chance.tail_of_coherence(scores["coherence"], spatial, slices),
    ]
    if "chroma" in scores:
        chances.append(chance.tail_of_share(scores["chroma"], 2 * taps, taps))
    return [*chances, *chance.tails_of_c(scores["geary_c"], spatial, slices)]


def _look_untrained(facts: KernelFacts, scores: dict[str, Array]) -> Array:
    """Returns which filters differ from noise in nothing that their layer's verdict rests on.

    They have slices enough to make a C of .7 evident and, in a structured layer, whatever the layer
    as a whole shows. So the filters of a structured layer are never all noise-like.
    """
    spatial, channels = facts.kernel.spatial, facts.kernel.channels
    smoothest = noise.smoothest_c(spatial)
    of_filters = scores | {
        "noise": (scores["geary_c"] - smoothest) / (1 - smoothest),
        "anisotropy": facts.covariance.filter_anisotropy,
    }
    differences = noise.differences_from_noise(of_filters, (*spatial, channels, 1))
    detectable = {name: noise.NEAR * error for name, (_, error) in differences.items()}
    untrained = detectable["noise"] < _STEP_OF_C / (1 - smoothest)
    for name, (size, _) in differences.items():
        untrained &= ~(size >= detectable[name])  # undefined, NaN, is no difference
    of_layer = _differences_of_layer(facts, of_filters)
    structured = noise.structured_in(of_layer)
    for name in ("noise", "dc"):
        if name in structured:
            untrained &= detectable[name] < of_layer[name].size
    # what slices share across a layer cannot be told from one filter's slices
    return np.asarray(untrained & (structured != ["anisotropy"]))


def _differences_of_layer(
    facts: KernelFacts, scores: dict[str, Array]
) -> dict[str, noise.Difference]:
    """Returns how much the layer differs from noise, from the scores of its filters."""
    if not facts.finite.all():  # what is left of a layer that diverged says little about it
        return {}
    energies = np.square(facts.weight_norms)
    deviations = energies * (1 - scores["dc"])
    total = np.nansum(deviations)
    numbers = {
        "noise": np.nansum(deviations * scores["noise"]) / total,
        "slices": total**2 / np.nansum(np.square(deviations) / scores["slices"]),
        "dc": np.nansum(energies * scores["dc"]) / energies.sum(),
        "anisotropy": facts.covariance.anisotropy,
    }
    return noise.differences_from_noise(numbers, facts.kernel.array.shape)


def _roughness(facts: KernelFacts) -> dict[str, Array]:
    """Returns the scores of the filters, each `(filters,)`, that are made of their slices."""
    names = ("geary_c", "slices", "dc")
    if set(names) <= facts.known.keys():
        return {name: facts.known[name] for name in names}
    measured = noise.measure_roughness(facts)
    return {name: np.asarray(measured[name].filters) for name in names}


def _are_all_one(facts: KernelFacts, is_live: Array) -> bool:
    """Returns True if several filters live and all that are compared are one, scaled."""
    similarity = facts.similarity
    live = np.flatnonzero(is_live[similarity.filters])
    cosines = np.abs(similarity.cosines[np.ix_(live, live)]) + np.eye(len(live))
    return len(live) > 1 and bool((cosines > _SAME).all())
