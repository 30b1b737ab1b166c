"""What TensorBoard shows of a real training, in a real browser: Debian's chromium and driver."""

import re
import urllib.request
from dataclasses import replace
from pathlib import Path

import browser_pages
import keras
import numpy as np
import pytest
from browser_pages import find, wait_until
from keras import layers
from selenium.webdriver.common.keys import Keys
from viewer import ask, read, serving

import keras_filterwatch as fw
from keras_filterwatch.writers.tensorboard import TensorBoard

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The directory of a real training of two convolutions, with a probe."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((16, 16, 3)),
            layers.Conv2D(32, 5, activation="relu", name="first"),
            layers.Conv2D(16, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(3, name="head"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), loss="mse")
    random = np.random.default_rng(0)
    x, y = random.random((64, 16, 16, 3), "float32"), random.random((64, 3), "float32")
    directory = tmp_path_factory.mktemp("logs")
    watch = fw.FilterWatch(directory, probe=x, metrics={"largest": lambda kernel: kernel.max()})
    model.fit(x, y, epochs=6, callbacks=[watch], verbose=0)
    return directory


@pytest.fixture(scope="module")
def server(logs):
    with serving(logs) as address:
        ask(address, "scalars/scalars", run="filterwatch", tag="alarm_count")  # it has loaded them
        yield address


@pytest.fixture
def show(browser, server):
    """Opens a page of TensorBoard, such as "images"."""

    def show(page):
        browser.get("about:blank")  # else a new fragment alone loads nothing
        browser.get(f"{server}#{page}")

    return show


@pytest.fixture
def keep(browser, tmp_path):
    """Keeps what the browser shows as `<name>.png`."""
    return lambda name: browser_pages.keep(browser, name, tmp_path)


def pictures(browser):
    """tag -> step, address and width of the picture that is shown."""
    shown = {}
    for card in find(browser, "tf-image-loader"):
        image, steps = find(browser, "img", card), find(browser, ".heading-row span", card)
        if image and steps:
            shown[card.get_property("tag")] = (
                int(steps[0].text),
                image[0].get_property("src"),
                image[0].get_property("naturalWidth"),
            )
    return shown


def test_pictures_are_shown_in_full_and_the_last_step_first(logs, browser, show, keep):
    show("images")
    wait_until(browser, lambda: len(pictures(browser)) == 3, "three pictures")
    # TensorBoard opens the first two groups by itself
    groups = [each for each in find(browser, "button.heading") if "overview" in each.text]
    browser.execute_script("arguments[0].click()", groups[0])
    wait_until(browser, lambda: len(pictures(browser)) == 4, "four pictures")
    keep("images")
    written = read(logs / "filterwatch")
    assert {tag: (step, width) for tag, (step, _, width) in pictures(browser).items()} == {
        tag: (6, int(written[tag][-1][1][0]))
        for tag in ("overview", "film_strip/00_first", "filters/00_first", "filters/01_second")
    }


def test_the_slider_shows_the_step_before(logs, browser, show, keep):
    tag = "filters/00_first"
    show("images")
    wait_until(browser, lambda: tag in pictures(browser), tag)
    (last,) = (c for c in find(browser, "tf-image-loader") if c.get_property("tag") == tag)
    (slider,) = find(browser, "paper-slider", last)
    address = pictures(browser)[tag][1]
    slider.send_keys(Keys.ARROW_LEFT)
    wait_until(browser, lambda: pictures(browser)[tag][1] != address, "another picture")
    keep("slider")
    step, address, width = pictures(browser)[tag]
    assert (step, width > 0) == (5, True)
    with urllib.request.urlopen(address) as picture:
        assert picture.read() == dict(read(logs / "filterwatch")[tag])[5][2]


def charts(browser):
    """title -> how many curves it has, of those whose curves are drawn."""
    shown = {}
    for card in find(browser, "tf-custom-scalar-multi-line-chart-card"):
        (title,) = find(browser, "tf-card-heading", card)
        (matches,) = find(browser, ".matches-text", card)
        if any(line.get_attribute("d") for line in find(browser, "path.line", card)):
            shown[title.text] = int(matches.text.strip("Matches ()"))
    return shown


def test_custom_scalars_have_a_chart_per_measure_with_a_curve_per_layer(browser, show, keep):
    show("custom_scalars")
    expected = {
        "noise score": 2,
        "update ratio": 3,
        "rotation from the start": 3,
        "dead units": 3,
        "largest": 3,
        "alarms that hold": 1,
    }
    wait_until(browser, lambda: len(charts(browser)) == len(expected), f"{len(expected)} charts")
    keep("custom_scalars")
    assert charts(browser) == expected


@pytest.fixture(scope="module")
def large_network(tmp_path_factory):
    """TensorBoard, serving a run of a network of 14 layers."""
    directory = tmp_path_factory.mktemp("large")
    random = np.random.default_rng(0)
    writer = TensorBoard(directory / "filterwatch")
    for step in range(4):
        scores = fw.score({f"conv{i}": random.standard_normal((3, 3, 4, 8)) for i in range(14)})
        diagnosis = fw.Diagnosis("no fault found", (), "Train on.")
        writer.write(fw.Report(replace(scores, step=step), {}, (), diagnosis))
    writer.close()
    with serving(directory) as address:
        ask(address, "scalars/scalars", run="filterwatch", tag="alarm_count")
        yield address


def test_charts_of_a_large_network_have_a_few_curves_each(large_network, browser, keep):
    browser.get("about:blank")
    browser.get(f"{large_network}#custom_scalars")
    expected = {
        "noise score, over all layers": 5,
        "noise score, the highest layers": 6,
        "dead share, over all layers": 5,
        "dead share, the highest layers": 6,
        "alarms that hold": 1,
    }
    wait_until(browser, lambda: len(charts(browser)) == len(expected), f"{len(expected)} charts")
    keep("custom_scalars_of_a_large_network")
    assert charts(browser) == expected


def test_the_address_in_the_docs_pins_the_curves_of_the_network(server, browser, keep):
    page = (Path(__file__).parent.parent / "docs" / "tensorboard.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"http://localhost:6006/(\?pinnedCards=\S+)", page)
    browser.get("about:blank")
    browser.get(server + query)

    def pinned():
        cards = find(browser, "metrics-pinned-view card-view")
        return [
            title.text for card in cards for title in card.find_elements("css selector", ".tag")
        ]

    expected = ["filter_noise", "dead_filters", "alarm_count"]
    wait_until(browser, lambda: len(pinned()) == len(expected), "three pinned cards")
    keep("pinned")
    assert pinned() == expected


def histograms(browser):
    """tag -> how many steps are drawn."""
    return {
        card.get_property("tag"): len(find(browser, "path.outline", card))
        for card in find(browser, "tf-histogram-loader")
    }


def test_histograms_show_every_step(browser, show, keep):
    show("histograms")
    expected = {f"noise_per_filter/{layer}": 7 for layer in ("00_first", "01_second")}
    expected |= {f"norm_per_filter/{layer}": 7 for layer in ("00_first", "01_second", "02_head")}
    wait_until(browser, lambda: histograms(browser) == expected, str(expected))
    keep("histograms")
