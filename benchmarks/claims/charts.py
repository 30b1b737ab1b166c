"""Draws a chart with matplotlib, which only the page needs."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims.result import Chart

_WIDTH, _HEIGHT, _DPI = 6.4, 3.4, 110
_SIDE_BY_SIDE = 0.22  # of the distance of two ticks, between two series
_MANY_TICKS, _MANY_POINTS = 5, 40
_COLOURS = ("#3366aa", "#cc5522", "#338855", "#884499", "#888811", "#444444")


def save(chart: Chart, path: Path) -> None:
    """Writes a chart as a PNG file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(_WIDTH, _HEIGHT), dpi=_DPI, layout="constrained")
    for i in range(len(chart.series)):
        _draw_series(axes, chart, i)
    if chart.bound:
        level, name = chart.bound
        axes.axhline(level, color="black", linewidth=0.8, linestyle=":")
        axes.annotate(
            name,
            (1, level),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
        )
    if chart.log_x:
        axes.set_xscale("log")
    if chart.ticks is not None:
        many = len(chart.ticks) > _MANY_TICKS
        turned = {"rotation": 35, "ha": "right"} if many else {}
        axes.set_xticks(range(len(chart.ticks)), chart.ticks, fontsize=8, **turned)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if any(series.label for series in chart.series):
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def _draw_series(axes: Any, chart: Chart, i: int) -> None:
    series, colour = chart.series[i], _COLOURS[i % len(_COLOURS)]
    x, y = np.asarray(series.x, float), np.asarray(series.y, float)
    if chart.ticks is not None and chart.kind != "lines":
        x = x + _SIDE_BY_SIDE * (i - (len(chart.series) - 1) / 2)
    bounds = None
    if series.low is not None and series.high is not None:
        bounds = np.maximum([y - np.asarray(series.low), np.asarray(series.high) - y], 0)
    label = series.label or None
    if chart.kind == "bars":
        axes.bar(x, y, _SIDE_BY_SIDE, yerr=bounds, color=colour, label=label, capsize=2)
    elif chart.kind == "lines":
        axes.plot(x, y, "o-", color=colour, label=label, markersize=3)
        if bounds is not None:
            axes.fill_between(x, y - bounds[0], y + bounds[1], color=colour, alpha=0.15)
    elif bounds is not None:
        axes.errorbar(x, y, bounds, fmt="o", color=colour, label=label, markersize=4, capsize=2)
    else:
        size = 6 if len(x) > _MANY_POINTS else 14
        axes.scatter(x, y, size, color=colour, label=label, alpha=0.6)
