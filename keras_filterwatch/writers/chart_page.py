"""The Custom Scalars page of TensorBoard: one chart for each score, with all layers or the worst.

A chart of more than a dozen curves cannot be read. Larger networks get two charts for each score:
how it is spread over all layers, and the layers where it is worst.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.scores import Scores
from keras_filterwatch.text import printable
from keras_filterwatch.writers.curves import layer_tags
from keras_filterwatch.writers.summaries import Chart, ChartPage

Curves = Mapping[str, Mapping[str, float]]  # score -> tag of a layer's curve -> last number

MOST_LAYERS = 12  # of a network whose layers all fit into one chart
_CURVES_AT_WORST = 6

_CHARTS = {  # category -> score -> title of its chart
    "Filters": {
        "noise": "noise score",
        "dead": "dead share",
        "update": "update ratio",
        "rotation": "rotation from the start",
    },
    "Units": {
        "apoz": "zeros in the outputs",
        "dead_units": "dead units",
        "saturated_units": "saturated units",
    },
}
_HIGH_IS_WORSE = ("noise", "dead", "apoz", "dead_units", "saturated_units")
_QUANTILES = {  # end of a tag -> share of the layers that are lower; sorted as they are drawn
    "0_highest": 1.0,
    "1_upper_quartile": 0.75,
    "2_median": 0.5,
    "3_lower_quartile": 0.25,
    "4_lowest": 0.0,
}


def curves_by_score(points: Mapping[str, float], scores: Scores) -> dict[str, dict[str, float]]:
    """Returns score -> tag -> number of those points that belong to layers.

    Args:
        points: what `curves.curves` returns.
        scores: of the same step.

    Example:
        >>> from keras_filterwatch.scores import LayerScores
        >>> layer = LayerScores("Dense", (2, 2), "undetermined", {"norm": 0.5, "dead": 0.0}, {})
        >>> points = {"filter_noise": 0.9, "norm/00_head": 0.5}
        >>> curves_by_score(points, Scores(0, 0, {"head": layer}))
        {'norm': {'norm/00_head': 0.5}}
    """
    curves: dict[str, dict[str, float]] = {}
    for layer, ending in layer_tags(scores).items():
        for score in scores[layer]:
            tag = f"{printable(score)}/{ending}"
            if tag in points:
                curves.setdefault(score, {})[tag] = points[tag]
    return curves


def curves_over_layers(curves: Curves) -> dict[str, float]:
    """Returns how each score that has a chart is spread over the layers, as points of curves.

    Tags are `<score>_over_layers/0_highest`, `1_upper_quartile`, `2_median`, `3_lower_quartile`
    and `4_lowest`.

    Example:
        >>> curves_over_layers({"noise": {"noise/00_a": 0.2, "noise/01_b": 1.0}})
        {'noise_over_layers/0_highest': 1.0, 'noise_over_layers/1_upper_quartile': 0.8, \
'noise_over_layers/2_median': 0.6, 'noise_over_layers/3_lower_quartile': 0.4, \
'noise_over_layers/4_lowest': 0.2}
    """
    return {
        f"{printable(score)}_over_layers/{ending}": float(np.quantile([*curves[score].values()], q))
        for titles in _titles(curves).values()
        for score in titles
        for ending, q in _QUANTILES.items()
    }


def chart_page(curves: Curves, is_large: bool) -> ChartPage:
    """Returns the page.

    Args:
        curves: score -> tag -> number at the last step.
        is_large: True for a network of more than `MOST_LAYERS` layers: each score gets a chart of
            its spread over all layers and one of the layers where it is worst at the last step.

    Example:
        >>> curves = {"noise": {"noise/00_a": 0.2, "noise/01_b": 1.0}}
        >>> [(chart.title, chart.tags) for chart in chart_page(curves, is_large=False).charts]
        [('noise score', '^noise/'), ('alarms that hold', '^alarm_count$')]
    """
    charts = [
        chart
        for category, titles in _titles(curves).items()
        for score, title in titles.items()
        for chart in _charts(category, title, score, curves[score], is_large)
    ]
    return ChartPage([*charts, Chart("Alarms", "alarms that hold", "^alarm_count$")])


def _titles(scores: Iterable[str]) -> dict[str, dict[str, str]]:
    """Returns category -> score -> title for those of the scores that have a chart."""
    scores = set(scores)
    own = {score: printable(score) for score in sorted(scores - set(DESCRIPTIONS))}
    titles = {**_CHARTS, "Metrics of your own": own}
    return {
        category: {score: title for score, title in each.items() if score in scores}
        for category, each in titles.items()
    }


def _charts(
    category: str, title: str, score: str, numbers: Mapping[str, float], is_large: bool
) -> list[Chart]:
    name = re.escape(printable(score))
    if not is_large:
        return [Chart(category, title, f"^{name}/")]
    highest = sorted(numbers, key=lambda tag: -numbers[tag])  # equal ones in the model's order
    if score in _HIGH_IS_WORSE:
        worst, which = highest[:_CURVES_AT_WORST], "highest"
    else:  # too little is as bad as too much
        half = _CURVES_AT_WORST // 2
        worst, which = list(dict.fromkeys([*highest[:half], *highest[-half:]])), "extreme"
    tags = "|".join(re.escape(tag) for tag in sorted(worst))
    return [
        Chart(category, f"{title}, over all layers", f"^{name}_over_layers/"),
        Chart(category, f"{title}, the {which} layers", f"^({tags})$"),
    ]
