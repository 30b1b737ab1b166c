"""One script and one style sheet made of the files of the page, for a report."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent / "page"
STYLES = ("style.css", "layer.css", "compare.css")

_IMPORT = re.compile(r'^import \{([^}"]*)\} from "([^"]+)";\n?', re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?=(?:async function|function\*?|const|class) ([\w$]+))", re.MULTILINE
)
# a vendored file ends with its exports, of other names than inside: export{a as h,b as html};
_VENDORED_EXPORTS = re.compile(r"export\s*\{([^}]*)\};?\s*\Z")
_LEFT_OVER = re.compile(
    r"""^(?:import (?:[{*"']|\w+(?: from|,))|export\b).*|\bawait import\(.*""", re.MULTILINE
)
# Comments that have lines of their own: a report is shorter without them.
_COMMENT = re.compile(r"^ *(?:/\*\*?\s(?:[^*]|\*(?!/))*\*/|//[^\n]*) *\n", re.MULTILINE)
# what would end a script or a style sheet within HTML
_UNSAFE = re.compile(r"</(?:script|style)|<!--|<script", re.IGNORECASE)


class _Module(NamedTuple):
    """A file of the page.

    Attributes:
        imports: file -> the names that are imported from it.
        exports: name -> what it is called in the file.
        code: the file without its imports and exports.
    """

    imports: dict[Path, list[str]]
    exports: dict[str, str]
    code: str


def script(entry: str = "report.js", folder: Path = PAGE) -> str:
    """Returns a module of the page and all that it imports, as one script without imports.

    Each module becomes a function that is called at once, behind those that it imports. What it
    exports are constants of the script. So their names have to differ, and an import cannot rename.

    Args:
        entry: the module that the script ends with.
        folder: where the modules are.

    Raises:
        ValueError: two modules export the same name, or an import or export is missing or of a
            form that cannot be joined.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "one.js").write_text("export const ONE = 1;\\n")
        >>> _ = (folder / "two.js").write_text('import { ONE } from "./one.js";\\nalert(ONE);\\n')
        >>> print(script("two.js", folder))
        const { ONE } = (() => {
        const ONE = 1;
        return { ONE };
        })();
        (() => {
        alert(ONE);
        })();
        <BLANKLINE>
    """
    modules: dict[Path, _Module] = {}
    _add_module((folder / entry).resolve(), modules)
    owners: dict[str, Path] = {}  # of the names that are exported
    for path, module in modules.items():
        for name in module.exports:
            if name in owners:
                raise ValueError(f"{owners[name].name} and {path.name} both export {name!r}.")
            owners[name] = path
        for imported, names in module.imports.items():
            for name in names:
                if name not in modules[imported].exports:
                    raise ValueError(f"{path.name} imports {name!r}, {imported.name} has none.")
    return _checked("".join(map(_as_function, modules.values())))


def styles(folder: Path = PAGE) -> str:
    """Returns the style sheets of the page as one.

    Raises:
        ValueError: they would end the element `<style>`, or fetch something.

    Example:
        >>> ":root" in styles()
        True
    """
    files = [folder / name for name in STYLES]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    if re.search(r"@import|url\(", text):
        raise ValueError("the style sheets of the page must not fetch anything.")
    return _checked(re.sub(r"/\*.*?\*/\n?", "", text, flags=re.DOTALL))


def _add_module(path: Path, modules: dict[Path, _Module], importers: tuple[Path, ...] = ()) -> None:
    """Adds a module behind those that it imports, in the order in which a browser runs them."""
    text = path.read_text(encoding="utf-8")
    is_vendored = path.parent.name == "vendor"
    code = text if is_vendored else _COMMENT.sub("", text)
    imports: dict[Path, list[str]] = {}
    for match in _IMPORT.finditer(code):
        names = [name.strip() for name in match[1].split(",")]
        imports[(path.parent / match[2]).resolve()] = [name for name in names if name]
    exports = {name: name for name in _EXPORT.findall(code)}
    if is_vendored and (vendored := _VENDORED_EXPORTS.search(code)):
        pairs = [pair.split(" as ") for pair in vendored[1].split(",")]
        exports = {pair[-1].strip(): pair[0].strip() for pair in pairs}
        code = code[: vendored.start()]
    code = _EXPORT.sub("", _IMPORT.sub("", code)).strip()
    if left_over := _LEFT_OVER.search(code):
        raise ValueError(f"{path.name}: {left_over[0]!r} cannot be joined with other modules.")
    for imported in imports:
        if imported in (*importers, path):
            raise ValueError(f"{path.name} and {imported.name} import each other.")
        if imported not in modules:
            _add_module(imported, modules, (*importers, path))
    modules[path] = _Module(imports, exports, code)


def _as_function(module: _Module) -> str:
    """Returns a module as a function that is called at once, and constants that it exports."""
    names = ", ".join(module.exports)
    values = ", ".join(
        name if name == inner else f"{name}: {inner}" for name, inner in module.exports.items()
    )
    left, right = (f"const {{ {names} }} = ", f"\nreturn {{ {values} }};") if names else ("", "")
    return f"{left}(() => {{\n{module.code}{right}\n}})();\n"


def _checked(text: str) -> str:
    """Returns a text that can stand in an element `<script>` or `<style>` of HTML."""
    if match := _UNSAFE.search(text):
        raise ValueError(f"{match[0]!r} cannot stand in a script or a style sheet within HTML.")
    return text
