"""The pages: their tables are those of the code, their examples run, their links lead somewhere."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import keras_filterwatch as fw
from docs import tables
from keras_filterwatch.sentences import situations

ROOT = Path(__file__).resolve().parent.parent
PAGES = [path.relative_to(ROOT).as_posix() for path in tables.PAGES]
# Pages whose examples run one after the other. Those of the gallery need several networks, which
# docs/gallery.py trains.
RUNNABLE = [
    *("README.md", "docs/scores.md", "docs/alarms.md", "docs/tensorboard.md", "docs/inputs.md"),
    *("docs/compare.md", "docs/record.md", "docs/report.md"),
]


def text_of(page):
    return (ROOT / page).read_text(encoding="utf-8")


def examples(page):
    """The Python blocks of a page, below empty lines, so that errors name its line on the page."""
    text = text_of(page)
    return [
        "\n" * text[: block.start(1)].count("\n") + block[1]
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ]


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links(page):
    """The links and pictures of a page that lead to files of the repository."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not re.match(r"\w+:", target)]


@pytest.mark.parametrize("page", PAGES)
def test_tables_of_a_page_are_those_of_the_code(page):
    text = text_of(page)
    assert tables.filled(text) == text, "run `python -m docs.tables`"


@pytest.mark.parametrize("name", tables.TABLES)
def test_each_table_is_on_a_page(name):
    assert any(f"<!-- {name} -->\n" in text_of(page) for page in PAGES)


def test_a_table_that_is_out_of_date_is_noticed():
    page = "# Alarms\n\n<!-- alarms -->\nout of date\n<!-- end of alarms -->\n\nmore\n"
    filled = tables.filled(page)
    assert "out of date" not in filled
    assert "`diverged`" in filled
    assert filled.startswith("# Alarms\n\n<!-- alarms -->\n| alarm |")
    assert filled.endswith("|\n<!-- end of alarms -->\n\nmore\n")


def test_scores_that_the_pages_explain_exist():
    page = text_of("docs/scores.md").partition("## What is good")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(names) > 20
    assert names <= set(fw.metrics.DESCRIPTIONS)


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files_and_headings(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.resolve().relative_to(ROOT).as_posix()), target


@pytest.mark.parametrize("page", PAGES)
def test_examples_of_a_page_compile(page):
    for example in examples(page):
        compile(example, page, "exec")


@pytest.fixture
def network():
    """A small network with the layers that the pages name."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv2d"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, name="head"),
        ]
    )
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("page", RUNNABLE)
def test_examples_of_a_page_run(page, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = network.fit
    monkeypatch.setattr(network, "fit", lambda x, y, epochs, **rest: fit(x, y, epochs=2, **rest))
    random = np.random.default_rng(0)
    x, y = random.standard_normal((8, 12, 12, 3)), random.standard_normal((8, 2))
    names = {"model": network, "x": x, "y": y, "fw": fw}
    for example in examples(page):
        exec(compile(example, page, "exec"), names)
    watched = [value for value in names.values() if isinstance(value, fw.FilterWatch)]
    assert [problem for watch in watched for problem in watch.problems] == []


def test_the_share_of_rough_first_layers_that_sentences_name_is_the_measured_one():
    page = text_of("docs/claims.md")
    (measured,) = set(re.findall(r"Of (\d+) accurate networks, .*? and of (\d+ %)", page))
    assert measured == (situations.ACCURATE_NETWORKS, situations.ROUGH_SHARE)
