"""The tab "Filters" of TensorBoard: what its server answers, without a browser."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlencode, urljoin

import pytest
from recorded import noise_of, record, step_of
from viewer import READERS, serving
from werkzeug.test import Client

import keras_filterwatch
from keras_filterwatch.view.run_list import Root, RunList, roots_of, runs_below
from keras_filterwatch.view.tensorboard_plugin import PAGE_FOLDER, FiltersPlugin
from keras_filterwatch.writers.event_file import EventFile

HOSTILE = "a b&c=<script>#?%2e;é"


def watched(folder, steps=range(3), **others):
    """A recorded run with an event file, so that TensorBoard lists it too; its writer."""
    writer = record(folder, steps, **others)
    EventFile(folder).close()
    return writer


def get(address, **headers):
    """Status, headers and content of what a server answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class Tab:
    """The routes of the tab at a server."""

    def __init__(self, server):
        self.server = server
        self.base = urljoin(server, "data/plugin/filterwatch/")

    def get(self, path, **headers):
        return get(self.base + path, **headers)

    def names(self):
        return [entry["name"] for entry in json.loads(self.get("runs")[2])]

    def document(self, run, key):
        """Status and content of a document."""
        status, _, content = self.get("document?" + urlencode({"run": run, "key": key}))
        return status, json.loads(content)

    def version(self, run):
        return {each["name"]: each["version"] for each in json.loads(self.get("runs")[2])}[run]


