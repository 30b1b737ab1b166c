"""Foreign text in Markdown, on the console and in messages."""

import markdown as python_markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_filterwatch import text

HOSTILE = [
    "![x](http://example.org/pixel.png)",
    "[click](javascript:alert(1))",
    "<img src=http://example.org/pixel.png>",
    "</td></table><script>alert(1)</script>",
    "a | b || c",
    "`code` **bold** _emphasis_ __init__",
    "line\nbreak\r\nand\ttab",
    "# title",
    "&lt;b&gt;",
    "back\\slash \\| pipe",
]


def rendered(cell):
    """HTML of a table with one cell, by the renderer that TensorBoard uses."""
    table = f"| layer | alarm |\n|---|---|\n| {cell} | end |"
    return python_markdown.markdown(table, extensions=["markdown.extensions.tables"])


@pytest.mark.parametrize("foreign", HOSTILE)
def test_a_table_keeps_its_cells_and_has_no_image_or_link(foreign):
    html = rendered(text.markdown(foreign))
    assert html.count("<td>") == 2
    assert "<td>end</td>" in html
    for tag in ("<img", "<a ", "<script", "<strong", "<em", "<code"):
        assert tag not in html


@pytest.mark.parametrize("foreign", HOSTILE)
def test_what_is_shown_reads_as_what_came(foreign):
    import html

    cell = rendered(text.markdown(foreign)).split("<td>")[1].split("</td>")[0]
    expected = " ".join(foreign.split())
    assert " ".join(html.unescape(cell).split()) == expected


@pytest.mark.parametrize("name", ["conv2d_1", "block1/conv", "Conv2D", "dense.kernel"])
def test_ordinary_names_stay_as_they_are(name):
    assert text.markdown(name) == name
    assert text.printable(name) == name


@given(st.text())
def test_any_text_is_one_line_of_printable_characters(foreign):
    line = text.printable(foreign)
    assert line.isprintable()
    line.encode()  # no lone surrogate is left


@given(st.text(max_size=40))
def test_any_text_keeps_the_table_whole(foreign):
    assert rendered(text.markdown(foreign)).count("<td>") == 2


def test_colour_codes_for_the_console_are_written_out():
    assert text.printable("\x1b[31mred\x07") == "\\x1b[31mred\\x07"


def test_many_names_are_cut_off_with_their_number():
    assert text.listed(range(5), most=3) == "0, 1, 2 and 2 more"
    assert text.listed(range(3), most=3) == "0, 1, 2"


def test_a_similar_name_is_suggested():
    assert text.suggestion("secnd", ["first", "second"]) == "did you mean 'second'"


def test_without_a_similar_name_all_are_listed():
    assert text.suggestion("x", ["first", "second"]) == "there are 'first', 'second'"
    assert text.suggestion("x", []) == "there are none"


class UnreadableError(Exception):
    def __str__(self):
        raise ValueError("no")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyError("conv"), "KeyError: 'conv'"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (ValueError("\x1b[1mbold\x1b[0m"), "ValueError: bold"),
        (ValueError("Preface. Error encountered:\n\nbad"), "ValueError: bad"),
        (ValueError("bad\n\nArguments received by call(): lots"), "ValueError: bad"),
        (ValueError("x y " * 250), "ValueError: " + "x y " * 49 + "x y ..."),
        (UnreadableError(), "UnreadableError: its message cannot be read"),
    ],
)
def test_an_error_is_described_in_one_short_line(error, line):
    assert text.described(error) == line


def test_an_error_about_a_very_long_name_still_says_what_went_wrong():
    error = ValueError(f"kernel {'a' * 500!r} has weights that are not finite")
    message = text.error_message(error)
    assert message.startswith("kernel 'aaa")
    assert message.endswith("has weights that are not finite")
