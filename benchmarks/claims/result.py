"""What a claim came to: its parts with intervals, the verdict that follows, a chart, tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from benchmarks.claims.effects import Estimate


@dataclass(frozen=True)
class Part:
    """One number that a claim predicts something about.

    Attributes:
        name: what is measured, and where.
        estimate: the number with its interval.
        bound: what it has to be beyond for the claim to hold here.
        at_least: True if it has to be at least `bound`, False if at most.
    """

    name: str
    estimate: Estimate
    bound: float
    at_least: bool = True

    @property
    def state(self) -> str:
        """`"yes"` or `"no"` if the whole interval is on one side of the bound, `"open"` if not.

        Example:
            >>> Part("noise falls", Estimate(0.5, 0.4, 0.6), 0.3).state
            'yes'
        """
        low, high = self.estimate.low, self.estimate.high
        if not self.at_least:
            low, high = -high, -low
        bound = self.bound if self.at_least else -self.bound
        if low >= bound:
            return "yes"
        return "no" if high < bound else "open"

    @property
    def row(self) -> list[str]:
        """The part as a row of a table."""
        needed = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        return [self.name, str(self.estimate), needed, self.state]


@dataclass(frozen=True)
class Series:
    """One line, set of points or set of bars of a chart; `low` and `high` are its intervals."""

    label: str
    x: ArrayLike
    y: ArrayLike
    low: ArrayLike | None = None
    high: ArrayLike | None = None


@dataclass(frozen=True)
class Chart:
    """A chart as plain numbers.

    Attributes:
        kind: `"lines"`, `"points"` or `"bars"`.
        x_label, y_label: of the axes.
        series: what is drawn.
        ticks: names of x = 0, 1, ...; None for numbers.
        log_x: whether x grows by factors.
        bound: a level to draw, with its name; None for none.
    """

    kind: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    ticks: Sequence[str] | None = None
    log_x: bool = False
    bound: tuple[float, str] | None = None


@dataclass(frozen=True)
class Result:
    """What one claim came to.

    Attributes:
        parts: what the verdict follows from.
        measured: one sentence with the main numbers.
        chart: one chart.
        tables: further tables, as Markdown.
    """

    parts: Sequence[Part]
    measured: str
    chart: Chart
    tables: Sequence[str] = field(default=())

    @property
    def verdict(self) -> str:
        """Returns what follows from the parts' states alone.

        `"holds"`: all parts do, `"does not hold"`: none does and one at least is refuted, `"holds
        partly"`: some do, `"cannot be told"`: all are open.
        """
        states = [part.state for part in self.parts]
        if states and all(state == "yes" for state in states):
            return "holds"
        if "yes" in states:
            return "holds partly"
        return "does not hold" if "no" in states else "cannot be told"


def series_of(label: str, points: Iterable[tuple[float, Estimate]]) -> Series:
    """Returns a series of estimates at places, with their intervals.

    Example:
        >>> series_of("noise", [(1, Estimate(0.5, 0.4, 0.6))]).low
        [0.4]
    """
    columns = [(x, *estimate) for x, estimate in points]
    return Series(label, *map(list, zip(*columns, strict=True)))


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