def eventually(question, seconds=20):
    """The first answer that is true, of a question that is asked again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not come about")


def names_of_tensorboard(server):
    """The runs that TensorBoard lists, once it has loaded them."""
    return eventually(lambda: json.loads(get(urljoin(server, "data/runs"))[2]))


# A real TensorBoard, with each reader.


@pytest.fixture(scope="module", params=READERS, ids=lambda name: name.replace(" ", "-"))
def place(request, tmp_path_factory):
    """A directory with several runs, and the tab that shows it."""
    logs = tmp_path_factory.mktemp("logs")
    for name in ("run1", "run2", "deep/er/run10", HOSTILE):
        watched(logs / name / "filterwatch")
    options = (
        "--load_fast",
        READERS[request.param],
        "--samples_per_plugin",
        "images=1,filterwatch=1",
    )
    with serving(logs, *options) as server:
        yield logs, Tab(server)


def test_tensorboard_shows_the_tab(place):
    listing = json.loads(get(place[1].server + "data/plugins_listing")[2])["filterwatch"]
    assert (listing["tab_name"], listing["enabled"]) == ("Filters", True)
    assert listing["loading_mechanism"] == {
        "type": "IFRAME",
        "module_path": "/data/plugin/filterwatch/static/index.js",
    }


def test_runs_have_the_names_that_tensorboard_gives_them(place):
    _, tab = place
    assert set(tab.names()) >= {"run1/filterwatch", "run2/filterwatch", "deep/er/run10/filterwatch"}
    assert {*names_of_tensorboard(tab.server)} <= {*tab.names()}


def test_documents_are_those_of_the_run_with_all_steps(place):
    status, made = place[1].document("run1/filterwatch", "run")
    assert (status, made["name"], made["steps"]) == (200, "run1/filterwatch", [0, 1, 2])
    values = place[1].document("run1/filterwatch", "matrix/noise")[1]["values"]
    assert values[0] == [float(f"{noise_of(0, step):.5g}") for step in range(3)]


def test_a_document_that_is_not_there_is_null(place):
    assert place[1].document("run1/filterwatch", "table/99") == (200, None)


def test_a_run_of_any_name_can_be_asked_for(place):
    assert place[1].document(f"{HOSTILE}/filterwatch", "run")[1]["steps"] == [0, 1, 2]


def test_new_steps_and_new_runs_appear_without_a_restart(place):
    logs, tab = place
    writer = watched(logs / "grows" / "filterwatch", range(2), ends=False)
    eventually(lambda: "grows/filterwatch" in tab.names())
    before = tab.document("grows/filterwatch", "run")[1]
    version = tab.version("grows/filterwatch")
    writer.write(step_of(2))
    assert tab.version("grows/filterwatch") != version
    after = tab.document("grows/filterwatch", "run")[1]
    assert (before["steps"], after["steps"]) == ([0, 1], [0, 1, 2])
    assert after["version"] == tab.version("grows/filterwatch")
    assert tab.document("grows/filterwatch", "table/2")[1]["step"] == 2


def test_a_run_that_is_deleted_disappears(place):
    logs, tab = place
    watched(logs / "goes" / "filterwatch")
    eventually(lambda: "goes/filterwatch" in tab.names())
    assert tab.document("goes/filterwatch", "run")[0] == 200
    shutil.rmtree(logs / "goes")
    status, answer = tab.document("goes/filterwatch", "run")
    assert status == 410
    assert "not there any more" in answer["message"]
    assert "goes/filterwatch" not in tab.names()


@pytest.mark.parametrize(
    "name", ["nothing", "", "..", "../..", "/etc", "run1", "run1/filterwatch/../../run2", "\0"]
)
def test_a_run_that_is_not_there_is_told_in_words(place, name):
    status, answer = place[1].document(name, "run")
    assert status in (404, 410)
    assert "Choose another run." in answer["message"]


def test_a_request_without_a_run_is_told_what_is_missing(place):
    status, _, content = place[1].get("document")
    assert status == 400
    assert "run" in json.loads(content)["message"]


@pytest.mark.parametrize(
    "path",
    [
        *("static/../documents.py", "static/..%2fdocuments.py", "static/%2e%2e/documents.py"),
        *("static/../../../etc/passwd", "static//etc/passwd", "static/types.d.ts", "static/"),
        *("static/vendor/../../documents.py", "static/index.js%00.css", "static/__init__.py"),
    ],
)
def test_only_the_files_of_the_page_are_served(place, path):
    assert place[1].get(path)[0] == 404


def test_modules_and_styles_are_what_the_package_has(place):
    for name, mime in (("index.js", "text/javascript"), ("style.css", "text/css")):
        status, headers, content = place[1].get(f"static/{name}")
        assert (status, headers.get_content_type()) == (200, mime)
        assert content == (PAGE_FOLDER / name).read_bytes()
        assert "no-cache" in headers["Cache-Control"]


def test_the_page_stands_in_a_window_of_its_own_by_a_module(place):
    status, headers, content = place[1].get("page")
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert b'<script type="module" src="start.js"></script>' in content
    assert b"./static/index.js" in place[1].get("start.js")[2]


def test_answers_are_packed_for_those_who_can_unpack(place):
    query = "document?" + urlencode({"run": "run1/filterwatch", "key": "run"})
    _, headers, content = place[1].get(query, **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(content))["steps"] == [0, 1, 2]


def test_a_path_prefix_and_named_directories_work(tmp_path):
    watched(tmp_path / "x" / "run1" / "filterwatch")
    watched(tmp_path / "y")
    spec = f"one:{tmp_path / 'x'},two:{tmp_path / 'y'}"
    with serving("", "--logdir_spec", spec, "--path_prefix", "/some/where") as server:
        assert server.endswith("/some/where/")
        tab = Tab(server)
        eventually(lambda: len(tab.names()) == 2)
        assert {*eventually(lambda: len(names_of_tensorboard(server)) == 2 and tab.names())} == {
            *names_of_tensorboard(server)
        }
        assert tab.document("one/run1/filterwatch", "run")[1]["steps"] == [0, 1, 2]
        assert tab.get("static/index.js")[0] == 200


@pytest.fixture
def broken_package(tmp_path):
    """A copy of the package whose documents cannot be imported, and what makes Python take it."""
    package = tmp_path / "packages" / "keras_filterwatch"
    shutil.copytree(Path(keras_filterwatch.__file__).parent, package)
    (package / "view" / "documents.py").write_text("import a_package_that_is_missing\n")
    return {**os.environ, "PYTHONPATH": str(package.parent)}


def test_tensorboard_starts_without_the_tab_if_the_tab_cannot_be_made(broken_package, tmp_path):
    code = """
import sys
from tensorboard import default, program
board = program.TensorBoard(default.get_plugins())
board.configure(argv=["", "--logdir", "logs", "--port", "0", "--load_fast", "false"])
board.launch()
print("started")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=broken_package,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "started" in done.stdout
    assert "a_package_that_is_missing" in done.stderr
    assert "the tab Filters cannot be shown" in done.stderr


