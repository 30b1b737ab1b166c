"""A report: one HTML file that fetches nothing, holds what fits, and cannot be injected into."""

import base64
import gzip
import hashlib
import json
import math
import os
import pickle
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import recorded
from made_up_run import MadeUpRun
from trainings import data, fit, network

import keras_filterwatch as fw
from keras_filterwatch.record import RecordWriter
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.storage import folder_of
from keras_filterwatch.training.processes import Processes
from keras_filterwatch.view import bundle
from keras_filterwatch.view.documents import document
from keras_filterwatch.view.report import run_name
from keras_filterwatch.view.report_weights import steps_by_priority

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "' onload='alert(3)",
    "javascript:alert(4)",
    "a\u202eb\u2028c\u2029d",
    "]]><!--<script>",
    "&lt;b&gt;&amp;",
    "</title></style><svg onload=alert(5)>",
)


class Parsed(HTMLParser):
    """What a browser makes of a page: elements, attributes, scripts and the text of the rest."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.attributes = []
        self.scripts = []
        self.text = ""
        self._script = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag == "script":
            self._script = ""

    def handle_endtag(self, tag):
        if tag == "script":
            self.scripts.append(self._script)
            self._script = None

    def handle_data(self, text):
        if self._script is None:
            self.text += text
        else:
            self._script += text

    def of(self, tag, name):
        return [value for element, key, value in self.attributes if (element, key) == (tag, name)]


class ReportFile:
    """A report that was written, and the documents in it."""

    def __init__(self, path):
        self.html = path.read_text(encoding="utf-8")
        self.size = path.stat().st_size
        self.page = Parsed(self.html)
        self.content = json.loads(self.page.scripts[0])
        self.keys = set(self.content["documents"])

    def __getitem__(self, key):
        return json.loads(gzip.decompress(base64.b64decode(self.content["documents"][key])))

    def steps_of(self, kind):
        """The steps of which the file has documents of a kind, such as "kernel"."""
        return sorted({int(key.split("/")[-1]) for key in self.keys if key.startswith(f"{kind}/")})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A FilterWatch after three epochs."""
    watch = fw.FilterWatch(
        tmp_path_factory.mktemp("logs") / "run1", probe=data(), images=["filters", "activations"]
    )
    fit(network(), watch, epochs=3)
    return watch


@pytest.fixture(scope="module")
def run(trained):
    return fw.read(trained.log_dir)


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    return ReportFile(run.report(tmp_path_factory.mktemp("reports") / "report.html"))


def made_up(folder, layers=12, steps=30, shape=(3, 3, 16, 32)):
    """A recorded run of many equal layers."""
    run = MadeUpRun(folder, {f"conv{place}": shape for place in range(layers)})
    for step in range(steps):
        run.write(step)
    run.close()
    return fw.read(folder)


def test_a_report_returns_its_path(run, tmp_path):
    path = run.report(str(tmp_path / "report.html"))
    assert path == tmp_path / "report.html"
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]  # nothing temporary


