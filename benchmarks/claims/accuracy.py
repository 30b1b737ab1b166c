"""The claim that weights alone tell the accuracy: regressions over all trainings."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.effects import Estimate, r_squared, rank_correlation, ridge, spearman
from benchmarks.claims.reading import Records, Trained, grouped
from benchmarks.claims.result import Chart, Part, Result, Series, table

_WELL, _RANKS = 0.9, 0.5  # R2, and a correlation of ranks
_FOLDS, _LEAST = 10, 40  # trainings that a regression needs
_LAYERS = ("first", "second", "hidden")
# those that need neither inputs nor a history
_SCORES = (
    *("noise", "dc", "anisotropy", "norm", "dead", "coverage", "effective_rank", "stable_rank"),
    *("duplicates", "rotated", "inverted", "coherence", "variance_entropy_norm", "orthogonality"),
)
Regression = Callable[[NDArray, NDArray, NDArray], NDArray]


def accuracy_from_weights(records: Records) -> Result:
    """Measures how well the scores of the weights predict the validation accuracy."""
    runs = [t for t in records.trained if t.window and t.is_finite]
    by_data = grouped(runs, lambda t: t.data)
    by_data = {data: group for data, group in by_data.items() if len(group) >= _LEAST}
    parts, rows, series = [], [], []
    name, regression = _regressions()[-1]
    for data, group in by_data.items():
        accuracy = np.array([t.accuracy for t in group])
        folds = np.arange(len(group)) % _FOLDS
        np.random.default_rng(0).shuffle(folds)
        predicted = regression(_scores(group), accuracy, folds)
        estimate = r_squared(accuracy, predicted)
        parts.append(Part(f"{data}: R2 for networks of the same data set", estimate, _WELL))
        by_lot = np.array([t.random_labels for t in group])
        rows.append(
            [
                *(data, len(group), estimate),
                r_squared(accuracy, ridge(_scores(group), accuracy, folds)),
                r_squared(accuracy, regression(_statistics(group), accuracy, folds)),
                f"{spearman([t.score('first', 'noise') for t in group], accuracy):.2f}",
                *(_mean_of(predicted[by_lot]), _mean_of(accuracy[by_lot])),
            ]
        )
        series.append(Series(data, accuracy, predicted))
    everyone = [t for group in by_data.values() for t in group]
    across = _across(everyone, regression) if len(by_data) > 1 else {}
    for data, (error, ranks) in across.items():
        parts.append(Part(f"{data}: rank correlation, data set never seen", ranks, _RANKS))
        rows[list(by_data).index(data)] += [ranks, f"{error:.2f}"]
    within = [part.estimate.value for part in parts[: len(by_data)]]
    unseen = [ranks.value for _, ranks in across.values()]
    measured = (
        f"{name.capitalize()} on the scores of three layers: R2 {min(within):.2f} to "
        f"{max(within):.2f} among networks of one data set. On a data set that the regression "
        f"never saw, the rank correlation is {min(unseen):.2f} to {max(unseen):.2f}, and the "
        "accuracies themselves are far off."
        if within and unseen
        else "Too few trainings."
    )
    header = (
        *("data", "trainings", f"R2 ({name})", "R2 (ridge)", "R2 (mean, variance and quartiles)"),
        *("rank correlation of the noise alone", "random labels: predicted", "true"),
        *("rank correlation, unseen data set", "mean error, unseen data set"),
    )
    chart = Chart("points", "validation accuracy", "predicted from the weights", series)
    return Result(parts, measured, chart, [table(header, rows)])


def _regressions() -> list[tuple[str, Regression]]:
    """Returns the regressions to use, the last being the best; random forests if there are any."""
    regressions: list[tuple[str, Regression]] = [("ridge regression", ridge)]
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        return regressions

    def forest(features: NDArray, target: NDArray, groups: NDArray) -> NDArray:
        predicted = np.empty(len(target))
        for group in np.unique(groups):
            fitted = groups != group
            model = RandomForestRegressor(200, random_state=0).fit(features[fitted], target[fitted])
            predicted[~fitted] = model.predict(features[~fitted])
        return predicted

    return [*regressions, ("random forests", forest)]


def _across(
    everyone: Sequence[Trained], regression: Regression
) -> dict[str, tuple[float, Estimate]]:
    """Returns for each data set how a regression on the other ones does.

    These are its mean error, and the rank correlation of its predictions with the accuracies.
    """
    accuracy = np.array([t.accuracy for t in everyone])
    data = np.array([t.data for t in everyone])
    predicted = regression(_scores(everyone), accuracy, data)
    return {
        str(name): (
            float(np.abs(accuracy - predicted)[data == name].mean()),
            rank_correlation(accuracy[data == name], predicted[data == name]),
        )
        for name in np.unique(data)
    }


def _scores(group: Sequence[Trained]) -> NDArray:
    rows = [[t.score(layer, name) for layer in _LAYERS for name in _SCORES] for t in group]
    return _ranked(np.array(rows, float))


def _statistics(group: Sequence[Trained]) -> NDArray:
    rows = [
        [
            number
            for layer in _LAYERS
            for weight in ("kernel", "bias")
            for number in t.weights[f"{layer}_{weight}"]
        ]
        for t in group
    ]
    return _ranked(np.array(rows, float))


def _ranked(features: NDArray) -> NDArray:
    """Returns features as ranks from 0 to 1, so that none is extreme; the middle where missing."""
    columns = [column for column in features.T if np.isfinite(column).any()]
    ranked = []
    for column in columns:
        values = np.where(np.isfinite(column), column, np.nanmedian(column))
        _, inverse = np.unique(values, return_inverse=True)
        ranked.append(inverse / max(inverse.max(), 1))
    return np.array(ranked).T


def _mean_of(values: NDArray) -> str:
    return f"{values.mean():.0%}" if len(values) else ""
