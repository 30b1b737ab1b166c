"""The claims about smooth and noisy filters: training, regularisation, overfitting."""

from collections.abc import Sequence

import numpy as np

from benchmarks.claims.effects import Estimate, mean, mean_auc, share, spearman
from benchmarks.claims.plan import RATE
from benchmarks.claims.reading import Records, Trained, grouped, noise_of
from benchmarks.claims.result import Chart, Part, Result, Series, series_of, table

SMOOTH, RANDOM = 0.5, 0.8  # noise scores: at most half of noise; hardly different from noise
_TELLS, _HINTS = 0.9, 0.7  # areas under the curve: tells two kinds apart; is a sign at all
_MATTERS = 0.1  # a difference in the noise score that the verdicts count as one
_NAMES = {"l2": "L2", "dropout": "dropout", "decay": "weight decay"}
_EQUAL = 0.02  # validation accuracies that differ by no more are called equal


def smooth_when_trained(records: Records) -> Result:
    """Measures how smooth the first layers of accurate networks are."""
    cells = grouped((t for t in records.of("windows") if t.is_good), lambda t: t.cell)
    parts, rows = [], []
    for (data, window), group in cells.items():
        estimate = mean([noise_of(group)])
        parts.append(Part(f"{data}, {window}x{window}", estimate, SMOOTH, at_least=False))
        scores = np.concatenate([_living_filters(each, "noise") for each in group])
        structured = sum(each.score("first", "verdict") == "structured" for each in group)
        rows.append(
            [
                *(data, f"{window}x{window}", len(group)),
                f"{np.mean([each.accuracy for each in group]):.1%}",
                f"{np.mean(noise_of(group, step=0)):.2f}",
                estimate,
                f"{np.mean(scores >= RANDOM):.0%}",
                f"{structured} of {len(group)}",
            ]
        )
    everyone = [each for group in cells.values() for each in group]
    rough = share(sum(noise >= RANDOM for noise in noise_of(everyone)), len(everyone))
    half = share(sum(noise > SMOOTH for noise in noise_of(everyone)), len(everyone))
    formed = share(
        sum(each.score("first", "verdict") == "structured" for each in everyone), len(everyone)
    )
    measured = (
        f"Of {len(everyone)} accurate networks, the first layer of {half.value:.0%} "
        f"({half.low:.0%} to {half.high:.0%}) is rougher than {SMOOTH}, and of {rough.value:.0%} "
        f"({rough.low:.0%} to {rough.high:.0%}) rougher than {RANDOM}: it looks random. Yet "
        f"{formed.value:.0%} are measurably not random (`structured`)."
    )
    header = (
        *("data", "window", "networks", "accuracy", "noise before", "noise after"),
        *(f"filters that look random (above {RANDOM})", "`structured`"),
    )
    series = [
        series_of(data, [(w, mean([noise_of(g)])) for (d, w), g in cells.items() if d == data])
        for data in dict.fromkeys(d for d, _ in cells)
    ]
    chart = Chart(
        *("lines", "window of the first layer", "noise score after training", series),
        bound=(1.0, "before training"),
    )
    return Result(parts, measured, chart, [table(header, rows)])


