"""Chromium for the tests, Debian's browser and driver, and what is read from its pages."""

import json
import math
import os
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-quic", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--window-size=1400,1900"),
)
_DEEP = """
const deep = (selector, root) => {
    const trees = [...root.querySelectorAll("*")].map(e => e.shadowRoot).filter(Boolean);
    return [...root.querySelectorAll(selector), ...trees.flatMap(tree => deep(selector, tree))];
};
return deep(arguments[0], arguments[1] ? arguments[1].shadowRoot : document);
"""
_ROWS = """
const table = document.querySelector(arguments[0]);
return [...(table ? table.rows : [])].map(row => [...row.cells].map(cell => cell.innerText.trim()));
"""
_AXE = Path(__file__).parent / "page" / "node_modules" / "axe-core" / "axe.min.js"
_AXE_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(
    violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(n => n.failureSummary + n.html)])
), error => done([String(error)]));
"""


@contextmanager
def chromium(profile):
    """A browser, which ends with the block; it logs what pages print and ask for."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # a driver that is named is taken as it is; Selenium would download one otherwise
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def find(browser, selector, card=None):
    """Elements of the page, or of a card, also those in shadow trees, where TensorBoard lives."""
    return browser.execute_script(_DEEP, selector, card)


def wait_until(browser, true, what, seconds=30):
    """Waits until a function returns something true, which is then returned: pages load late."""
    wait = WebDriverWait(
        *(browser, seconds, 0.05), ignored_exceptions=[StaleElementReferenceException]
    )
    return wait.until(lambda _: true(), f"after {seconds} s, not yet: {what}")


def keep(browser, name, default):
    """Keeps what is shown as `<name>.png` in $FILTERWATCH_SCREENSHOTS, or in a default folder."""
    directory = Path(os.environ.get("FILTERWATCH_SCREENSHOTS", default))
    directory.mkdir(parents=True, exist_ok=True)
    assert browser.save_screenshot(str(directory / f"{name}.png"))


def forget_logs(browser):
    """Drops what was logged so far, so that a test reads only its own."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)


def console_errors(browser):
    """The errors that were printed to the console since the logs were read last."""
    return [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def requests(browser):
    """The addresses that were asked for since the logs were read last, without data in them."""
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    urls = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]


def number(text):
    """A number as the page writes it; NaN for what is undefined."""
    text = text.replace("\u2212", "-").replace(",", "").replace("∞", "inf")
    return math.nan if text in ("\u2013", "") else float(text)


class Page:
    """The page, in the frame that the browser is switched to."""

    def __init__(self, browser, address=""):
        self.browser = browser
        self.address = address

    def open(self, **state):
        """Loads the page with a state in its address, and waits until it shows the run."""
        self.browser.get("about:blank")  # else a new fragment alone loads nothing
        self.browser.get(f"{self.address}#{urlencode(state)}" if state else self.address)
        self.wait_for("nav[aria-label=Views]")

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def wait_for(self, selector, text=""):
        """The first element with a text, as soon as it is there."""

        def first():
            return next((each for each in self.all(selector) if text in each.text), None)

        return wait_until(self.browser, first, f"{selector} {text}")

    def button(self, text):
        """The button with a text or a label."""

        def first():
            buttons = self.all("button")
            return next(
                (b for b in buttons if text in (b.text, b.get_attribute("aria-label"))), None
            )

        return wait_until(self.browser, first, f"button {text}")

    def control(self, name, selector="select"):
        """The control of this accessible name, which a label or an attribute gives it."""

        def first():
            return next((c for c in self.all(selector) if c.accessible_name == name), None)

        return wait_until(self.browser, first, f"{selector} {name}")

    def show(self, view):
        """Goes to a view by its tab."""
        self.button(view.capitalize()).click()
        self.wait_for("nav [aria-current]", view.capitalize())

    @property
    def step(self):
        """The step in words, as the time slider says it."""
        return self.wait_for("input[aria-label=Step]").get_attribute("aria-valuetext")

    def wait_for_step(self, text):
        wait_until(self.browser, lambda: self.step == text, f"step {text}, not {self.step}")

    def rows(self, label):
        """The rows of a table below what has a label, each {text of the head: text of the cell}."""
        selector = f'[aria-label="{label}"] table'
        rows = wait_until(
            self.browser,
            lambda: (
                self.browser.execute_script(_ROWS, selector)[1:]
                and self.browser.execute_script(_ROWS, selector)
            ),
            f"rows of {label}",
        )
        head = [text.rstrip(" ↑↓") for text in rows[0]]
        return [dict(zip(head, row, strict=False)) for row in rows[1:]]

    def accessibility_faults(self):
        """What axe-core finds serious or critical."""
        assert _AXE.exists(), "axe-core is missing: run `make test-page` first."
        self.browser.execute_script(_AXE.read_text(encoding="utf-8"))
        return self.browser.execute_async_script(_AXE_RUN)

    def width_of_content(self):
        return self.browser.execute_script("return document.documentElement.scrollWidth")


@contextmanager
def emulated(browser, width=1280, height=900, dark=False):
    """A window of another size, in dark colours if asked for."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
