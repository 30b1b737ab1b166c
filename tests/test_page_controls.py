"""What the controls of the page do, in Chromium: what it shows is what the record says."""

import math
import re
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from browser_pages import Page, number, wait_until
from made_up_run import MadeUpRun
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from viewer import serving
from watched_training import train

import keras_filterwatch as fw

pytestmark = pytest.mark.browser

EPOCHS = 6
DIGITS = 1e-3  # the page writes four digits


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Two trainings, `a` and `b`, which begin with other weights."""
    directory = tmp_path_factory.mktemp("logs")
    for seed, name in enumerate("ab"):
        train(directory / name, seed, EPOCHS)
    return directory


@pytest.fixture(scope="module")
def run(logs):
    return fw.read(logs / "a")


@pytest.fixture(scope="module")
def page(browser, logs):
    with serving(logs) as address:
        yield Page(browser, f"{address}data/plugin/filterwatch/page")


@pytest.fixture(scope="module")
def names(page):
    """The names of the two runs."""
    page.open()
    a, b = (option.get_property("value") for option in Select(page.control("Run")).options)
    return a, b


@pytest.fixture
def shown(page, names):
    """Opens run `a` with a state, and returns the page."""

    def shown(**state):
        page.open(run=names[0], **state)
        return page

    return shown


def press(page, *keys):
    page.browser.execute_script("document.activeElement.blur()")
    ActionChains(page.browser).send_keys(*keys).perform()


def same(text, value):
    """True if a number on the page is this one."""
    return number(text) == pytest.approx(value, rel=DIGITS, abs=1e-9, nan_ok=True)


def assert_table_shows(page, scores):
    """Demands that the table of layers has the verdicts and numbers of these scores."""

    def is_shown():
        rows = {row["Layer"]: row for row in page.rows("Table of layers")}
        return set(rows) == set(scores) and all(
            same(rows[name][score.replace("_", " ")], scores[name].get(score, math.nan))
            for name in scores
            for score in ("noise", "dead_units", "norm")
        )

    wait_until(page.browser, is_shown, f"the table of step {scores.step}", seconds=15)
    for row in page.rows("Table of layers"):
        assert row["Verdict"] == scores[row["Layer"]].verdict


def test_the_newest_step_is_shown_first(shown, run):
    page = shown()
    assert page.step == f"epoch {EPOCHS}"
    assert_table_shows(page, run.history[-1])


def test_the_slider_moves_the_table(shown, run):
    page = shown()
    page.wait_for("input[aria-label=Step]").send_keys(Keys.ARROW_LEFT * 4)
    page.wait_for_step(f"epoch {EPOCHS - 4}")
    assert_table_shows(page, run.history[EPOCHS - 4])


def test_play_goes_from_the_first_step_to_the_last(shown):
    page = shown(step=0)
    assert page.step == "start"
    page.button("Play").click()
    page.wait_for_step("epoch 1")
    page.wait_for_step(f"epoch {EPOCHS}")
    page.button("Play")  # it has stopped


def test_keys_move_step_layer_and_view(shown, run):
    page = shown(step=2)
    press(page, Keys.ARROW_RIGHT)
    page.wait_for_step("epoch 3")
    press(page, Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    page.wait_for_step("epoch 1")
    press(page, "l")
    page.wait_for("nav [aria-current]", "Layer")
    first, second, *_ = run.layers
    press(page, Keys.ARROW_LEFT)
    page.wait_for_step("start")
    page.open(**{**state_of(page), "layer": first})
    press(page, Keys.ARROW_DOWN)
    wait_until(page.browser, lambda: picked(page, "Layer") == second, second)
    press(page, "c")
    page.wait_for("nav [aria-current]", "Compare")
    press(page, "o", Keys.SPACE)
    page.wait_for("nav [aria-current]", "Overview")
    page.button("Stop").click()
    press(page, "?")
    page.wait_for("dl[aria-label=Keys]")


def picked(page, label):
    return page.control(label).get_property("value")


def state_of(page):
    return {k: v[0] for k, v in parse_qs(urlsplit(page.browser.current_url).fragment).items()}


def cell(page, run, layer, step):
    """A move of the pointer to a cell of the heat map."""
    canvas = page.wait_for(".heat-canvas canvas[aria-label^='Heat map']")
    size = canvas.size
    row, column = [*run.layers].index(layer), run.steps.index(step)
    x = (column + 0.5) / len(run.steps) * size["width"] - size["width"] / 2
    y = (row + 0.5) / len(run.layers) * size["height"] - size["height"] / 2
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    return ActionChains(page.browser).move_to_element_with_offset(canvas, int(x), int(y))


@pytest.mark.parametrize("score", ["noise", "norm"])
def test_hovering_the_heat_map_gives_the_number_of_the_record(shown, run, score):
    page = shown(score=score)
    cell(page, run, "second", 2).perform()
    text = page.wait_for(".hover", "epoch 2").text
    assert "second" in text
    assert same(page.all(".hover b")[1].text, run.history[2]["second"][score])


def test_another_score_is_picked_for_the_heat_map(shown, run):
    page = shown()
    Select(page.control("Score")).select_by_value("norm")
    page.wait_for("canvas[aria-label*='Heat map of norm']")
    cell(page, run, "first", 3).perform()
    page.wait_for(".hover", "norm")
    assert same(page.all(".hover b")[1].text, run.history[3]["first"]["norm"])


def test_a_click_on_the_heat_map_opens_the_layer_at_the_step(shown, run):
    page = shown()
    cell(page, run, "second", 2).click().perform()
    page.wait_for("nav [aria-current]", "Layer")
    assert picked(page, "Layer") == "second"
    page.wait_for_step("epoch 2")


def test_a_click_on_a_column_sorts_by_it_and_another_one_turns_the_order(shown, run):
    page = shown()
    last = run.history[-1]
    expected = sorted(last, key=lambda name: -last[name]["norm"])
    page.rows("Table of layers")
    for order in (expected, expected[::-1]):
        page.wait_for('[aria-label="Table of layers"] thead button', "norm").click()

        def is_sorted(order=order):
            return [row["Layer"] for row in page.rows("Table of layers")] == order

        wait_until(page.browser, is_sorted, f"layers in the order {order}", seconds=15)


def test_a_note_leads_to_its_layer_and_step(shown, run):
    alarm = next(note for note in run.notes if note.layer == "dead")
    page = shown()
    page.wait_for(".alarms button", alarm.message).click()
    page.wait_for("nav [aria-current]", "Layer")
    assert picked(page, "Layer") == "dead"
    page.wait_for_step(f"epoch {alarm.step}")


def test_the_diagnosis_is_that_of_the_step(shown, run):
    page = shown()
    for step, diagnosis in run.diagnoses:
        page = shown(step=step)
        page.wait_for("section[aria-label=Diagnosis]", diagnosis.advice)


def test_a_tap_of_a_filter_gives_the_weight_of_the_record(shown, run):
    page = shown(view="layer", layer="first", step=3, zoom=8)
    canvas = page.wait_for("section[aria-label=Filters] canvas")
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    # the left upper tap of the first filter
    x, y = (-canvas.size[side] / 2 + 6 for side in ("width", "height"))
    ActionChains(page.browser).move_to_element_with_offset(canvas, int(x), int(y)).perform()
    text = page.wait_for(".reading", "row 0").text
    assert text.startswith("filter 0, row 0, column 0")
    weights = run.kernels("first", 3).array[0, 0, :, 0]
    colours = ("red", "green", "blue")
    for colour, weight in zip(colours, weights, strict=True):
        (shown_weight,) = re.findall(rf"\b{colour} ([^ ,]+?)\.?(?:,| |$)", text)
        assert same(shown_weight, weight)


def test_a_selected_filter_shows_its_scores(shown, run):
    page = shown(view="layer", layer="first", step=3)
    canvas = page.wait_for("section[aria-label=Filters] canvas")
    page.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    x, y = (-canvas.size[side] / 2 + 6 for side in ("width", "height"))
    ActionChains(page.browser).move_to_element_with_offset(canvas, int(x), int(y)).click().perform()
    details = page.wait_for('section[aria-label="Selected filter"]', "Filter 0")
    rows = {}
    for row in details.find_elements("css selector", ".filter-scores tr"):
        cells = [cell.text for cell in row.find_elements("css selector", "th, td")]
        rows[cells[0]] = cells[1]
    filters = run.history[3]["first"].filters
    assert {"noise", "norm"} <= set(rows)
    for score, text in rows.items():
        assert same(text, float(filters[score.replace(" ", "_")][0]))
    assert state_of_soon(page, filter="0")


def state_of_soon(page, **parts):
    """Waits until the address keeps this."""
    return wait_until(page.browser, lambda: state_of(page).items() >= parts.items(), str(parts))


def test_a_link_restores_the_state(shown, names):
    page = shown(view="layer", layer="second", step=2)
    Select(page.control("Order of filters")).select_by_value("similarity")
    field = page.control("Number of the filter", "input")
    field.send_keys("5", Keys.ENTER)
    state_of_soon(page, filter="5", order="similarity")
    link = page.browser.current_url
    page.browser.get("about:blank")
    page.browser.get(link)
    page.wait_for('section[aria-label="Selected filter"]', "Filter 5")
    assert picked(page, "Layer") == "second"
    assert picked(page, "Order of filters") == "similarity"
    assert picked(page, "Run") == names[0]
    page.wait_for_step("epoch 2")


def test_the_back_button_returns_to_the_view_before(shown):
    page = shown()
    page.show("layer")
    page.show("compare")
    page.browser.back()
    page.wait_for("nav [aria-current]", "Layer")
    page.browser.back()
    page.wait_for("nav [aria-current]", "Overview")


def changes(page, count):
    """layer -> its row in the table of changes, as soon as all rotations are there."""

    def rows():
        rows = {row["layer"]: row for row in page.rows("Changes of all layers")}
        known = [row for row in rows.values() if not math.isnan(number(row["rotation"]))]
        return rows if len(known) >= count else None

    return wait_until(page.browser, rows, f"{count} rotations")


def assert_change(row, score, before, now):
    change, both = row[score].split(maxsplit=1)
    assert number(change) == pytest.approx(now - before, rel=DIGITS, abs=1e-4)
    assert [same(text, value) for text, value in zip(both.split(" → "), (before, now), strict=True)]


def test_a_run_is_compared_with_its_start(shown, run):
    page = shown(view="compare")
    rows = changes(page, len(run.layers))
    first, last = run.history[0], run.history[-1]
    assert set(rows) == set(run.layers)
    for name, row in rows.items():
        assert same(row["rotation"], last[name]["rotation"])
        assert_change(row, "norm", first[name]["norm"], last[name]["norm"])
    most, *_ = rows  # the one that stands first
    page.wait_for(".compare-headline", f"{most} changed most between start and epoch {EPOCHS}")


def test_two_steps_of_a_run_are_compared(shown, run):
    page = shown(view="compare", step=5)
    slider = page.control("Step to compare with", "input")
    slider.send_keys(Keys.ARROW_RIGHT * 2)
    page.wait_for(".compare-choice", "epoch 2")
    rows = changes(page, len(run.drawn_layers))
    comparison = fw.compare(run, run, steps=(2, 5))
    for name in run.drawn_layers:
        assert same(rows[name]["rotation"], comparison[name].rotation)


def test_two_runs_are_compared_at_steps_that_move_together(shown, run, logs, names):
    other = fw.read(logs / "b")
    page = shown(view="compare", step=4)
    Select(page.control("Run to compare with")).select_by_value(names[1])
    for step in (4, 3):
        page.wait_for(".compare-choice", f"{names[1]}, epoch {step} → {names[0]}, epoch {step}")
        rows = changes(page, len(run.drawn_layers))
        comparison = fw.compare(other, run, steps=(step, step))
        for name in run.drawn_layers:
            assert same(rows[name]["rotation"], comparison[name].rotation)
            norms = (each.history[step][name]["norm"] for each in (other, run))
            assert_change(rows[name], "norm", *norms)
        press(page, Keys.ARROW_LEFT)
    page.wait_for(".compare-headline", "nothing in common")


def test_the_filters_that_changed_most_come_first(shown, run):
    page = shown(view="compare", layer="first", filter=3)
    comparison = fw.compare(run, run, steps=(0, EPOCHS))
    rows = page.rows("Filters that changed most")
    order = sorted(range(16), key=lambda f: -comparison["first"].filter_rotations[f])
    assert [int(row["filter"]) for row in rows] == order[: len(rows)]
    for row in rows:
        rotation = comparison["first"].filter_rotations[int(row["filter"])]
        assert number(row["rotation"]) == pytest.approx(rotation, rel=0.02, abs=1e-4)
    scores = {row["score"]: row for row in page.rows("Scores of filter 3")}
    for step in (0, EPOCHS):
        title = "start" if step == 0 else f"epoch {step}"
        assert same(scores["norm"][title], run.history[step]["first"].filters["norm"][3])


def test_new_steps_appear_while_the_page_is_open(browser, tmp_path):
    growing = MadeUpRun(tmp_path / "growing", {"conv": (3, 3, 3, 8), "deep": (3, 3, 8, 8)})
    for step in range(2):
        growing.write(step)
    with serving(tmp_path) as address:
        page = Page(browser, f"{address}data/plugin/filterwatch/page")
        page.open()
        assert page.step == "epoch 1"
        growing.write(2)
        page.wait_for_step("epoch 2")
        assert_table_shows(page, fw.read(tmp_path / "growing").history[-1])
        # an alarm about it holds, though its noise score is the lower one
        assert page.rows("Table of layers")[0]["Layer"] == "deep"
        page.wait_for("input[aria-label=Step]").send_keys(Keys.ARROW_LEFT)
        growing.write(3)
        wait_until(browser, lambda: page.all("input[aria-label=Step][max='3']"), "a longer slider")
        assert page.step == "epoch 1"  # who looks at an older step stays there
    growing.close()


def test_a_training_can_be_watched_in_the_page(browser, tmp_path):
    with serving(tmp_path) as address:
        page = Page(browser, f"{address}data/plugin/filterwatch/page")
        browser.get(page.address)
        page.wait_for("h1", "No run yet")
        training = threading.Thread(target=train, args=(tmp_path / "live", 0, 3))
        training.start()
        page.wait_for("nav[aria-label=Views]")
        training.join()
        page.wait_for_step("epoch 3")
        assert_table_shows(page, fw.read(tmp_path / "live").history[-1])
