"""The files of the page become one script: the same functions, each module behind its imports."""

import re
import shutil
import subprocess

import pytest

from keras_filterwatch.view import bundle


@pytest.fixture
def script(tmp_path):
    """Writes modules, and returns the script that `entry.js` and its imports become."""

    def script(**modules):
        for name, code in modules.items():
            path = tmp_path / f"{name.replace('__', '/')}.js"
            path.parent.mkdir(exist_ok=True)
            path.write_text(code, encoding="utf-8")
        return bundle.script("entry.js", tmp_path)

    return script


def printed(code):
    """What Node.js prints when it runs a script as a module."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    command = ["node", "--input-type=module", "-"]
    process = subprocess.run(command, input=code, capture_output=True, text=True, check=True)
    return process.stdout.split()


def test_modules_stand_behind_those_that_they_import(script):
    code = script(
        entry='import { B } from "./b.js";\nimport { C } from "./c.js";\nconsole.log(B, C);\n',
        b='import { C } from "./c.js";\nexport const B = C + 1;\n',
        c="export const C = 1;\n",
    )
    assert code.count("const C = 1") == 1
    assert printed(code) == ["2", "1"]


def test_names_that_are_not_exported_may_be_the_same(script):
    code = script(
        entry='import { a } from "./a.js";\nconst SIZE = 2;\nconsole.log(SIZE, a());\n',
        a="const SIZE = 1;\nexport function a() {\n  return SIZE;\n}\n",
    )
    assert printed(code) == ["2", "1"]


def test_imports_of_several_lines_and_all_kinds_of_exports_are_joined(script):
    code = script(
        entry='import {\n  A,\n  b,\n  c,\n} from "./a.js";\n'
        "console.log(new A().a, b(), await c());\n",
        a="export class A {\n  a = 1;\n}\nexport function b() {\n  return 2;\n}\n"
        "export async function c() {\n  return 3;\n}\n",
    )
    assert printed(code.replace("(() => {\nconsole", "await (async () => {\nconsole")) == [*"123"]


def test_what_is_vendored_may_rename_its_exports(script):
    code = script(
        entry='import { html, h } from "./vendor/v.js";\nconsole.log(html, h);\n',
        vendor__v="var e=1,n=2;export{e as html,n as h};\n",
    )
    assert printed(code) == ["1", "2"]


def test_comments_are_left_out_and_text_that_looks_like_code_is_kept(script):
    code = script(
        entry="// one\n/**\n * two\n * @param {import('x')} y\n */\n"
        "const t = `\nimport numpy as np`;\n"
        "console.log(t); // three\n"
    )
    assert "one" not in code
    assert "two" not in code
    assert printed(code) == ["import", "numpy", "as", "np"]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"a": "export const A = 1;\n", "b": "export const A = 2;\n"}, "both export 'A'"),
        ({"a": "const A = 1;\n", "b": ""}, "imports 'A', a.js has none"),
        ({"a": "export default 1;\n", "b": ""}, "'export default 1;' cannot be joined"),
        ({"a": "export const A = 1;\n", "b": 'import * as a from "./a.js";\n'}, "cannot be joined"),
        ({"a": 'import { x } from "./entry.js";\nexport const A = 1;\n', "b": ""}, "each other"),
        ({"a": 'export const A = "</script>";\n', "b": ""}, "cannot stand in a script"),
        ({"a": 'export const A = "<!-- x";\n', "b": ""}, "cannot stand in a script"),
    ],
)
def test_what_cannot_be_joined_is_an_error(script, modules, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        script(entry='import { A } from "./a.js";\nimport { } from "./b.js";\n', **modules)


def test_the_page_becomes_one_script_without_imports():
    code = bundle.script()
    assert not re.search(r"^(import|export) ", code.replace("import keras", ""), re.MULTILINE)
    for name in ("startReport", "start", "App", "html"):
        assert re.search(rf"^const {{.*\b{name}\b.* }} = \(\(\) => {{$", code, re.MULTILINE), name


def test_the_script_of_the_page_is_valid_javascript(tmp_path):
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    path = tmp_path / "page.mjs"
    path.write_text(bundle.script(), encoding="utf-8")
    subprocess.run(["node", "--check", path], check=True)


def test_the_style_sheets_are_joined_and_fetch_nothing():
    text = bundle.styles()
    for name in bundle.STYLES:
        rules = (bundle.PAGE / name).read_text(encoding="utf-8")
        assert rules.rsplit("}", 2)[-2].strip()[:20] in text, name
    assert "url(" not in text


@pytest.mark.parametrize("rule", ['@import "x.css";', "a { background: url(x.png); }"])
def test_a_style_sheet_that_fetches_is_an_error(tmp_path, rule):
    (tmp_path / "style.css").write_text(rule, encoding="utf-8")
    with pytest.raises(ValueError, match="must not fetch"):
        bundle.styles(tmp_path)
