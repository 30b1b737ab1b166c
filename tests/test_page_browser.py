"""The page in each place where it is shown, in Chromium: the tab, alone, a report, a notebook."""

import base64
import json
import urllib.request
from contextlib import contextmanager

import browser_pages
import pytest
from browser_pages import (
    Page,
    console_errors,
    emulated,
    find,
    forget_logs,
    requests,
    wait_until,
)
from made_up_run import MadeUpRun
from viewer import READERS, serving
from watched_training import train

import keras_filterwatch as fw

pytestmark = pytest.mark.browser

VIEWS = ("overview", "layer", "compare")
HOSTILE = (
    '</script><img src=x onerror="window.harmed=1">&amp;\u202e\u2028\'"]]>'
    "<script>window.harmed=1</script>"
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A directory with a real training, and one of a network with hostile names."""
    directory = tmp_path_factory.mktemp("logs")
    train(directory / "real")
    names = {HOSTILE: (3, 3, 1, 4), "javascript:alert(1)": (3, 3, 4, 4)}
    unsafe = MadeUpRun(directory / "unsafe", names, message=HOSTILE)
    for step in range(3):
        unsafe.write(step)
    unsafe.close()
    return directory


@pytest.fixture(scope="module", params=READERS)
def any_server(request, logs):
    with serving(logs, "--load_fast", READERS[request.param]) as address:
        yield address


@pytest.fixture(scope="module")
def server(logs):
    with serving(logs) as address:
        yield address


@pytest.fixture(scope="module")
def reports(logs, tmp_path_factory):
    """name -> a report of the run."""
    directory = tmp_path_factory.mktemp("reports")
    return {
        name: fw.read(logs / name).report(directory / f"{name}.html") for name in ("real", "unsafe")
    }


@pytest.fixture
def keep(browser, tmp_path):
    return lambda name: browser_pages.keep(browser, name, tmp_path)


def names_of_runs(server):
    with urllib.request.urlopen(f"{server}data/plugin/filterwatch/runs") as answer:
        return [run["name"] for run in json.load(answer)]


def page_alone(browser, server):
    return Page(browser, f"{server}data/plugin/filterwatch/page")


@contextmanager
def in_frame(browser, selector):
    """The page in a frame of the page that is open."""
    frames = wait_until(browser, lambda: find(browser, selector), selector)
    browser.switch_to.frame(frames[0])
    try:
        page = Page(browser)
        page.wait_for("nav[aria-label=Views]")
        yield page
    finally:
        browser.switch_to.default_content()


def is_dark(browser):
    return browser.execute_script("return document.documentElement.classList.contains('dark')")


def assert_shown(page, view):
    """A view is drawn in full."""
    page.show(view)
    if view == "overview":
        page.wait_for("section[aria-label=Diagnosis]")
        page.wait_for('canvas[role="img"]')
        assert page.rows("Table of layers")
    elif view == "layer":
        page.wait_for("section[aria-label=Filters] canvas")
        page.wait_for("section[aria-label=Curves] svg")
    else:
        page.wait_for(".compare-headline", "changed most")
        wait_until(page.browser, lambda: len(page.all(".compare-figures canvas")) == 2, "kernels")


def test_the_tab_of_tensorboard_shows_each_view(browser, any_server, keep):
    browser.get("about:blank")
    forget_logs(browser)
    browser.get(f"{any_server}#filterwatch")
    with in_frame(browser, "iframe") as page:
        for view in VIEWS:
            assert_shown(page, view)
            keep(f"tab_{view}")
    # TensorBoard itself may have errors of its own
    assert [line for line in console_errors(browser) if "filterwatch" in line] == []
    assert [url for url in requests(browser) if not url.startswith(any_server)] == []


def test_the_tab_follows_the_dark_mode_of_tensorboard(browser, server):
    browser.get("about:blank")
    browser.get(f"{server}#filterwatch")
    with in_frame(browser, "iframe"):
        assert not is_dark(browser)
    browser.execute_script("document.body.classList.add('dark-mode')")
    with in_frame(browser, "iframe"):
        wait_until(browser, lambda: is_dark(browser), "dark")


def test_the_page_alone_shows_each_view(browser, server):
    page = page_alone(browser, server)
    forget_logs(browser)
    page.open()
    for view in VIEWS:
        assert_shown(page, view)
    assert console_errors(browser) == []
    assert [url for url in requests(browser) if not url.startswith(server)] == []


def test_a_report_shows_each_view_and_asks_for_nothing(browser, reports):
    page = Page(browser, reports["real"].as_uri())
    browser.get("about:blank")
    forget_logs(browser)
    page.open()
    for view in VIEWS:
        assert_shown(page, view)
    assert console_errors(browser) == []
    assert set(requests(browser)) == {page.address}


def test_a_notebook_shows_each_view_in_a_frame_and_asks_for_nothing(browser, logs, tmp_path):
    notebook = tmp_path / "notebook.html"
    text = fw.read(logs / "real")._repr_html_()
    notebook.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{text}", encoding="utf-8")
    browser.get("about:blank")
    forget_logs(browser)
    browser.get(notebook.as_uri())
    with in_frame(browser, "iframe") as page:
        for view in VIEWS:
            assert_shown(page, view)
    assert console_errors(browser) == []
    assert {url for url in requests(browser) if url != "about:srcdoc"} == {notebook.as_uri()}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_no_serious_accessibility_fault(browser, server, keep, view, dark):
    (run,) = (name for name in names_of_runs(server) if "real" in name)
    page = page_alone(browser, server)
    with emulated(browser, dark=dark):
        page.open(run=run, view=view, layer="first", filter=3)
        assert_shown(page, view)
        keep(f"page_{view}_{'dark' if dark else 'light'}")
        assert page.accessibility_faults() == []


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_fits_400_pixels(browser, server, keep, view):
    (run,) = (name for name in names_of_runs(server) if "real" in name)
    page = page_alone(browser, server)
    with emulated(browser, width=400):
        page.open(run=run, view=view, layer="first", filter=3)
        assert_shown(page, view)
        keep(f"page_{view}_400")
        assert page.width_of_content() <= 400


@pytest.mark.parametrize("place", ["page", "report"])
def test_names_of_layers_and_messages_cannot_inject_anything(browser, server, reports, place):
    (run,) = (name for name in names_of_runs(server) if "unsafe" in name)
    at = {
        "page": page_alone(browser, server),
        "report": Page(browser, reports["unsafe"].as_uri()),
    }
    page = at[place]
    for view in VIEWS:
        page.open(run=run, view=view, layer=HOSTILE)
        assert_shown(page, view)
        shown = browser.execute_script("return document.body.innerText")
        assert "onerror" in shown, view  # as text
        assert page.all("img[src=x]") == [], view
        assert browser.execute_script("return window.harmed") is None, view


def test_a_report_can_be_read_without_javascript(browser, reports, logs, keep):
    run = fw.read(logs / "real")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(reports["real"].as_uri())
        text = browser.find_element("tag name", "body").text
        keep("report_without_javascript")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert run.diagnosis.advice in text
    for alarm in run.alarms:
        assert alarm.message in text
    for layer in run.layers:
        assert layer in text


def test_a_report_can_be_printed(browser, reports):
    page = Page(browser, reports["real"].as_uri())
    page.open()
    assert_shown(page, "overview")
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    data = base64.b64decode(printed["data"])
    assert data.startswith(b"%PDF")
    assert len(data) > 10_000
