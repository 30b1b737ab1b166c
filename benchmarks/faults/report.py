"""Makes the benchmark's tables from records, as Markdown."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.faults.judging import OURS, TOOLS, Judged, Trained, judge_all

HALVES = ("development", "unseen")
_AIMS = ("at least 95 %", "at most 2 %", "at least 85 %", "by 30 %")


def report(
    results: Path, halves: Sequence[str], without: Collection[str] = (), list_unseen: bool = False
) -> str:
    """Returns the tables over the records of some halves.

    Args:
        results: the folder of the records, which has a folder for each half.
        halves: which of `HALVES`.
        without: families that are left out.
        list_unseen: True also names single trainings of the unseen half.
    """
    by_half = {
        half: [each for each in judge_all(results / half) if each.family not in without]
        for half in halves
    }
    by_half = {half: trained for half, trained in by_half.items() if trained}
    if not by_half:
        return f"No records of {', '.join(halves)} in {results}.\n"
    parts = ["# Faults: who raises an alarm, and names the cause?", _preface(by_half, without)]
    if len(by_half) > 1:
        parts += ["## Both halves, and the difference", _difference(by_half)]
    for half, trained in by_half.items():
        parts += _of_half(half, trained, half != "unseen" or list_unseen)
    return "\n\n".join(parts) + "\n"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    share, spread = hits / of, z * math.sqrt(hits * (of - hits) / of + z**2 / 4)
    middle = share + z**2 / (2 * of)
    return (middle - spread / of) / (1 + z**2 / of), (middle + spread / of) / (1 + z**2 / of)


def _preface(by_half: dict[str, list[Trained]], without: Collection[str]) -> str:
    trained = [each for half in by_half.values() for each in half]
    counts = "; ".join(
        f"`{half}` has {len({each.record['program'] for each in group})} programs and "
        f"{len(group)} trainings, {sum(each.is_faulty for each in group)} with a fault, of which "
        f"{sum(each.is_borderline for each in group)} are borderline"
        for half, group in by_half.items()
    )
    seconds = median(each.record["seconds"] for each in trained)
    left_out = f" Left out: the families {', '.join(sorted(without))}." if without else ""
    return (
        "Programs are split into two halves: rules were developed on one; the other was written "
        "in secret meanwhile, and judged once at the end. The rules were then mended by what it "
        "showed: its figures from before stand under *The unseen half, judged once*. "
        f"{counts}.{left_out} A training is borderline if its "
        "outcome contradicts its label (`labels.py`); those count only where a table says so. "
        f"{seconds:.1f} s each on one core (median). Intervals: 95 %, Wilson. An alarm is a "
        "warning or an error, ended or not; the cause is that named at the last step at which one "
        "held. The same trainings are judged with all scores, and without those that need "
        "`probe`. The other tools' rules are written from their published definitions "
        "(`baselines.py`); of theirs, any symptom that goes with a right cause counts as right. "
        "`python -m benchmarks.faults train --half HALF`, then `report --half both --out "
        "benchmarks/RESULTS.md`, writes this part."
    )


def _of_half(half: str, trained: Sequence[Trained], is_listed: bool) -> list[str]:
    clear = [each for each in trained if not each.is_borderline]
    parts = [
        f"## Half `{half}`: all tools, without borderline trainings",
        _summary(clear),
        f"## Half `{half}`: all trainings, borderline ones included",
        _summary(trained),
        _unmeasured(trained),
    ]
    for tool in OURS:
        parts += [f"## Half `{half}`: faults, {tool}", _groups(clear, tool, "fault")]
    for tool in OURS:
        parts += [f"## Half `{half}`: families, {tool}", _groups(clear, tool, "family")]
    for tool in OURS:
        parts += [f"## Half `{half}`: the named causes, {tool}", _confusion(clear, tool)]
    parts += [
        f"## Half `{half}`: how many trainings with each fault each tool alarms about",
        _alarmed_by_fault(clear),
        f"## Half `{half}`: what became of the trainings",
        _outcomes(trained),
    ]
    if is_listed:
        for tool in OURS:
            parts += [f"## Half `{half}`: every error of {tool}", _errors(clear, tool)]
        names = ", ".join(each.name for each in trained if each.is_borderline)
        parts += [f"## Half `{half}`: borderline trainings", names or "None."]
    return [part for part in parts if part]


def _figures(trained: Sequence[Trained], tool: str) -> tuple[tuple[int, int], ...]:
    """Returns hits and cases: faulty alarmed, healthy alarmed, cause right of alarmed."""
    faulty = [each.by_tool[tool] for each in trained if each.is_faulty]
    healthy = [each.by_tool[tool] for each in trained if not each.is_faulty]
    alarmed = [judged for judged in faulty if judged.alarmed]
    return (
        (len(alarmed), len(faulty)),
        (sum(judged.alarmed for judged in healthy), len(healthy)),
        (sum(judged.is_right for judged in alarmed), len(alarmed)),
    )


def _first_right(trained: Sequence[Trained], tool: str) -> float | None:
    """Returns the median share of a training at the first right alarm, of those that had one."""
    shares = [each.by_tool[tool].first_right for each in trained if each.is_faulty]
    known = [share for share in shares if share is not None]
    return median(known) if known else None


def _summary(trained: Sequence[Trained]) -> str:
    rows = [["aim", *_AIMS]]
    for tool in TOOLS:
        shares = [_share(*figure) for figure in _figures(trained, tool)]
        rows.append([tool, *shares, _percent(_first_right(trained, tool))])
    header = ["tool", "faulty, alarmed", "healthy, alarmed", "cause right, of alarmed"]
    return _table([*header, "first right alarm, share of the run (median)"], rows)


def _difference(by_half: dict[str, list[Trained]]) -> str:
    """Returns a row for each tool and half, and one of the differences in percentage points."""
    rows = []
    for tool in TOOLS:
        figures, firsts = [], []
        for half, trained in by_half.items():
            clear = [each for each in trained if not each.is_borderline]
            figures.append(_figures(clear, tool))
            firsts.append(_first_right(clear, tool))
            shares = [_share(*figure) for figure in figures[-1]]
            rows.append([tool, half, *shares, _percent(firsts[-1])])
        differences = [_points(*pair) for pair in zip(*figures, strict=True)]
        first = f"{100 * (firsts[1] - firsts[0]):+.0f}" if None not in firsts else ""
        rows.append([tool, "difference", *differences, first])
    header = ["tool", "half", "faulty, alarmed", "healthy, alarmed", "cause right, of alarmed"]
    return _table([*header, "first right alarm"], rows)


def _points(first: tuple[int, int], second: tuple[int, int]) -> str:
    """Returns a difference in percentage points with its 95 % interval (Newcombe 1998)."""
    if not first[1] or not second[1]:
        return ""
    (a, b), (low_a, high_a), (low_b, high_b) = (
        (first[0] / first[1], second[0] / second[1]),
        wilson(*first),
        wilson(*second),
    )
    low = b - a - math.hypot(b - low_b, high_a - a)
    high = b - a + math.hypot(high_b - b, a - low_a)
    return f"{100 * (b - a):+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def _groups(trained: Sequence[Trained], tool: str, by: str) -> str:
    """Returns a row for each fault, healthy ones last, or for each family."""
    rows = []
    for name, group in _grouped(trained, lambda each: str(getattr(each, by))):
        figures = [_share(*figure) if figure[1] else "" for figure in _figures(group, tool)]
        expected = [group[0].expected] if by == "fault" else []
        rows.append([name, *expected, *figures, _percent(_first_right(group, tool))])
    rows.sort(key=lambda row: row[0] == "healthy")
    header = [by, *(["cause"] if by == "fault" else []), "faulty, alarmed", "healthy, alarmed"]
    return _table([*header, "cause right, of alarmed", "first right alarm"], rows)


def _confusion(trained: Sequence[Trained], tool: str) -> str:
    """Returns a table of expected causes (rows) by named ones (columns), `no alarm` for none."""

    def named(each: Trained) -> str:
        judged = each.by_tool[tool]
        return judged.named if judged.alarmed else "no alarm"

    counts = Counter((each.expected, named(each)) for each in trained)
    down = [true for true, _ in _grouped(trained, lambda each: each.expected)]
    down.sort(key=lambda true: true == "healthy")
    across = sorted({name for _, name in counts}, key=lambda name: (name == "no alarm", name))
    rows = [[true, *(str(counts[true, name] or "") for name in across)] for true in down]
    return _table(["expected \\ named", *across], rows)


def _alarmed_by_fault(trained: Sequence[Trained]) -> str:
    rows = []
    for fault, group in _grouped(trained, lambda each: each.fault):
        alarmed = (sum(each.by_tool[tool].alarmed for each in group) for tool in TOOLS)
        rows.append([fault, str(len(group)), *map(str, alarmed)])
    rows.sort(key=lambda row: row[0] == "healthy")
    return _table(["fault", "trainings", *TOOLS], rows)


def _outcomes(trained: Sequence[Trained]) -> str:
    def middle(values: Iterable[float]) -> str:
        known = [value for value in values if not math.isnan(value)]
        return f"{median(known):.2f}" if known else "not finite"

    rows = [
        [
            fault,
            middle(each.outcome.train for each in group),
            middle(each.outcome.held_out for each in group),
            f"{sum(each.is_borderline for each in group)} of {len(group)}",
        ]
        for fault, group in _grouped(trained, lambda each: each.fault)
    ]
    rows.sort(key=lambda row: row[0] == "healthy")
    return (
        "Quality as a share of the way from guessing (0) to what healthy trainings reach (1), "
        "medians.\n\n"
        + _table(["fault", "on training items", "on held-out items", "borderline"], rows)
    )


def _unmeasured(trained: Sequence[Trained]) -> str:
    silent = sum(not each.record["has_measures"] for each in trained)
    without = sum(not each.record["has_accuracy"] for each in trained)
    return (
        f"The other tools could not be measured on {silent} of these trainings, and are silent "
        f"there; AutoTrainer needs an accuracy, which {without} do not log."
    )


def _errors(trained: Sequence[Trained], tool: str) -> str:
    """Returns every false alarm, every fault without an alarm and every wrong cause, by name."""
    rows = []
    for each in trained:
        judged = each.by_tool[tool]
        what = _error(each, judged)
        if what:
            outcome = f"{max(each.outcome.train, -9):.2f}, {max(each.outcome.held_out, -9):.2f}"
            rows.append([what, each.name, judged.named, ", ".join(judged.rules), outcome])
    rows.sort()
    return _table(["error", "training", "named", "rules", "reach: training, held out"], rows)


def _error(each: Trained, judged: Judged) -> str:
    if judged.alarmed and not each.is_faulty:
        return "false alarm"
    if each.is_faulty and not judged.alarmed:
        return "no alarm"
    return "wrong cause" if each.is_faulty and not judged.is_right else ""


def _grouped(
    trained: Sequence[Trained], key: Callable[[Trained], str]
) -> list[tuple[str, list[Trained]]]:
    groups: dict[str, list[Trained]] = {}
    for each in trained:
        groups.setdefault(key(each), []).append(each)
    return sorted(groups.items())


def _share(hits: int, of: int) -> str:
    if not of:
        return "none"
    low, high = wilson(hits, of)
    return f"{hits}/{of} = {hits / of:.1%} ({low:.1%} to {high:.1%})"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
