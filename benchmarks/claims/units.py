"""The claims about what units do: dead ones, sparse maps, saturation, and units behind classes."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from benchmarks.claims.effects import Estimate, mean, mean_auc, share, spearman
from benchmarks.claims.reading import Records, Trained, grouped
from benchmarks.claims.result import Chart, Part, Result, Series, series_of, table

_LAYERS = ("first", "second", "hidden")
_MORE = 0.1  # of a share: ten points
_TOO_HIGH = 9  # times the best rate and more
_SPARSER, _MORE_LOCAL = 0.05, -0.05  # changes of a share of zeros, and of a spread
_WELL, _BADLY = 0.9, 0.5  # area under the curve that tells; half of the variance, or of cases
_FILLED = 0.3  # coverage of a bunch of two values, and a little more


def dead_at_high_rates(records: Records) -> Result:
    """Measures the share of dead units by learning rate, optimizer and BatchNormalization.

    Networks that diverged have no dead units to count: they are left out, and counted.
    """
    cells = grouped(records.of("rates"), lambda t: (t.optimizer, t.batchnorm))
    parts, signs, rows, series = [], [], [], []
    for (optimizer, batchnorm), group in cells.items():
        label = f"{optimizer}{' with BatchNormalization' if batchnorm else ''}"
        finite = [t for t in group if t.is_finite]
        changes, pairs = [], []
        for runs in grouped(finite, lambda t: t.data).values():
            by_rate = grouped(runs, lambda t: t.rate)
            best = max(by_rate, key=lambda rate: np.mean([t.accuracy for t in by_rate[rate]]))
            at_best = np.mean([_dead_units(t) for t in by_rate[best]])
            changes.append([_dead_units(t) - at_best for t in runs if t.rate > _TOO_HIGH * best])
            ruined = [_dead_units(t) for t in runs if t.rate > best and not t.is_good]
            pairs.append((ruined, [_dead_units(t) for t in runs if t.is_good]))
        change = mean([cell for cell in changes if cell])
        parts.append(Part(f"{label}: dead units, rate too high minus best", change, _MORE))
        sign = mean_auc([pair for pair in pairs if all(pair)])
        signs.append(Part(f"{label}: dead units tell a rate too high (AUC)", sign, _WELL))
        by_rate = grouped(finite, lambda t: t.rate)
        points = [(rate, mean([[_dead_units(t) for t in runs]])) for rate, runs in by_rate.items()]
        series.append(series_of(label, points))
        for rate, runs in grouped(group, lambda t: t.rate).items():
            living = by_rate.get(rate, [])
            rows.append(
                [
                    *(label, f"{rate:g}", f"{np.mean([t.accuracy for t in runs]):.0%}"),
                    _percent([_dead_units(t) for t in living]),
                    _percent([_dead_weights(t) for t in living]),
                    f"{len(runs) - len(living)} of {len(runs)}",
                ]
            )
    high = [part.estimate.value for part in parts] or [np.nan]
    tells = [part.estimate.value for part in signs] or [np.nan]
    measured = (
        f"At rates ten times the best and more, {100 * min(high):.0f} to {100 * max(high):.0f} "
        "points more of the units are dead (by optimizer, with and without BatchNormalization). A "
        "network that a high rate harmed has more dead units than a good one in "
        f"{min(tells):.0%} of the pairs (the least of the four)."
    )
    header = ("optimizer", "rate", "accuracy", "dead by output", "dead by weight", "diverged")
    chart = Chart("lines", "learning rate", "share of dead units", series, log_x=True)
    return Result([*parts, *signs], measured, chart, [table(header, rows)])


def sparser_maps(records: Records) -> Result:
    """Measures how sparse and how local the maps are, epoch by epoch."""
    group = [t for t in records.of("windows") if t.is_good]
    parts, rows, series = [], [], []
    cells = grouped(group, lambda t: t.data)
    for layer, (field, what, bound) in product(
        ("first", "second"),
        (("zeros", "share of zeros", _SPARSER), ("spread", "spread", _MORE_LOCAL)),
    ):
        by_epoch = [
            [[_map(t, layer, field, epoch) for t in g] for g in cells.values()]
            for epoch in range(len(group[0].maps) if group else 0)
        ]
        changes = [
            np.subtract(after, before)
            for after, before in zip(by_epoch[-1], by_epoch[0], strict=True)
        ]
        name = f"{layer} layer: change of the {what}"
        parts.append(Part(name, mean(changes), bound, at_least=bound > 0))
        series.append(series_of(f"{layer}, {what}", enumerate(map(mean, by_epoch))))
    for data, g in cells.items():
        for layer in ("first", "second"):
            numbers = [
                f"{np.mean([_map(t, layer, field, e) for t in g]):.2f}"
                for field in ("zeros", "area", "spread")
                for e in (0, 1, -1)
            ]
            rows.append([data, layer, *numbers])
    zeros, spread = parts[0].estimate, parts[1].estimate
    more_zeros, more_spread = parts[2].estimate, parts[3].estimate
    measured = (
        f"From before training to its end, zeros change by {_points(zeros.value)} points in the "
        f"first and {_points(more_zeros.value)} in the second layer, the spread of a map by "
        f"{spread.value:+.2f} and {more_spread.value:+.2f}."
    )
    header = (
        *("data", "layer"),
        *(
            f"{field}, {when}"
            for field in ("zeros", "area", "spread")
            for when in ("0", "1", "end")
        ),
    )
    chart = Chart("lines", "epochs", "share of zeros; spread", series)
    return Result(parts, measured, chart, [table(header, rows)])


def saturation_in_weights(records: Records) -> Result:
    """Measures whether the weights of layers with saturated units look different."""
    runs = [t for t in records.of("saturation") if np.isfinite(_coverage_change(t, "first"))]
    parts, rows, series = [], [], []
    for layer in ("first", "hidden"):
        saturated = [t for t in runs if t.score(layer, "saturated_units") >= 0.5]
        free = [t for t in runs if t.score(layer, "saturated_units") < 0.5]
        losses = [[-_coverage_change(t, layer) for t in g] for g in (saturated, free)]
        two_values = sum(t.score(layer, "coverage") <= _FILLED for t in saturated)
        parts += [
            Part(f"{layer} layer: less coverage when saturated (AUC)", mean_auc([losses]), _WELL),
            Part(
                f"{layer} layer: saturated, and weights of about two values",
                share(two_values, len(saturated)),
                _BADLY,
            ),
        ]
        for name, g in (("saturated", saturated), ("not", free)):
            if g:
                coverage = [t.score(layer, "coverage") for t in g]
                rows.append(
                    [
                        *(layer, name, len(g)),
                        f"{np.nanmean([t.score(layer, 'coverage', 0) for t in g]):.2f}",
                        f"{np.nanmean(coverage):.2f}",
                        f"{sum(c <= _FILLED for c in coverage)} of {len(g)}",
                        f"{np.nanmean([t.score(layer, 'rail') for t in g]):.1%}",
                        f"{np.mean([t.accuracy for t in g]):.0%}",
                    ]
                )
        points = [(t.score(layer, "saturated_units"), _coverage_change(t, layer)) for t in runs]
        x, y = map(list, zip(*points, strict=True)) if points else ([], [])
        series.append(Series(layer, x, y))
    both = [
        spearman(
            [t.score(layer, "saturated_units") for t in runs],
            [_coverage_change(t, layer) for t in runs],
        )
        for layer in ("first", "hidden")
    ]
    measured = (
        f"Rank correlation of the share of saturated units with the change of the coverage: "
        f"{both[0]:+.2f} in the first and {both[1]:+.2f} in the hidden layer. Weights of about "
        f"two values (coverage at most {_FILLED}) were there in {parts[1].estimate.value:.0%} of "
        f"the saturated first layers and {parts[3].estimate.value:.0%} of the hidden ones."
    )
    header = (
        *("layer", "units", "trainings", "coverage before", "coverage after"),
        *(f"at most {_FILLED}", "weights at an end of their range", "accuracy"),
    )
    chart = Chart("points", "share of saturated units", "change of coverage", series)
    return Result(parts, measured, chart, [table(header, rows)])


def units_behind_classes(records: Records) -> Result:
    """Measures how much of a class's logit single units, a few, and linear paths explain."""
    kinds = {
        "784-100-10": records.of("dense", data="mnist", l2=0.0, dropout=0.0),
        "head of a convnet": [t for t in records.of("windows") if t.is_good],
    }
    kinds = {name: [t for t in group if t.explained] for name, group in kinds.items()}
    parts, rows, series = [], [], []
    for name, group in kinds.items():
        if not group:
            continue
        cells = list(grouped(group, lambda t: t.cell).values())
        strongest = _explained(cells, "strongest")
        more = mean([[_mean(t, "top") - _mean(t, "strongest") for t in g] for g in cells])
        most = mean([[_mean(t, "path") - _mean(t, "top") for t in g] for g in cells])
        parts += [
            Part(f"{name}: strongest unit explains (r2)", strongest, _BADLY, at_least=False),
            Part(f"{name}: top five minus strongest", more, _MORE),
            Part(f"{name}: whole path minus top five", most, _MORE),
        ]
        names = ("positive", "strongest", "best", "top", "path")
        estimates = [_explained(cells, field) for field in names]
        rows.append(
            [
                *(name, len(group), *(f"{e.value:.2f}" for e in estimates)),
                mean([[t.explained["agreement_top"] for t in g] for g in cells]),
                mean([[t.explained["agreement"] for t in g] for g in cells]),
            ]
        )
        series.append(series_of(name, enumerate(estimates)))
    agreement = [row[-1] for row in rows]
    measured = "; ".join(
        f"{row[0]}: the strongest unit explains {float(row[3]):.0%} of a class's variance over "
        f"real images, five {float(row[5]):.0%}, the path {float(row[6]):.0%}, and the path names "
        f"the network's class in {said.value:.0%} of cases"
        for row, said in zip(rows, agreement, strict=True)
    )
    header = (
        *("network", "trainings", "most positive", "strongest", "best single", "top five", "path"),
        *("top five name the class", "path names the class"),
    )
    ticks = ("most positive", "strongest", "best single", "top five", "path")
    chart = Chart("bars", "", "share of the logit's variance", series, ticks)
    return Result(parts, f"{measured}.", chart, [table(header, rows)])


def _dead_units(each: Trained) -> float:
    """Returns the share of units that no probe input excites, mean over the hidden layers."""
    return float(np.mean([each.score(layer, "dead_units") for layer in _LAYERS]))


def _dead_weights(each: Trained) -> float:
    return float(np.mean([each.score(layer, "dead") for layer in _LAYERS]))


def _points(share: float) -> str:
    return f"{100 * share:+.0f}"


def _percent(shares: Sequence[float]) -> str:
    return f"{np.mean(shares):.0%}" if shares else ""


def _map(each: Trained, layer: str, field: str, epoch: int = -1) -> float:
    return each.maps[epoch][layer][field]


def _coverage_change(each: Trained, layer: str) -> float:
    return each.score(layer, "coverage") - each.score(layer, "coverage", 0)


def _mean(each: Trained, field: str) -> float:
    return float(np.mean(each.explained[field]))


def _explained(cells: Sequence[Sequence[Trained]], field: str) -> Estimate:
    return mean([[_mean(t, field) for t in g] for g in cells])