def test_a_report_replaces_the_one_before(run, report, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("before", encoding="utf-8")
    assert run.report(path).read_text(encoding="utf-8") == report.html


def test_a_report_fetches_nothing(report):
    addresses = [
        value
        for _, name, value in report.page.attributes
        if name in ("src", "href", "srcset", "action", "data", "poster")
    ]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert not set(report.page.elements) & {"base", "form", "iframe", "object", "embed"}


def test_the_browser_is_told_to_fetch_nothing_and_to_run_this_script_only(report):
    (policy,) = (v for v in report.page.of("meta", "content") if "default-src" in v)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(report.page.scripts[1].encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_a_report_has_the_documents_of_the_run(run, report):
    for key in ("matrix/noise", "matrix/update", "filters/0/2", "kernel/1/3"):
        assert report[key] == document(run, key), key
    whole = document(run, "run")
    changed = {"name", "pictures", "leftOut", "version"}
    assert {key: value for key, value in report["run"].items() if key not in changed} == {
        key: value for key, value in whole.items() if key not in changed
    }


def test_a_report_has_what_the_page_makes_tables_and_strips_of(run, report):
    texts = report["texts"]
    assert texts["steps"] == texts["stripSteps"] == run.steps
    for step, verdicts, sentences in zip(
        texts["steps"], texts["verdicts"], texts["sentences"], strict=True
    ):
        table = document(run, f"table/{step}")
        assert (verdicts, sentences) == (table["verdicts"], table["sentences"])


READ = """
import { readFileSync } from "node:fs";
import { ReportSource } from "PAGE/report.js";

const { content, keys } = JSON.parse(readFileSync(0, "utf8"));
const source = new ReportSource(content);
const documents = await Promise.all(keys.map((key) => source.get("run1", key, "")));
console.log(JSON.stringify(documents));
"""


def read_by_the_page(report, keys):
    """key -> the document that the page makes of what the file holds."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    code = READ.replace("PAGE", bundle.PAGE.as_uri())
    process = subprocess.run(
        ["node", "--input-type=module", "--eval", code],
        input=json.dumps({"content": report.content, "keys": keys}),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(keys, json.loads(process.stdout), strict=True))


def test_the_page_reads_the_documents_that_a_server_would_give_it(run, report):
    present = [
        *("matrix/noise", "table/0", "table/3", "layer/0", "layer/2", "filters/1/2"),
        *("kernel/0/3", "kernel/2/3", "strip/0/0", "strip/1/15", "strip/2/0"),
        *("curves/0/norm", "curves/2/update", "picture/activations/0/3"),
    ]
    absent = [
        *("matrix/unknown", "table/9", "table/x", "layer/3", "filters/0/9", "kernel/0/9"),
        *("strip/0/32", "strip/0/-1", "strip/9/0", "curves/0/unknown", "curves/9/norm"),
        *("picture/activations/2/3", "unknown", "__proto__", ""),
    ]
    keys = [*present, *absent]
    expected = {key: document(run, key) for key in keys}
    assert [key for key in keys if expected[key] is None] == absent
    assert read_by_the_page(report, keys) == expected


def test_pictures_of_the_last_step_are_in_the_report(run, report):
    entry = next(entry for entry in report["run"]["pictures"] if entry["name"] == "activations")
    assert entry["steps"][-1] == 3
    key = f"picture/activations/{entry['layer']}/3"
    assert report[key] == document(run, key)


def test_a_small_run_is_whole_in_its_report(tmp_path):
    recorded.record(tmp_path / "filterwatch", range(20))
    report = ReportFile(fw.read(tmp_path).report(tmp_path / "report.html"))
    assert report["run"]["leftOut"] == ""
    assert report.steps_of("kernel") == report["run"]["weightSteps"] == list(range(20))


def test_without_javascript_a_report_says_what_the_run_does(run, report):
    text = report.page.text
    assert run.diagnosis.cause in text
    assert run.diagnosis.advice in text
    for alarm in (*run.alarms, *run.notes):
        assert alarm.message in text
    for name, layer in run.layers.items():
        assert f"{name}{'x'.join(map(str, layer.shape))}" in text
    assert "not watched: norm (BatchNormalization" in text
    (alt,) = report.page.of("img", "alt")
    assert alt.startswith("Heat map of the noise score: a row for each of 3 layers")


def test_the_picture_in_the_static_part_is_a_png(report):
    (source,) = report.page.of("img", "src")
    assert base64.b64decode(source.removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_texts_of_the_model_cannot_inject_anything(tmp_path, report, hostile):
    alarm = fw.Alarm("rule", hostile, 1, math.nan, math.inf, (), f"message {hostile}")
    step = recorded.step_of(1, layers=(hostile, f"second {hostile}"), logs={hostile: 1.0})
    judgement = replace(step.judgement, raised=(alarm,), new=(alarm,))
    diagnosis = fw.Diagnosis(f"cause {hostile}", (f"evidence {hostile}",), f"advice {hostile}")
    step = replace(step, judgement=judgement, diagnosis=diagnosis)
    writer = RecordWriter(folder_of(tmp_path / "run" / "filterwatch"), "epoch")
    writer.write(step)
    writer.close()
    page = ReportFile(fw.read(tmp_path / "run").report(tmp_path / "report.html"))
    assert set(page.page.elements) <= set(report.page.elements)
    assert page.page.elements.count("img") == 1
    assert page.page.elements.count("script") == 2
    names = {name for _, name, _ in page.page.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert page.page.scripts[1] == report.page.scripts[1]
    # and all of it is there, as text
    assert page["run"]["layers"][0]["name"] == hostile
    for word in ("message", "cause", "evidence", "advice"):
        assert re.search(rf"{word} \S", page.page.text), word


def test_a_run_may_have_any_name(tmp_path, report):
    folder = tmp_path / "a<img src=x onerror=alert(1)>&'\""
    recorded.record(folder / "filterwatch", range(2))
    page = ReportFile(fw.read(folder).report(tmp_path / "report.html"))
    assert page.content["run"] == page["run"]["name"] == folder.name
    assert page.page.elements.count("img") == 1
    assert page.page.text.count(folder.name) >= 2  # title and heading


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("logs/run1/filterwatch", "run1"),
        ("logs/run1/filterwatch-12", "run1/filterwatch-12"),
        ("C:\\logs\\run 1\\filterwatch", "run 1"),
        ("s3://bucket/run1/filterwatch", "run1"),
        ("./filterwatch", "filterwatch"),
        ("logs/other", "other"),
        ("/", "/"),
    ],
)
def test_a_report_names_the_run_without_the_folders_above_it(location, name):
    assert run_name(location) == name


# What fits


def test_a_large_run_is_thinned_in_log_time_until_it_fits(tmp_path):
    run = made_up(tmp_path)
    whole = ReportFile(run.report(tmp_path / "whole.html", max_bytes=40_000_000))
    assert whole["run"]["leftOut"] == ""
    for most in (whole.size - 1, whole.size // 2, 600_000):
        report = ReportFile(run.report(tmp_path / "report.html", max_bytes=most))
        assert 0.6 * most < report.size <= most
        steps = report.steps_of("kernel")
        assert steps == report["run"]["weightSteps"]
        assert {0, 29} <= set(steps)
        # of so few bytes, steps get the more room the earlier they are
        assert np.mean(steps) <= np.mean(run.steps)
        assert f"{len(steps)} of 30 steps" in report["run"]["leftOut"]
        # the scores of all layers are all there
        assert report["run"]["steps"] == report["run"]["columns"] == run.steps
        assert report["matrix/noise"] == document(run, "matrix/noise")


def test_where_few_steps_fit_there_are_fewer_filters_of_each(tmp_path):
    run = made_up(tmp_path, layers=3, steps=20, shape=(3, 3, 64, 128))
    report = ReportFile(run.report(tmp_path / "report.html", max_bytes=900_000))
    steps = report.steps_of("kernel")
    assert len(steps) >= 12
    kernel, whole = report[f"kernel/0/{steps[-1]}"], document(run, f"kernel/0/{steps[-1]}")
    filters = kernel["filters"]
    assert 2 <= filters < whole["filters"]
    assert kernel["scales"] == whole["scales"][:filters]
    levels = base64.b64decode(whole["levels"])
    assert base64.b64decode(kernel["levels"]) == levels[: len(levels) * filters // 128]
    assert "weights of the first filters at" in report["run"]["leftOut"]


def test_of_many_layers_those_with_alarms_are_drawn_first(tmp_path):
    run = made_up(tmp_path, layers=200, steps=2, shape=(3, 3, 32, 32))
    report = ReportFile(run.report(tmp_path / "report.html", max_bytes=700_000))
    layers = report["run"]["layers"]
    drawn = [layer["name"] for layer in layers if layer["drawn"]]
    assert 0 < len(drawn) < 200
    assert "conv199" in drawn  # which has the alarm
    assert f"{len(drawn)} of 200 layers" in report["run"]["leftOut"]
    assert {f"kernel/{place}/1" for place, layer in enumerate(layers) if layer["drawn"]} == {
        key for key in report.keys if key.startswith("kernel/")
    }


def test_of_many_steps_the_scores_are_thinned_too_and_alarms_keep_theirs(tmp_path):
    writer = RecordWriter(folder_of(tmp_path / "filterwatch"), "step")
    alarm = fw.Alarm("odd", "first", 777, 1.0, 2.0, (), "It is odd.")
    for step in range(1000):
        now = recorded.step_of(step)
        if step == 777:
            now = replace(now, judgement=replace(now.judgement, raised=(alarm,), new=(alarm,)))
        writer.write(now)
    writer.close()
    run = fw.read(tmp_path)
    report = ReportFile(run.report(tmp_path / "report.html"))
    document_run = report["run"]
    steps = document_run["steps"]
    assert {0, 777, 999} <= set(steps)
    assert len(steps) <= 241
    assert document_run["columns"] == report["matrix/noise"]["steps"] == steps
    assert document_run["logs"]["loss"][-1] == pytest.approx(1 / 1000)
    assert len(document_run["logs"]["loss"]) == len(steps)
    row = report["matrix/noise"]["values"][0]
    assert row == pytest.approx([recorded.noise_of(0, step) for step in steps], rel=1e-4)
    assert f"the scores of {len(steps)} of 1,000 steps" in document_run["leftOut"]
    assert report.size < 1_000_000


def test_of_many_layers_the_most_important_scores_have_more_steps_than_the_others(tmp_path):
    random = np.random.default_rng(0)
    writer = RecordWriter(folder_of(tmp_path / "filterwatch"), "epoch")
    names = ["norm", *(f"metric {place:02}" for place in range(30))]
    for step in range(60):
        layers = {
            f"layer{place}": LayerScores(
                *("Dense", (4, 4), "undetermined"),
                dict(zip(names, random.random(31), strict=True)),
                {},
            )
            for place in range(60)
        }
        writer.write(replace(recorded.step_of(step), scores=fw.Scores(step, step, layers)))
    writer.close()
    report = ReportFile(fw.read(tmp_path).report(tmp_path / "report.html", max_bytes=500_000))
    kept = names[:8]
    assert [score["name"] for score in report["run"]["scores"]] == kept
    assert {key for key in report.keys if "matrix" in key} == {f"matrix/{name}" for name in kept}
    assert len(report["run"]["steps"]) >= 40
    assert "the 8 most important of 31 scores" in report["run"]["leftOut"]


def test_the_first_steps_of_a_selection_are_even_in_log_time():
    order = steps_by_priority(range(101))
    assert order[:2] == [100, 0]
    assert sorted(order) == list(range(101))
    # six steps that are even in log time are log(101) / 5 apart
    assert max(np.diff(np.log1p(sorted(order[:6])))) < 2 * np.log(101) / 5


@pytest.mark.parametrize(("filters", "most"), [(128, 1_000_000), (2048, 3_000_000)])
def test_a_report_of_a_small_network_has_1_mb_and_of_a_large_one_3_mb(tmp_path, filters, most):
    run = made_up(tmp_path, layers=5, steps=20, shape=(3, 3, 64, filters))
    size = run.report(tmp_path / "report.html").stat().st_size
    assert 0.5 * most < size <= most


def test_the_error_about_too_few_bytes_names_enough(tmp_path, run):
    with pytest.raises(ValueError, match="max_bytes: 1,000 bytes cannot hold") as error:
        run.report(tmp_path / "report.html", max_bytes=1000)
    enough = int(str(error.value).split("such as ")[1].rstrip(".").replace(",", ""))
    size = run.report(tmp_path / "report.html", max_bytes=enough).stat().st_size
    assert 1000 < size <= enough


def test_the_same_run_gives_the_same_file(tmp_path, run):
    one, other = (run.report(tmp_path / name).read_bytes() for name in ("one.html", "other.html"))
    assert one == other


# What cannot be written


def test_a_run_without_a_step_is_an_error(tmp_path):
    recorded.record(tmp_path / "filterwatch", range(0), ends=False)
    with pytest.raises(ValueError, match="has no step yet"):
        fw.runs.open_run("tests/records/version-1").report(tmp_path / "report.html")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("", IsADirectoryError, "is a folder: name the file to write, such as"),
        ("missing/report.html", FileNotFoundError, "there is no folder .*missing.*: make it first"),
        ("x" * 250, OSError, "the report cannot be written: File name too long"),
    ],
)
def test_a_path_that_cannot_be_written_is_an_error(run, tmp_path, path, error, message):
    with pytest.raises(error, match=message):
        run.report(tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_path_on_this_machine_is_an_error(run):
    with pytest.raises(TypeError, match="the path of the file to write is needed; got 3"):
        run.report(3)
    with pytest.raises(ValueError, match="to this machine only"):
        run.report("s3://bucket/report.html")


@pytest.mark.parametrize(
    ("max_bytes", "error", "message"),
    [
        (1000, ValueError, "1,000 bytes cannot hold a report of this run"),
        (0, ValueError, "a number of bytes is needed; got 0"),
        (math.inf, ValueError, "a number of bytes is needed; got inf"),
        ("1 MB", TypeError, "a number of bytes is needed; got '1 MB'"),
        (True, TypeError, "a number of bytes is needed"),
    ],
)
def test_a_size_that_cannot_be_is_an_error(run, tmp_path, max_bytes, error, message):
    with pytest.raises(error, match=message):
        run.report(tmp_path / "report.html", max_bytes=max_bytes)
    assert list(tmp_path.iterdir()) == []


# Of a callback


def test_a_callback_writes_what_its_run_does(trained, report, tmp_path):
    path = trained.report(tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == report.html


def test_a_callback_waits_for_the_last_step(tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", metrics={"slow": np.sum}, images=False)
    reports = []

    class Reporter(fw.FilterWatch.__mro__[1]):
        def on_epoch_end(self, epoch, logs=None):
            reports.append(ReportFile(watch.report(tmp_path / f"{epoch}.html")))

    fit(network(), watch, Reporter(), epochs=2)
    assert [report["run"]["steps"] for report in reports] == [[0, 1], [0, 1, 2]]


def test_a_callback_that_watched_nothing_says_what_to_do(tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs")
    with pytest.raises(ValueError, match="has recorded nothing yet: pass it to"):
        watch.report(tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_copy_of_a_callback_says_where_the_run_is(trained, tmp_path):
    copy = pickle.loads(pickle.dumps(trained))
    with pytest.raises(ValueError, match=r"is a copy.*fw\.read\(.*run1'\) has the run"):
        copy.report(tmp_path / "report.html")


def test_of_several_processes_only_the_first_one_writes(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(trained, "_processes", Processes(index=1, count=2))
    assert trained.report(tmp_path / "report.html") == tmp_path / "report.html"
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_was_removed_is_an_error(tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=False)
    fit(network(), watch, epochs=1)
    for path in Path(tmp_path / "logs").rglob("record-*"):
        os.remove(path)  # noqa: PTH107
    with pytest.raises(ValueError, match=r"cannot be read .*: watch.problems may say why"):
        watch.report(tmp_path / "report.html")
