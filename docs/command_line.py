"""Makes what cli.md and the README show: the options of each command, and real sessions.

`python -m docs.command_line`, in the root of the repository, writes the options from the parser,
between `<!-- options of NAME -->` and `<!-- end of options -->`. With `sessions` it also trains the
network of reading-filters.md twice, runs the commands of `SESSIONS` in the folder that holds the
results, in about a minute on two cores, and writes what they print. `tests/test_cli_docs.py` fails
while the options are out of date.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from keras_filterwatch.cli.parser import parser

ROOT = Path(__file__).resolve().parent.parent
PAGE, README = ROOT / "docs" / "cli.md", ROOT / "README.md"
WIDTH = 110  # characters of a line; tables may be wider
EPOCHS = 12

# name -> what is typed; the last line's exit status is shown if it is not 0
SESSIONS = {
    "audit": ("keras-filterwatch audit usual.keras",),
    "fail": (
        "keras-filterwatch audit --quiet --fail-on dead=0.2,noisy usual.keras penalised.keras "
        "download.keras",
    ),
    "json": ("keras-filterwatch audit usual.keras --layers first --format json | head -n 34",),
    "compare": ("keras-filterwatch compare checkpoints/epoch-01.keras usual.keras",),
    "series": (
        "keras-filterwatch series checkpoints --log-dir logs/usual --csv training.csv",
        "keras-filterwatch show logs/usual --format json | head -n 8",
    ),
    "follow": ("keras-filterwatch show logs/usual --follow | head -n 5",),
}
_SESSION = re.compile(r"<!-- session (\w+) -->\n.*?<!-- end of session -->", re.DOTALL)
_OPTIONS = re.compile(r"<!-- options of (\w+) -->\n.*?<!-- end of options -->", re.DOTALL)


def with_options(page: str) -> str:
    """Returns the text of the page with the options that the parser has now."""
    commands = command_parsers()

    def written(block: re.Match[str]) -> str:
        table = "\n".join(_options(commands[block[1]]))
        return f"<!-- options of {block[1]} -->\n{table}\n<!-- end of options -->"

    return _OPTIONS.sub(written, page)


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """Returns the parser of each command."""
    (commands,) = (
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(commands.choices)


def _options(command: argparse.ArgumentParser) -> list[str]:
    """Returns a table of the arguments of a command, without its help."""
    formatter = command._get_formatter()
    lines = ["| argument | what it says |", "| --- | --- |"]
    common = ("help", "quiet", "debug")
    actions = sorted(
        command._actions, key=lambda each: (each.dest in common, each.option_strings != [])
    )
    for action in actions:
        if isinstance(action, argparse._HelpAction):
            continue
        names = ", ".join(action.option_strings)
        values = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
        written = " ".join(filter(None, (names, "" if action.nargs == 0 else values)))
        about = formatter._expand_help(action)
        lines.append(f"| `{written}` | {about} |".replace("\n", " "))
    return lines


def with_sessions(page: str, outputs: dict[str, str]) -> str:
    """Returns the text of the page with what commands printed."""
    return _SESSION.sub(
        lambda block: (
            f"<!-- session {block[1]} -->\n```console\n{outputs[block[1]]}\n```\n"
            "<!-- end of session -->"
        ),
        page,
    )


def session(lines: tuple[str, ...], folder: Path) -> str:
    """Runs lines of a shell in a folder; returns what a terminal would show."""
    command = f'keras-filterwatch() {{ "{sys.executable}" -m keras_filterwatch "$@"; }}\n'
    shown = []
    for line in lines:
        process = subprocess.run(
            ["bash", "-c", command + line],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        shown.append(f"$ {line}")
        shown += map(_wrapped, process.stdout.rstrip().splitlines())
        if process.returncode not in (0, 141):
            shown += ["$ echo $?", str(process.returncode)]
    return "\n".join(shown)


def _wrapped(line: str) -> str:
    is_sentence = "  " not in line  # columns of tables are at least two spaces apart
    return textwrap.fill(line, WIDTH, break_long_words=False) if is_sentence else line


def train(folder: Path) -> None:
    """Saves two networks, the checkpoints of one and its log."""
    import keras

    sys.path.insert(0, str(ROOT / "docs"))
    from reading_filters import L2, PATCHES, network, patches

    x, y = patches(PATCHES, seed=0)
    for name, l2 in (("usual", L2), ("penalised", 20 * L2)):
        model = network(l2=l2)
        callbacks = []
        if name == "usual":
            (folder / "checkpoints").mkdir()
            callbacks = [
                keras.callbacks.ModelCheckpoint(folder / "checkpoints" / "epoch-{epoch:02d}.keras"),
                keras.callbacks.CSVLogger(folder / "training.csv"),
            ]
        model.fit(x, y, batch_size=64, epochs=EPOCHS, verbose=0, callbacks=callbacks)
        model.save(folder / f"{name}.keras")
    (folder / "download.keras").write_bytes((folder / "usual.keras").read_bytes()[:4000])


def main() -> None:
    """Writes the pages."""
    page = with_options(PAGE.read_text(encoding="utf-8"))
    if "sessions" in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as scratch:
            train(Path(scratch))
            outputs = {name: session(lines, Path(scratch)) for name, lines in SESSIONS.items()}
        page = with_sessions(page, outputs)
        readme = with_sessions(README.read_text(encoding="utf-8"), outputs)
        README.write_text(readme, encoding="utf-8")
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
