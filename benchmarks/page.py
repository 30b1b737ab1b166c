"""`python -m benchmarks.page`: how long the page takes to show large records, and how it responds.

Two runs are recorded with made-up scores: one in the shape of ResNet50 over 100 epochs, with
weights, and one of 500 layers over 2,000 epochs. TensorBoard serves them, and Chromium, headless,
shows the page. Times are those of the browser; the longest pause is the longest task in which the
page could not respond (the browser tells those from 50 ms on). It needs Debian's chromium and
chromium-driver.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras_filterwatch as fw
from benchmarks.pages import write_part

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # for the browser and the server

from browser_pages import Page, chromium, wait_until
from made_up_run import MadeUpRun
from viewer import serving

TITLE = "# The page"
VIEWS = ("overview", "layer", "compare")
MOVES = 40
_OBSERVE = """
window.pauses = [];
new PerformanceObserver(list => {
    for (const task of list.getEntries()) window.pauses.push(task.duration);
}).observe({ type: "longtask", buffered: true });
const look = () => {
    const rows = document.querySelectorAll('[aria-label="Table of layers"] tbody tr');
    const map = document.querySelector('canvas[aria-label^="Heat map"]');
    if (map && rows.length) window.shownAt = performance.now();
    else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
# moves the slider as a hand does, and tells how long it takes until each step is drawn
_MOVE = """
const [count, done] = arguments;
const slider = document.querySelector("input[aria-label=Step]");
const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
const move = async () => {
    const times = [];
    window.pauses = [];
    for (let i = 0; i < count; i++) {
        const start = performance.now();
        slider.value = Math.round(i / (count - 1) * slider.max);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await frame();
        times.push(performance.now() - start);
    }
    await new Promise(resolve => setTimeout(resolve, 500));
    return [times, window.pauses];
};
move().then(done, error => done([[NaN], [NaN], String(error)]));
"""


@dataclass(frozen=True)
class Case:
    """A run to record: its layers, how many epochs, and whether it has weights."""

    title: str
    shapes: dict[str, tuple[int, ...]]
    epochs: int
    has_weights: bool

    def record(self, folder: Path) -> float:
        """Records the run; returns the size of its files in MB."""
        run = MadeUpRun(folder, self.shapes, self.has_weights)
        for step in range(self.epochs + 1):
            run.write(step)
        run.close()
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def resnet50() -> dict[str, tuple[int, ...]]:
    """Returns the layers of ResNet50 -> the shapes of their kernels.

    Example:
        >>> shapes = resnet50()
        >>> len(shapes), shapes["conv2_block1_0_conv"], shapes["predictions"]
        (54, (1, 1, 64, 256), (2048, 1000))
    """
    shapes: dict[str, tuple[int, ...]] = {"conv1_conv": (7, 7, 3, 64)}
    channels = 64
    for stage, (blocks, width) in enumerate([(3, 64), (4, 128), (6, 256), (3, 512)], 2):
        for block in range(1, blocks + 1):
            name = f"conv{stage}_block{block}"
            if block == 1:
                shapes[f"{name}_0_conv"] = (1, 1, channels, 4 * width)
            shapes[f"{name}_1_conv"] = (1, 1, channels, width)
            shapes[f"{name}_2_conv"] = (3, 3, width, width)
            shapes[f"{name}_3_conv"] = (1, 1, width, 4 * width)
            channels = 4 * width
    return {**shapes, "predictions": (channels, 1000)}


def deep(count: int) -> dict[str, tuple[int, ...]]:
    """Returns so many layers, in blocks of five."""
    return {f"block{i // 5 + 1}_conv{i % 5 + 1}": (3, 3, 64, 64) for i in range(count)}


CASES = {
    "resnet50": Case("ResNet50, 54 layers x 100 epochs", resnet50(), 100, True),
    "deep": Case("500 layers x 2,000 epochs", deep(500), 2000, False),
}


def measured(case: Case) -> Iterator[str]:
    """Records a run and yields a line for each thing that was measured."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        logs = Path(folder) / "logs"
        size = case.record(logs)
        yield f"| record | {size:.1f} MB |"
        start = time.perf_counter()
        run = fw.read(logs)
        yield f"| `fw.read` | {time.perf_counter() - start:.1f} s |"
        start = time.perf_counter()
        report = run.report(Path(folder) / "report.html")
        seconds = time.perf_counter() - start
        yield f"| report | {report.stat().st_size / 1e6:.2f} MB, written in {seconds:.1f} s |"
        del run
        with serving(logs) as address, chromium(profile) as browser:
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _OBSERVE})
            tab = f"{address}data/plugin/filterwatch/page"
            yield from _loading(browser, "page", tab)
            yield from _loading(browser, "page, opened again", tab)
            for view in VIEWS:
                yield _moving(browser, "page", tab, view)
            yield from _loading(browser, "report", report.as_uri())
            yield _moving(browser, "report", report.as_uri(), "overview")


def _loading(browser: Any, name: str, address: str) -> Iterator[str]:
    start = time.perf_counter()
    page = Page(browser, address)
    page.open()
    wait_until(browser, lambda: _value(browser, "window.shownAt"), "heat map", seconds=300)
    first = _value(browser, "performance.getEntriesByName('first-contentful-paint')[0].startTime")
    shown = _value(browser, "window.shownAt")
    yield f"| {name}: first paint; heat map and table | {first:.0f} ms; {shown:.0f} ms |"
    reading = "document.querySelector('.head').innerText.includes('Reading the record')"
    wait_until(browser, lambda: not _value(browser, reading), "the record is read", seconds=600)
    yield f"| {name}: whole record | {time.perf_counter() - start:.1f} s |"
    time.sleep(1)
    yield f"| {name}: longest pause while it loads | {_longest(_value(browser, 'window.pauses'))} |"


def _moving(browser: Any, name: str, address: str, view: str) -> str:
    Page(browser, address).open(view=view)
    time.sleep(2)
    browser.set_script_timeout(120)
    times, pauses, *error = browser.execute_async_script(_MOVE, MOVES)
    if error:
        raise RuntimeError(f"the slider could not be moved: {error[0]}")
    median = sorted(times)[len(times) // 2]
    return (
        f"| {name}: a move of the slider, {view} | median {median:.0f} ms, most {max(times):.0f} "
        f"ms; longest pause {_longest(pauses)} |"
    )


def _value(browser: Any, expression: str) -> Any:
    return browser.execute_script(f"return {expression}")


def _longest(pauses: Sequence[float]) -> str:
    return f"{max(pauses):.0f} ms" if pauses else "below 50 ms"


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(CASES)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {names}; all without any")
    parser.add_argument("--out", type=Path, help="a page of results, of which this becomes a part")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no case is called {', '.join(unknown)}; there are {names}")
    lines = [TITLE, "", __doc__.split("\n", 2)[2].strip(), ""]
    for name in options.cases or CASES:
        case = CASES[name]
        lines += [f"## {case.title}", "", "| measured | |", "| --- | --- |"]
        print(*lines[-4:], sep="\n")
        for line in measured(case):
            print(line, flush=True)
            lines.append(line)
        lines.append("")
    if options.out:
        write_part(options.out, "\n".join(lines))


if __name__ == "__main__":
    main()
