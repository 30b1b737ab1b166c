"""Records in, the benchmark's tables out, as markdown."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.faults import baselines, ours, records

OURS = "keras_filterwatch"
TOOLS = (OURS, *baselines.TOOLS)


@dataclass(frozen=True)
class Judged:
    """What one tool said about one training.

    Attributes:
        alarmed: whether it raised an alarm.
        named: what it called the fault.
        right: whether that is the true cause.
        first_right: how far the training was at its first right alarm, 0 to 1.
    """

    alarmed: bool
    named: str
    right: bool
    first_right: float | None


@dataclass(frozen=True)
class Trained:
    """One training: its record without the histories, and what each tool said."""

    record: dict[str, Any]
    by_tool: dict[str, Judged]

    @property
    def faulty(self) -> bool:
        """Whether something was done to it."""
        return self.record["cause"] is not None


def report(results: Path, half: str) -> str:
    """The tables over all records in a folder, of one half of the trainings or of `all`."""
    read = (records.read(path) for path in sorted(results.glob("*.json.gz")))
    trained = [_judged(record) for record in read if half in ("all", record["half"])]
    clear = [each for each in trained if not each.record["borderline"]]
    if not trained:
        return f"No records of the half {half!r} in {results}.\n"
    parts = [
        "# Faults: who raises an alarm, and names the cause?",
        _preface(trained, clear, half),
        "## All tools, all trainings",
        _summary(trained),
        "## The same without borderline trainings",
        _summary(clear),
        f"## What {OURS} says, case by case",
        _by_case(trained),
        "## The named causes",
        _confusion(trained),
        "## How many trainings of each case each tool alarms about",
        _alarmed_by_case(trained),
        "## What became of the trainings",
        _outcomes(trained),
    ]
    return "\n\n".join(parts) + "\n"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    share, spread = hits / of, z * math.sqrt(hits * (of - hits) / of + z**2 / 4)
    middle = share + z**2 / (2 * of)
    return (middle - spread / of) / (1 + z**2 / of), (middle + spread / of) / (1 + z**2 / of)


def _judged(record: dict[str, Any]) -> Trained:
    by_tool = {OURS: _ours(record)}
    by_tool |= {tool: _theirs(tool, record) for tool in baselines.TOOLS}
    kept = {key: value for key, value in record.items() if key not in ("history", "measures")}
    return Trained(kept, by_tool)


def _ours(record: dict[str, Any]) -> Judged:
    verdict = ours.judge(records.history_from_json(record["history"]), record["cause"])
    early = None if verdict.first_right is None else verdict.first_right / record["epochs"]
    right = verdict.cause == record["cause"]
    return Judged(bool(verdict.alarms), verdict.cause, right, early)


def _theirs(tool: str, record: dict[str, Any]) -> Judged:
    alarm = baselines.first_alarm(tool, record)
    if alarm is None:
        return Judged(False, "", False, None)
    epoch, symptoms = alarm
    right = any(record["cause"] in baselines.CAUSES[symptom] for symptom in symptoms)
    early = epoch / record["epochs"] if right else None
    return Judged(True, ", ".join(sorted(symptoms)), right, early)


def _preface(trained: Sequence[Trained], clear: Sequence[Trained], half: str) -> str:
    faulty = sum(each.faulty for each in trained)
    seconds = median(each.record["seconds"] for each in trained)
    return (
        f"{len(trained)} trainings ({faulty} with a fault, {len(trained) - faulty} healthy) of the "
        f"half `{half}`; {len(trained) - len(clear)} are borderline: their outcome contradicts "
        f"their label (`cases.py`). {seconds:.1f} s each on one core (median). Intervals: 95 %, "
        "Wilson. Thresholds were chosen on the half `tuning` (digits and photographs, seeds 0 and "
        "1); `unseen` is all of MNIST and seed 2 of the others. The kinds of faults are the same "
        "in both, their parameters are drawn anew. The other tools' rules are written from their "
        "published definitions (`baselines.py`); of theirs, any symptom that fits counts as the "
        "right cause. `python -m benchmarks.faults train`, then `report --out "
        "benchmarks/RESULTS.md`, writes this part."
    )


def _summary(trained: Sequence[Trained]) -> str:
    faulty = [each for each in trained if each.faulty]
    healthy = [each for each in trained if not each.faulty]
    rows = []
    for tool in TOOLS:
        alarmed = [each.by_tool[tool] for each in faulty if each.by_tool[tool].alarmed]
        rows.append(
            [
                tool,
                _share(alarmed, faulty),
                _share([each for each in healthy if each.by_tool[tool].alarmed], healthy),
                _share([judged for judged in alarmed if judged.right], alarmed),
                _median(judged.first_right for judged in alarmed),
            ]
        )
    return _table(
        [
            "tool",
            "faulty, alarmed",
            "healthy, alarmed",
            "cause right, of alarmed",
            "first right alarm, share of epochs (median)",
        ],
        rows,
    )


def _by_case(trained: Sequence[Trained]) -> str:
    rows = []
    for case, group in _cases(trained):
        judged = [each.by_tool[OURS] for each in group]
        alarmed = [each for each in judged if each.alarmed]
        faulty = group[0].faulty
        rows.append(
            [
                case,
                group[0].record["cause"] or "healthy",
                _share(alarmed, group),
                _share([each for each in alarmed if each.right], alarmed) if faulty else "",
                _median(each.first_right for each in alarmed) if faulty else "",
            ]
        )
    return _table(["case", "cause", "alarmed", "cause right", "first right alarm"], rows)


def _confusion(trained: Sequence[Trained]) -> str:
    """True causes down, named ones across; a training without an alarm is `no alarm`."""

    def named(each: Trained) -> str:
        judged = each.by_tool[OURS]
        return judged.named if judged.alarmed else "no alarm"

    counts = Counter((each.record["cause"] or "healthy", named(each)) for each in trained)
    down = dict.fromkeys(
        each.record["cause"] or "healthy" for _, g in _cases(trained) for each in g
    )
    across = [cause for cause in down if cause != "healthy"]
    across += sorted({name for _, name in counts} - set(across))
    rows = [[true, *(str(counts[true, name] or "") for name in across)] for true in down]
    return _table(["true \\ named", *across], rows)


def _alarmed_by_case(trained: Sequence[Trained]) -> str:
    rows = [
        [
            case,
            str(len(group)),
            *(str(sum(e.by_tool[tool].alarmed for e in group)) for tool in TOOLS),
        ]
        for case, group in _cases(trained)
    ]
    return _table(["case", "trainings", *TOOLS], rows)


def _outcomes(trained: Sequence[Trained]) -> str:
    def accuracy(group: Sequence[Trained], name: str) -> str:
        return f"{median(each.record['outcome'][name] for each in group):.2f}"

    rows = [
        [
            case,
            data,
            accuracy(group, "accuracy"),
            accuracy(group, "val_accuracy"),
            f"{sum(each.record['borderline'] for each in group)} of {len(group)}",
        ]
        for case, of_case in _cases(trained)
        for data, group in _grouped(of_case, lambda each: each.record["data"])
    ]
    header = ["case", "data", "accuracy (median)", "validation accuracy (median)", "borderline"]
    return _table(header, rows)


def _cases(trained: Sequence[Trained]) -> list[tuple[str, list[Trained]]]:
    """Faults first."""
    groups = _grouped(trained, lambda each: each.record["case"])
    return sorted(groups, key=lambda group: (not group[1][0].faulty, group[0]))


def _grouped(
    trained: Sequence[Trained], key: Callable[[Trained], str]
) -> list[tuple[str, list[Trained]]]:
    groups: dict[str, list[Trained]] = {}
    for each in trained:
        groups.setdefault(key(each), []).append(each)
    return sorted(groups.items())


def _share(hits: Sequence[Any], of: Sequence[Any]) -> str:
    if not of:
        return "none"
    low, high = wilson(len(hits), len(of))
    return f"{len(hits)}/{len(of)} = {len(hits) / len(of):.1%} ({low:.1%} to {high:.1%})"


def _median(shares: Iterable[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{median(known):.0%}" if known else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
