"""Makes the tables of the pages from the code, so that no page says what the code does not.

`python -m docs.tables`, in the root of the repository, writes each table of `TABLES` between
`<!-- NAME -->` and `<!-- end of NAME -->` in the pages that have these lines. The rest of a page
stays as it is. `tests/test_docs.py` fails while a table is out of date.
"""

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from keras_filterwatch.diagnosis import ADVICE
from keras_filterwatch.draw.catalogue import PICTURES
from keras_filterwatch.metrics import METRICS
from keras_filterwatch.rules import RULES

ROOT = Path(__file__).resolve().parent.parent
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))
_PACKAGE = ROOT / "keras_filterwatch"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; cells may have Markdown in them, but no line breaks."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines
    )


def scores() -> str:
    """Returns the scores, what each says, and the file that measures it."""
    return table(
        ("score", "what it says", "measured in"),
        (
            (f"`{name}`", description, _link_to(metric.measure))
            for metric in METRICS
            for name, description in metric.descriptions.items()
        ),
    )


def alarms() -> str:
    """Returns the alarms, their levels, and when each is raised."""
    return table(
        ("alarm", "level", "when it is raised"),
        ((f"`{name}`", levels, when) for name, (_, levels, when) in RULES.items()),
    )


def causes() -> str:
    """Returns what a diagnosis can say, and what to try first."""
    return table(("cause", "what to try first"), ADVICE.items())


def pictures() -> str:
    """Returns the pictures that `FilterWatch(images=[...])` draws."""
    return table(
        ("picture", "what it shows", "drawn by default", "needs `probe`"),
        (
            (
                f"`{name}`",
                picture.description,
                "yes" if picture.default else "",
                "yes" if picture.needs_probe else "",
            )
            for name, picture in PICTURES.items()
        ),
    )


def layout() -> str:
    """Returns each file of the package, with the first line of its docstring."""
    rows = []
    for path in sorted(_PACKAGE.rglob("*.py"), key=_files_before_folders):
        parts = path.relative_to(_PACKAGE).parts
        folder = f"{'/'.join(parts[:-1])}/" if len(parts) > 1 else ""
        name = folder if path.name == "__init__.py" and folder else folder + path.name
        rows.append((f"`{name}`", _first_line(path)))
    return table(("file", "what it does"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "scores": scores,
    "alarms": alarms,
    "causes": causes,
    "pictures": pictures,
    "layout": layout,
}
_PART = re.compile(r"<!-- (\w+) -->\n.*?<!-- end of \1 -->", re.DOTALL)


def filled(page: str) -> str:
    """Returns the text of a page with all its tables as the code has them now."""
    return _PART.sub(lambda part: _written(part[1]), page)


def _written(name: str) -> str:
    return f"<!-- {name} -->\n{TABLES[name]()}\n<!-- end of {name} -->"


def _link_to(function: Callable[..., object]) -> str:
    path = f"{function.__module__.replace('.', '/')}.py"
    return f"[{Path(path).name}](../{path})"


def _files_before_folders(path: Path) -> tuple[str, bool, str]:
    parent = path.parent.relative_to(_PACKAGE).as_posix()
    return parent, path.name != "__init__.py", path.name


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


if __name__ == "__main__":
    for file in PAGES:
        text = file.read_text(encoding="utf-8")
        if filled(text) != text:
            file.write_text(filled(text), encoding="utf-8")
            print(f"wrote the tables of {file.relative_to(ROOT)}")
