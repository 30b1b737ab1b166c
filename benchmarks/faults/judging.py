"""Applies every tool's rules to records: what each tool says about each training."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.faults import baselines, ours, records
from benchmarks.faults.labels import LABELS, Outcome, borderline

WITH_PROBE, WITHOUT_PROBE = "keras_filterwatch, with probe", "keras_filterwatch, without"
OURS = (WITH_PROBE, WITHOUT_PROBE)
TOOLS = (*OURS, *baselines.TOOLS)


@dataclass(frozen=True)
class Judged:
    """What one tool said about one training.

    Attributes:
        alarmed: whether it raised an alarm.
        named: the cause that it named, or the symptoms of other tools; `""` without an alarm.
        is_right: whether the cause is right.
        first_right: the share of the epochs, 0 to 1, at its first right alarm; None if there was
            none.
        rules: names of the rules that raised alarms.
    """

    alarmed: bool
    named: str = ""
    is_right: bool = False
    first_right: float | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trained:
    """One training: its record without the long parts, and what each tool said.

    Attributes:
        record: the record without history, measures, logs and facts.
        outcome: how well the model did afterwards.
        is_borderline: whether the outcome contradicts the label.
        by_tool: tool -> what it said.
    """

    record: dict[str, Any]
    outcome: Outcome
    is_borderline: bool
    by_tool: dict[str, Judged]

    @property
    def name(self) -> str:
        """The training's name."""
        return str(self.record["name"])

    @property
    def family(self) -> str:
        """The family of its program."""
        return str(self.record["family"])

    @property
    def fault(self) -> str:
        """The name of its fault, `"healthy"` for none."""
        return self.record["fault"] or "healthy"

    @property
    def is_faulty(self) -> bool:
        """Whether it has a fault."""
        return self.record["fault"] is not None

    @property
    def expected(self) -> str:
        """The cause that a diagnosis should name first of all; `"healthy"` for none."""
        return LABELS[self.fault].causes[0] if self.is_faulty else "healthy"


def judge_all(folder: Path) -> list[Trained]:
    """Judges all records in a folder, on all cores, in the order of their names."""
    paths = sorted(folder.glob("*.json.gz"))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(judge_record, paths, chunksize=4))


def judge_record(path: Path) -> Trained:
    """Judges one record, with labels and rules as they are now."""
    record = records.read(path)
    fault = record["fault"]
    label = LABELS[fault] if fault else None
    history = records.history(record)
    by_tool = {}
    for tool in OURS:
        causes = label.right(tool == WITH_PROBE) if label else ()
        observed = history if tool == WITH_PROBE else records.without_probe(history)
        by_tool[tool] = _ours(record, ours.judge(observed, causes), causes)
    causes = label.right(probed=False) if label else ()
    by_tool |= {tool: _theirs(tool, record, causes) for tool in baselines.TOOLS}
    long = ("history", "measures", "logs", "facts")
    kept = {key: value for key, value in record.items() if key not in long}
    kept["has_measures"] = any(record["measures"])
    kept["has_accuracy"] = bool(baselines.accuracy_names(record))
    outcome = Outcome(**record["outcome"])
    return Trained(kept, outcome, borderline(fault, outcome), by_tool)


def _ours(record: dict[str, Any], verdict: ours.Verdict, right: Sequence[str]) -> Judged:
    if not verdict.alarms:
        return Judged(False)
    early = None if verdict.first_right is None else verdict.first_right / record["epochs"]
    rules = tuple(dict.fromkeys(alarm.rule for alarm in verdict.alarms))
    return Judged(True, verdict.cause, verdict.cause in right, early, rules)


def _theirs(tool: str, record: dict[str, Any], causes: Sequence[str]) -> Judged:
    alarm = baselines.first_alarm(tool, record)
    if alarm is None:
        return Judged(False)
    epoch, symptoms = alarm
    is_right = baselines.is_right(symptoms, causes)
    early = epoch / record["epochs"] if is_right else None
    named = tuple(sorted(symptoms))
    return Judged(True, ", ".join(named), is_right, early, named)