def test_the_entry_point_imports_nothing_but_what_tensorboard_has(tmp_path):
    code = """
import sys
from importlib.metadata import entry_points
(entry,) = entry_points(group="tensorboard_plugins", name="filterwatch")
entry.load()
print(*{"keras", "tensorflow", "PIL", "numpy"} & {*sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


# The same in this process.


def plugin(logdir="", spec=""):
    """The plugin, as TensorBoard makes it with these flags."""
    return FiltersPlugin(
        SimpleNamespace(logdir=str(logdir), flags=SimpleNamespace(logdir_spec=spec))
    )


def client(logdir):
    """A client of the routes `runs` and `document`."""
    apps = plugin(logdir).get_plugin_apps()

    def app(environ, start_response):
        return apps[environ["PATH_INFO"]](environ, start_response)

    return Client(app)


def test_without_a_run_the_tab_is_inactive(tmp_path):
    (tmp_path / "events.out.tfevents.1.x").write_bytes(b"")
    assert not plugin(tmp_path).is_active()
    assert not plugin().is_active()
    assert not plugin("nowhere://bucket/logs").is_active()


def test_the_tab_becomes_active_with_the_first_run(tmp_path):
    made = plugin(tmp_path)
    assert not made.is_active()
    record(tmp_path / "filterwatch")
    eventually(made.is_active)


def test_a_record_that_cannot_be_read_is_told_in_words(tmp_path):
    record(tmp_path / "filterwatch")
    for file in (tmp_path / "filterwatch").glob("record-*.fwr"):
        file.write_bytes(b"FWRECORD" + bytes(100))
    answer = client(tmp_path).get("/document?run=filterwatch&key=run")
    assert answer.status_code in (200, 422)
    assert "cannot be read" in answer.get_data(as_text=True)


def test_a_request_that_fails_is_answered_in_words(tmp_path, monkeypatch, caplog):
    record(tmp_path / "filterwatch")
    asked = client(tmp_path)

    def fail(*_):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("keras_filterwatch.view.served_runs.ServedRuns.document", fail)
    answer = asked.get("/document?run=filterwatch&key=run")
    assert answer.status_code == 500
    assert "console" in answer.json["message"]
    assert "no such luck" in caplog.text


def test_many_runs_can_be_asked_one_after_the_other_and_again(tmp_path):
    for number in range(9):
        record(tmp_path / f"run{number}" / "filterwatch", range(number + 1))
    asked = client(tmp_path)
    for _ in range(2):
        for number in range(9):
            answer = asked.get(f"/document?run=run{number}/filterwatch&key=run")
            assert len(answer.json["steps"]) == number + 1


def test_many_can_ask_at_the_same_time(tmp_path):
    for number in range(9):
        record(tmp_path / f"run{number}" / "filterwatch", range(number + 1))
    asked = client(tmp_path)

    def steps(number):
        query = urlencode({"run": f"run{number % 9}/filterwatch", "key": "matrix/noise"})
        assert asked.get("/runs").status_code == 200
        return asked.get(f"/document?{query}").json["steps"]

    with ThreadPoolExecutor(16) as threads:
        answers = [*threads.map(steps, range(90))]
    assert [len(answer) for answer in answers] == [number % 9 + 1 for number in range(90)]


def test_a_large_record_is_shown_while_it_is_read(tmp_path, monkeypatch):
    for name in ("_SECONDS", "_MORE_SECONDS"):
        monkeypatch.setattr(f"keras_filterwatch.view.served_runs.{name}", 0)
    record(tmp_path / "filterwatch", range(20))
    asked = client(tmp_path)
    shares, versions = [0.0], set()
    while shares[-1] < 1:
        made = asked.get("/document?run=filterwatch&key=run").json
        assert made["version"] == asked.get("/runs").json[0]["version"]
        if made["steps"]:
            matrix = asked.get("/document?run=filterwatch&key=matrix/noise").json
            assert matrix["steps"] == made["columns"]
        shares.append(made["read"])
        versions.add(made["version"])
    assert shares == sorted(shares)
    assert len(versions) > 5
    assert made["steps"] == [*range(20)]


def test_curves_of_a_large_network_are_read_in_parts_to_their_end(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_filterwatch.view.filter_curves._SECONDS", 0)
    record(tmp_path / "filterwatch", range(60))
    answer = client(tmp_path).get("/document?run=filterwatch&key=curves/1/norm")
    assert answer.json["steps"] == [*range(60)]


def test_a_document_that_is_asked_for_first_waits_for_the_record(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_filterwatch.view.served_runs._SECONDS", 0)
    record(tmp_path / "filterwatch", range(20))
    answer = client(tmp_path).get("/document?run=filterwatch&key=matrix/noise")
    assert answer.json["steps"] == [*range(20)]


def test_a_step_that_has_come_since_can_be_asked_for(tmp_path):
    writer = record(tmp_path / "filterwatch", range(2), ends=False)
    asked = client(tmp_path)
    asked.get("/document?run=filterwatch&key=run")
    writer.write(step_of(2))
    assert len(asked.get("/document?run=filterwatch&key=matrix/noise").json["steps"]) == 2
    assert asked.get("/document?run=filterwatch&key=table/2").json["step"] == 2


# Which runs are found.


def names_below(root):
    return [name for name, _ in runs_below(root)]


def test_a_directory_that_is_the_folder_of_a_run_is_called_a_dot(tmp_path):
    record(tmp_path)
    assert names_below(Root(str(tmp_path))) == ["."]


def test_links_lead_to_runs_and_circles_end(tmp_path):
    record(tmp_path / "logs" / "run1" / "filterwatch")
    record(tmp_path / "elsewhere" / "filterwatch")
    (tmp_path / "logs" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "logs" / "run1" / "up").symlink_to(tmp_path / "logs")
    (tmp_path / "logs" / "itself").symlink_to(tmp_path / "logs" / "itself")
    (tmp_path / "logs" / "again").symlink_to(tmp_path / "logs" / "run1")
    assert names_below(Root(str(tmp_path / "logs"))) == ["run1/filterwatch", "linked/filterwatch"]


def test_hidden_folders_and_those_of_packages_are_left_out(tmp_path):
    for name in (".venv", "node_modules", "run1"):
        record(tmp_path / name / "filterwatch")
    assert names_below(Root(str(tmp_path))) == ["run1/filterwatch"]


def test_a_huge_tree_is_searched_in_part_and_the_log_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("keras_filterwatch.view.run_list.MOST_FOLDERS", 20)
    for number in range(50):
        (tmp_path / "many" / str(number)).mkdir(parents=True)
    record(tmp_path / "run1" / "filterwatch")
    record(tmp_path / "many" / "49" / "filterwatch")
    assert names_below(Root(str(tmp_path))) == ["run1/filterwatch"]
    assert "has more than 20 folders" in caplog.text


def test_folders_that_may_not_be_read_are_passed_over(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o000)
    record(tmp_path / "run1" / "filterwatch")
    assert names_below(Root(str(tmp_path))) == ["run1/filterwatch"]
    assert names_below(Root(str(tmp_path / "missing"))) == []


def test_runs_are_listed_by_name_with_numbers_in_order(tmp_path):
    for name in ("run10", "run9", "run²", "Run1"):
        record(tmp_path / name)
    runs = RunList([Root(str(tmp_path))])
    eventually(lambda: len(runs.folders()) == 4)
    assert list(runs.folders()) == ["Run1", "run9", "run10", "run²"]


def test_two_directories_that_hold_runs_of_one_name_are_both_shown(tmp_path):
    record(tmp_path / "a" / "run")
    record(tmp_path / "b" / "run")
    runs = RunList(roots_of("", f"{tmp_path / 'a'},{tmp_path / 'b'}"))
    eventually(lambda: len(runs.folders()) == 2)
    assert list(runs.folders()) == ["run", f"run ({tmp_path / 'b' / 'run'})"]


def test_runs_in_a_bucket_are_found(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    place = f"memory://{quote(tmp_path.name)}"
    record(tmp_path / "filterwatch")
    (file,) = (tmp_path / "filterwatch").glob("record-*.fwr")
    for name in ("run1", "deep/run2"):
        target = f"{place}/{name}/filterwatch/{file.name}"
        fsspec.filesystem("memory").pipe_file(target, file.read_bytes())
    assert sorted(names_below(Root(place))) == ["deep/run2/filterwatch", "run1/filterwatch"]
    answer = client(place).get("/document?run=run1/filterwatch&key=run")
    assert answer.json["steps"] == [0, 1, 2, 3]
