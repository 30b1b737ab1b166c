"""The claims about shapes: turned copies, edges in small windows, and the second layer."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

import keras_filterwatch as fw
from benchmarks.claims.effects import Estimate, difference, mean, share
from benchmarks.claims.plan import LAYERS
from benchmarks.claims.reading import Records, Trained, grouped, noise_of
from benchmarks.claims.result import Chart, Part, Result, Series, series_of, table

_ALIKE, _SAME = 0.5**0.5, 0.9  # cosines: of half of the energy, of filters that look the same
_MANY = 0.1  # of the filters, more than by chance
_POWER = 0.8  # share of cases in which a structure counts as visible
_LAYER = 64  # slices, such as 64 grey or 21 coloured filters
_NULL_FILTERS, _NULL_QUANTILE = 1_000, 0.99
_SMOOTH = 0.5  # a noise score half way to the smoothest
_DIRECTED = 0.1  # difference between shares of filters


def turned_copies(records: Records) -> Result:
    """Measures how many first-layer filters have a copy turned by 90 degrees in their layer."""
    cells = grouped((t for t in records.of("windows") if t.is_good), lambda t: t.cell)
    measured_cells = {cell: [_copies(t, group) for t in group] for cell, group in cells.items()}
    parts, rows = [], []
    for window, items in grouped(measured_cells.items(), lambda item: item[0][1]).items():
        pairs = [([c["after"] for c in m], [c["before"] for c in m]) for _, m in items]
        name = f"{window}x{window}: turned copies, after minus before"
        parts.append(Part(name, difference(pairs), _MANY))
    fields = ("before", "after", "strict", "elsewhere", "same pose")
    for (data, window), m in measured_cells.items():
        numbers = [f"{np.nanmean([c[field] for c in m]):.0%}" for field in fields]
        rows.append([data, f"{window}x{window}", len(m), *numbers])
    after, elsewhere = (
        mean([[c[field] for c in m] for m in measured_cells.values()])
        for field in ("after", "elsewhere")
    )
    measured = (
        f"{after.value:.0%} of the filters of accurate networks have a copy turned by 90 degrees "
        f"in their own layer, and {elsewhere.value:.0%} have one in another network trained on the "
        "same data."
    )
    header = (
        *("data", "window", "networks", "turned copy before", "after", f"after, cosine {_SAME}"),
        *("turned copy in another network", "copy in the same pose"),
    )
    names = [f"{data} {window}x{window}" for data, window in cells]
    series = [
        series_of(label, enumerate(mean([[c[field] for c in m]]) for m in measured_cells.values()))
        for field, label in (
            ("before", "before training"),
            ("after", "after"),
            ("elsewhere", "in another network"),
        )
    ]
    chart = Chart("points", "", "share of filters with a turned copy", series, names)
    return Result(parts, measured, chart, [table(header, rows)])


def edges_in_small_windows(records: Records) -> Result:
    """Measures how many slices it takes until edges with noise are recognised, by window.

    A single filter is recognised if its noise score is lower than that of 99 % of random ones.
    """
    by_kind = {(each["window"], each["share"]): each for each in records.simulations}
    windows = sorted({window for window, _ in by_kind})
    rows, recognised = [], {}
    for (window, edge), each in sorted(by_kind.items()):
        noise = np.array(each["single"]["noise"])
        limit = np.quantile(by_kind[window, 0.0]["single"]["noise"], 1 - _NULL_QUANTILE)
        recognised[window, edge] = share(int((noise < limit).sum()), len(noise))
        needed = [n for n, p in zip(each["slices"], each["structured"], strict=True) if p >= _POWER]
        quiet = [n for n, p in zip(each["slices"], each["untrained"], strict=True) if p >= _POWER]
        rows.append(
            [
                *(f"{window}x{window}", f"{edge:.0%}", f"{each['noise']:.2f}"),
                f"{recognised[window, edge].value:.0%}",
                needed[0] if needed else "more" if edge else "never",
                quiet[0] if quiet else "",
            ]
        )
    parts = []
    if (3, 0.5) in by_kind:
        each = by_kind[3, 0.5]
        seen = each["structured"][each["slices"].index(_LAYER)]
        name = "3x3, half edge and half noise"
        of_layers = share(round(seen * LAYERS), LAYERS)
        parts = [
            Part(f"one filter, {name}: recognised", recognised[3, 0.5], _POWER, at_least=False),
            Part(f"{_LAYER} slices, {name}: recognised", of_layers, _POWER, at_least=False),
        ]
    first = {row[0]: row[4] for row in rows if row[1] == "50%"}
    measured = (
        "Half edge, half noise: the verdict `structured` takes "
        + ", ".join(f"{slices} slices of {window}" for window, slices in first.items())
        + " in 80 % of cases. One filter alone is told from noise in "
        + ", ".join(f"{recognised[w, 0.5].value:.0%} of cases at {w}x{w}" for w in windows)
        + "."
    )
    header = (
        *("window", "share of edge", "noise score", "single filters recognised"),
        *("slices tried, `structured` in 80 %", "slices tried, `untrained` in 80 %"),
    )
    series = [
        Series(f"{w}x{w}", by_kind[w, 0.5]["slices"], by_kind[w, 0.5]["structured"])
        for w in windows
    ]
    chart = Chart(
        *("lines", "slices of the layer", "share judged structured", series),
        log_x=True,
        bound=(_POWER, "80 %"),
    )
    return Result(parts, measured, chart, [table(header, rows)])


def turned_copy_share(
    filters: NDArray, others: NDArray, same: bool, cosine: float = _ALIKE
) -> float:
    """Returns the share of filters with a copy among others, turned by 90 or 270 degrees.

    Args:
        filters: `(window, window, channels, filters)`.
        others: the same, with any number of filters.
        same: whether both are one layer; a filter then is no copy of itself.
        cosine: of a filter and its copy, at least.

    Example:
        >>> edge = np.array([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])
        >>> layer = np.stack([edge, edge.T], axis=-1)[:, :, np.newaxis]
        >>> turned_copy_share(layer, layer, same=True)
        1.0
    """
    turned = [np.rot90(others, turn) for turn in (1, 3)]
    return _share_with_copy(filters, turned, same, cosine)


def _share_with_copy(
    filters: NDArray, candidates: Sequence[NDArray], same: bool, cosine: float = _ALIKE
) -> float:
    if not filters.shape[-1]:
        return float("nan")
    cosines = np.max([_unit(filters).T @ _unit(each) for each in candidates], axis=0)
    if same:
        np.fill_diagonal(cosines, -1)
    return float((cosines.max(axis=1) >= cosine).mean())


def _unit(filters: NDArray) -> NDArray:
    flat = filters.reshape(-1, filters.shape[-1])
    return flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-30)


def _copies(each: Trained, group: Sequence[Trained]) -> dict[str, float]:
    """Returns the shares of filters with copies; dead filters are left out."""
    start = np.array(each.kernels["start"]["first"])
    end = _living(each)
    other = _living(group[(group.index(each) + 1) % len(group)])
    return {
        "before": turned_copy_share(start, start, same=True),
        "after": turned_copy_share(end, end, same=True),
        "strict": turned_copy_share(end, end, same=True, cosine=_SAME),
        "elsewhere": turned_copy_share(end, other, same=False),
        "same pose": _share_with_copy(end, [end], same=True),
    }


def _living(each: Trained) -> NDArray:
    dead = np.array(each.filters["first"]["end"]["dead"])
    return np.array(each.kernels["end"]["first"])[..., dead == 0]


def second_layer(records: Records) -> Result:
    """Measures how smooth and how directed the second layer is beside the first."""
    good = grouped((t for t in records.of("windows") if t.is_good), lambda t: t.data)
    parts, rows = [], []
    for data, group in good.items():
        by_window = list(grouped(group, lambda t: t.window).values())
        noise = mean([noise_of(g, "second") for g in by_window])
        parts.append(Part(f"{data}: noise of the second layer", noise, _SMOOTH, at_least=False))
    for data, group in good.items():
        by_window = list(grouped(group, lambda t: t.window).values())
        directed = [
            [_directed(each, layer) for each in g]
            for g in by_window
            for layer in ("first", "second")
        ]
        gain = difference(list(zip(directed[::2], directed[1::2], strict=True)))
        parts.append(Part(f"{data}: directed filters, first minus second", gain, _DIRECTED))
        rows.append(
            [
                data,
                mean([noise_of(g) for g in by_window]),
                mean([noise_of(g, "second") for g in by_window]),
                f"{np.mean(np.concatenate(directed[::2])):.0%}",
                f"{np.mean(np.concatenate(directed[1::2])):.0%}",
            ]
        )
    noises = [part.estimate.value for part in parts[: len(good)]]
    everyone = [each for group in good.values() for each in group]
    formed = np.mean([each.score("second", "verdict") == "structured" for each in everyone])
    measured = (
        f"The second layer's noise score is {min(noises):.2f} to {max(noises):.2f}, by data set. "
        f"It is measurably not random in {formed:.0%} of the accurate networks."
    )
    header = ("data", "noise, first", "noise, second", "directed, first", "directed, second")
    names = list(good)
    series = [
        series_of(layer, [(i, _layer_noise(good[d], layer)) for i, d in enumerate(names)])
        for layer in ("first", "second")
    ]
    chart = Chart("points", "", "noise score of accurate networks", series, names)
    return Result(parts, measured, chart, [table(header, rows)])


def _layer_noise(group: Sequence[Trained], layer: str) -> Estimate:
    return mean([noise_of(g, layer) for g in grouped(group, lambda t: t.window).values()])


def _directed(each: Trained, layer: str) -> float:
    """Returns the share of filters with one direction, by coherence above 99 % of noise."""
    filters = each.filters[layer]["end"]
    living = np.array(filters["dead"]) == 0
    coherence = np.array(filters["coherence"])[living]
    return float((coherence > _coherence_of_noise(*_window_and_channels(each, layer))).mean())


def _window_and_channels(each: Trained, layer: str) -> tuple[int, int]:
    shape = np.shape(each.kernels["end"][layer])
    return shape[0], shape[2]


@cache
def _coherence_of_noise(window: int, channels: int) -> float:
    """Returns the coherence that one random filter in a hundred exceeds."""
    random = np.random.default_rng(0).standard_normal((window, window, channels, _NULL_FILTERS))
    coherence = fw.score({"noise": random})["noise"].filters["coherence"]
    return float(np.quantile(coherence, _NULL_QUANTILE))
