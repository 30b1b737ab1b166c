"""Makes what questions.md quotes: runs examples/questions/ and keeps their words and pictures.

`python docs/questions.py` runs all, in less than three minutes on two cores; with names of
examples, such as `mnist_convnet`, only these. What an example prints goes to docs/questions.md,
between `<!-- output of NAME -->` and `<!-- end of output -->`; its pictures go to
docs/images/question-*.png. MNIST is downloaded, unless the environment variable MNIST_T10K names a
folder that has its test images and labels, `t10k-*.gz`.
"""

import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "questions.md"
SCRIPTS = ROOT / "examples" / "questions"
EXAMPLES = ("mnist_convnet", "small_windows", "learning_rates", "digit_neurons")
WIDTH = 110  # characters of a line; tables may be wider
_BLOCK = re.compile(r"<!-- output of (\w+) -->\n.*?<!-- end of output -->", re.DOTALL)


def with_outputs(page: str, outputs: Mapping[str, str]) -> str:
    """Returns the text of a page with what examples printed; other examples keep their block.

    Raises:
        ValueError: the page has no place for an example.
    """
    missing = set(outputs) - set(_BLOCK.findall(page))
    if missing:
        raise ValueError(f"the page has no lines `<!-- output of {min(missing)} -->`.")

    def written(block: re.Match[str]) -> str:
        name = block[1]
        return output_block(name, outputs[name]) if name in outputs else block[0]

    return _BLOCK.sub(written, page)


def output_block(name: str, output: str) -> str:
    """Returns what an example printed as a block of a page, its long lines wrapped."""
    lines = "\n".join(map(_wrapped, output.strip().splitlines()))
    return f"<!-- output of {name} -->\n```text\n{lines}\n```\n<!-- end of output -->"


def _wrapped(line: str) -> str:
    is_sentence = "  " not in line  # columns of tables are at least two spaces apart
    return textwrap.fill(line, WIDTH, break_long_words=False) if is_sentence else line


def printed_by(name: str, folder: Path) -> str:
    """Runs an example in a folder, which gets its pictures, and returns what it printed."""
    script = [sys.executable, str(SCRIPTS / f"{name}.py")]
    return subprocess.run(script, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout


def save_picture(file: Path) -> None:
    """Saves a picture of an example for the page, with fewer colours if that loses nothing."""
    picture = Image.open(file)
    if picture.getcolors(256):
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(ROOT / "docs" / "images" / f"question-{file.name}", optimize=True)


def main() -> None:
    """Runs the examples that are named, or all, and writes the page."""
    outputs = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in sys.argv[1:] or EXAMPLES:
            start = time.perf_counter()
            outputs[name] = printed_by(name, Path(scratch))
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
        for file in Path(scratch).glob("*.png"):
            save_picture(file)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_outputs(page, outputs), encoding="utf-8")


if __name__ == "__main__":
    main()
