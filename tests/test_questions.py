"""docs/questions.md quotes what the examples print, and shows the pictures that they write."""

import re

import pytest

from docs import questions

PAGE = questions.PAGE.read_text(encoding="utf-8")
TABLE = "layer     kernel    noise  verdict" + " " * 80 + "note"


def block(name, text):
    return f"# Page\n\n<!-- output of {name} -->\n{text}\n<!-- end of output -->\n\nMore.\n"


def test_what_an_example_prints_stands_between_its_lines():
    page = block("one", "old") + block("two", "stays")
    filled = questions.with_outputs(page, {"one": "\nconv2d: not random.\n"})
    new = "```text\nconv2d: not random.\n```"
    assert filled == block("one", new) + block("two", "stays")


def test_long_sentences_are_wrapped_and_tables_are_not():
    sentence = "conv2d: " + "not random, " * 20 + "look."
    lines = questions.output_block("one", f"{sentence}\n{TABLE}").splitlines()
    assert TABLE in lines
    assert max(len(line) for line in lines if line != TABLE) <= questions.WIDTH
    assert sentence in " ".join(lines)


def test_an_example_without_a_place_on_the_page_is_an_error():
    with pytest.raises(ValueError, match="no lines `<!-- output of two -->`"):
        questions.with_outputs(block("one", ""), {"two": "text"})


def test_the_blocks_of_the_page_are_what_its_generator_writes():
    outputs = re.findall(
        r"<!-- output of (\w+) -->\n```text\n(.*?)\n```\n<!-- end", PAGE, re.DOTALL
    )
    assert tuple(name for name, _ in outputs) == questions.EXAMPLES
    assert questions.with_outputs(PAGE, dict(outputs)) == PAGE


@pytest.mark.parametrize("name", questions.EXAMPLES)
def test_each_example_is_named_on_the_page(name):
    assert (questions.SCRIPTS / f"{name}.py").exists()
    assert f"examples/questions/{name}.py" in PAGE


def test_an_example_runs_in_the_folder_that_gets_its_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(questions, "SCRIPTS", tmp_path)
    (tmp_path / "small.py").write_text("open('a.png', 'w').close()\nprint('conv2d: random.')\n")
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert questions.printed_by("small", folder) == "conv2d: random.\n"
    assert (folder / "a.png").exists()