def noisy_when_undertrained(records: Records) -> Result:
    """Measures how well the noise score tells networks that were trained too little."""
    trained = [
        each for each in records.of("windows", "low", "rates") if each.rate <= RATE or each.is_good
    ]
    cells = {
        cell: ([t for t in group if t.is_poor], [t for t in group if t.is_good])
        for cell, group in grouped(trained, lambda t: t.cell).items()
    }
    cells = {cell: pair for cell, pair in cells.items() if all(pair)}
    parts, rows = [], []
    for window, pairs in grouped(cells.items(), lambda item: item[0][1]).items():
        estimate = mean_auc([(noise_of(poor), noise_of(good)) for _, (poor, good) in pairs])
        parts.append(Part(f"{window}x{window}", estimate, _TELLS))
    for (data, window), (poor, good) in cells.items():
        rows.append(
            [
                *(data, f"{window}x{window}"),
                f"{np.mean(noise_of(poor)):.2f} ({len(poor)})",
                f"{np.mean(noise_of(good)):.2f} ({len(good)})",
                mean_auc([(noise_of(poor), noise_of(good))]),
            ]
        )
    together = mean_auc([(noise_of(poor), noise_of(good)) for poor, good in cells.values()])
    all_poor, all_good = ([t for pair in cells.values() for t in pair[i]] for i in (0, 1))
    missed = share(sum(noise < RANDOM for noise in noise_of(all_poor)), len(all_poor))
    false = share(sum(noise >= RANDOM for noise in noise_of(all_good)), len(all_good))
    falls = np.mean([_fall(each) for each in records.of("windows")])
    ruined = noise_of(t for t in records.of("rates") if t.rate > RATE and t.is_poor)
    measured = (
        f"A network that was trained too little has the higher noise score in {together.value:.0%} "
        f"of the pairs of one of each (AUC {together}). A noise score above {RANDOM} misses "
        f"{missed.value:.0%} of those trained too little and is wrong for {false.value:.0%} of the "
        f"good ones. Rank correlation of noise and epoch: {falls:.2f}. Networks that fail because "
        f"the rate is too high are smooth, too: {_average(ruined):.2f} on average."
    )
    header = ("data", "window", "noise, trained too little", "noise, trained well", "AUC")
    curves = grouped(records.of("windows", window=5), lambda t: t.data)
    chart = Chart(
        *("lines", "epochs", "noise score, 5x5 windows"),
        [_curve(data, group) for data, group in curves.items()],
    )
    return Result(parts, measured, chart, [table(header, rows)])


def noisy_when_not_regularised(records: Records) -> Result:
    """Measures noise in networks that overfit, and with more and more regularisation."""
    healthy = grouped((t for t in records.of("windows", window=5) if t.is_good), lambda t: t.data)
    parts, by_heart = [], []
    for name, is_random in (("overfit to 200 images", False), ("random labels", True)):
        few = grouped(records.of("few", random_labels=is_random), lambda t: t.data)
        cells = [(noise_of(few[d]), noise_of(healthy[d])) for d in few if d in healthy]
        parts.append(Part(f"{name}: noisier than healthy (AUC)", mean_auc(cells), _HINTS))
        for data, group in few.items():
            by_heart.append(
                [
                    *(data, name, len(group)),
                    f"{np.mean([t.logs[-1]['accuracy'] for t in group]):.0%}",
                    f"{np.mean([t.accuracy for t in group]):.0%}",
                    f"{_average(noise_of(group, step=0)):.2f}",
                    f"{_average(noise_of(group)):.2f}",
                    f"{_average(noise_of(healthy.get(data, ()))):.2f}",
                ]
            )
    rows = []
    dense = records.of("dense", l2=0.0, dropout=0.0)
    convolutions = records.of("windows", window=5)
    for kind, study, layer, plain, field in (
        *(("convolution", "regularised", "first", convolutions, field) for field in _NAMES),
        *(("784-100-10", "dense", "hidden", dense, field) for field in ("l2", "dropout")),
    ):
        runs = [each for each in records.of(study) if getattr(each, field)]
        pairs = _strongest_at_equal_accuracy(runs, plain, field)
        cells = grouped(pairs, lambda pair: pair[0].data).values()
        changes = mean([[_change(*pair, layer) for pair in cell] for cell in cells])
        name = f"{kind}, {_NAMES[field]}: change of the noise at equal accuracy"
        parts.append(Part(name, changes, -_MATTERS, at_least=False))
        rows += _strength_rows(runs, plain, field, layer)
    accurate = [t for t in records.trained if t.window == 5 and t.is_good]
    gaps = {
        data: spearman([t.gap for t in group], noise_of(group))
        for data, group in grouped(accurate, lambda t: t.data).items()
    }
    measured = (
        f"Networks that learnt 200 images by heart are noisier than healthy ones in "
        f"{parts[0].estimate.value:.0%} of the pairs, those that learnt random labels in "
        f"{parts[1].estimate.value:.0%} (50 % would be chance). The strongest L2 that costs no "
        f"accuracy changes the noise of a convolution by {parts[2].estimate.value:+.2f}, dropout "
        f"by {parts[3].estimate.value:+.2f}, weight decay by {parts[4].estimate.value:+.2f}."
    )
    header = ("data", "layer", "regularised by", "accuracy", "without", "noise", "without", "pairs")
    gap_text = (
        "Rank correlation of the noise with the gap between training and validation accuracy, "
        "over all accurate networks with 5x5 windows: "
        + ", ".join(f"{data} {value:+.2f}" for data, value in gaps.items())
        + "."
    )
    by_heart_header = (
        *("data", "learnt by heart", "trainings", "accuracy, training", "validation"),
        *("noise before", "noise after", "noise of healthy networks"),
    )
    tables = [table(by_heart_header, by_heart), table(header, rows), gap_text]
    return Result(parts, measured, _strength_chart(records), tables)


def _living_filters(each: Trained, score: str) -> np.ndarray:
    """Returns a score of the first layer's filters that are not dead, after training."""
    filters = each.filters["first"]["end"]
    return np.array(filters[score])[np.array(filters["dead"]) == 0]


def _average(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _fall(each: Trained) -> float:
    noise = [step["first"].get("noise", np.nan) for step in each.steps]
    return spearman(range(len(noise)), noise)


def _curve(label: str, group: Sequence[Trained]) -> Series:
    """Returns the noise score by epoch, mean over trainings, with the interval of the mean."""
    epochs = range(len(group[0].steps))
    return series_of(label, [(e, mean([noise_of(group, step=e)])) for e in epochs])


def _strongest_at_equal_accuracy(
    runs: Sequence[Trained], plain: Sequence[Trained], field: str
) -> list[tuple[Trained, Trained]]:
    """Returns for each plain training the most regularised one that is as accurate."""
    pairs = []
    for base in plain:
        like = [
            each
            for each in runs
            if (each.data, each.seed) == (base.data, base.seed)
            and abs(each.accuracy - base.accuracy) <= _EQUAL
        ]
        if like:
            pairs.append((max(like, key=lambda t: getattr(t, field)), base))
    return pairs


def _change(each: Trained, base: Trained, layer: str) -> float:
    return each.score(layer, "noise") - base.score(layer, "noise")


def _strength_rows(
    runs: Sequence[Trained], plain: Sequence[Trained], field: str, layer: str
) -> list[list[object]]:
    rows = []
    for (data, strength), group in grouped(runs, lambda t: (t.data, getattr(t, field))).items():
        base = {each.seed: each for each in plain if each.data == data}
        pairs = [(each, base[each.seed]) for each in group if each.seed in base]
        if pairs:
            values = [
                np.mean(numbers)
                for numbers in (
                    [a.accuracy for a, _ in pairs],
                    [b.accuracy for _, b in pairs],
                    [a.score(layer, "noise") for a, _ in pairs],
                    [b.score(layer, "noise") for _, b in pairs],
                )
            ]
            texts = [f"{v:.1%}" for v in values[:2]] + [f"{v:.2f}" for v in values[2:]]
            rows.append([data, layer, f"{_NAMES[field]} {strength:g}", *texts, len(pairs)])
    return rows


def _strength_chart(records: Records) -> Chart:
    """Returns the noise of convolutions with each kind and strength of regularisation."""
    ticks = ["none"]
    groups: dict[str, list[tuple[float, Estimate]]] = {}
    for data, group in grouped(records.of("windows", window=5), lambda t: t.data).items():
        if records.of("regularised", data=data):
            groups[data] = [(0, mean([noise_of(group)]))]
    for field, name in _NAMES.items():
        runs = [each for each in records.of("regularised") if getattr(each, field)]
        for strength, alike in grouped(runs, lambda t, f=field: getattr(t, f)).items():
            for data, group in grouped(alike, lambda t: t.data).items():
                if data in groups:
                    groups[data].append((len(ticks), mean([noise_of(group)])))
            ticks.append(f"{name} {strength:g}")
    series = [series_of(data, points) for data, points in groups.items()]
    return Chart("points", "", "noise score, 5x5 windows", series, ticks)
