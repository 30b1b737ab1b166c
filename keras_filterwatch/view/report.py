"""A report: the page with the record of a run in one HTML file, which fetches nothing."""

import base64
import hashlib
import html
import io
import math
import os
import re
from pathlib import Path

from keras_filterwatch.draw.overview import overview
from keras_filterwatch.runs import Run
from keras_filterwatch.storage.local import LocalFolder
from keras_filterwatch.text import printable
from keras_filterwatch.view import bundle, static_page
from keras_filterwatch.view.documents import as_json
from keras_filterwatch.view.report_documents import documents_that_fit

SMALL, LARGE = 1_000_000, 3_000_000  # bytes of a report
_SMALL_NETWORK = 1_500_000  # weights up to which a report is small
_FOR_OVERVIEW = 0.15  # share of the file that the overview may take
_RUN_FOLDER = re.compile(r"filterwatch(-\d+)?")


def write_report(run: Run, path: str | os.PathLike[str], max_bytes: int | None = None) -> Path:
    """Writes a report, as `Run.report` describes it; returns its path."""
    place = _checked(path)
    page = report_page(run, max_bytes)
    try:
        # meanwhile readers see the earlier file, or none
        LocalFolder(place.parent, str(place.parent)).write(place.name, page.encode())
    except OSError as error:
        reason = f"the report cannot be written: {error.strerror or error}"
        raise OSError(error.errno, reason, os.fspath(path)) from error
    return place


def report_page(run: Run, max_bytes: int | None = None) -> str:
    """Returns the HTML of a report.

    Args:
        run: at least one step of it.
        max_bytes: how large it may be, encoded as UTF-8; None for 1 MB for a network of up to 1.5
            million weights, 3 MB for a larger one.

    Raises:
        ValueError: the run has no step yet, or so few bytes cannot hold it.
    """
    if not run.steps:
        raise ValueError(
            f"the record in {run.location} has no step yet, so that there is nothing to report: "
            "the first step is recorded as the training begins."
        )
    most = _default_bytes(run) if max_bytes is None else _checked_bytes(max_bytes)
    name = run_name(run.location)
    static = static_page.static_part(run, name, _overview_png(run, int(_FOR_OVERVIEW * most)))
    script, styles = bundle.script() + "startReport();\n", bundle.styles() + static_page.STYLES
    empty = _page(name, static, styles, script, _content(name, {}))
    room = most - len(empty.encode())
    try:
        documents = documents_that_fit(run, name, room)
    except ValueError as error:
        raise ValueError(
            f"max_bytes: {most:,} bytes cannot hold a report of this run; the page without its "
            f"scores takes {len(empty.encode()):,}. Give it more, such as "
            f"{2 * max(most, len(empty.encode())):,}."
        ) from error
    return _page(name, static, styles, script, _content(name, documents))


def run_name(location: str) -> str:
    """Returns a short name of a run: the folder that was its `log_dir`, without those above.

    Example:
        >>> run_name("/home/me/logs/run1/filterwatch"), run_name("logs/run1/filterwatch-2")
        ('run1', 'run1/filterwatch-2')
    """
    parts = [part for part in re.split(r"[/\\]", location) if part not in ("", ".", "..")]
    if len(parts) > 1 and (match := _RUN_FOLDER.fullmatch(parts[-1])):
        return f"{parts[-2]}/{parts[-1]}" if match[1] else parts[-2]
    return parts[-1] if parts else location


def _checked(path: str | os.PathLike[str]) -> Path:
    """Returns the path of a file that can be made.

    Raises:
        TypeError: it is no path.
        OSError: it is a folder, or there is no folder to hold it.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"report: the path of the file to write is needed; got {path!r:.80}.")
    text = os.fspath(path)
    if "://" in text:
        raise ValueError(f"path: a report is written to this machine only; got {text!r}.")
    place = Path(text).expanduser()
    if place.is_dir():
        raise IsADirectoryError(
            f"path: {text!r} is a folder: name the file to write, such as "
            f"{str(place / 'report.html')!r}."
        )
    if not place.parent.is_dir():
        raise FileNotFoundError(f"path: there is no folder {str(place.parent)!r}: make it first.")
    return place


def _checked_bytes(max_bytes: object) -> int:
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int | float):
        raise TypeError(f"max_bytes: a number of bytes is needed; got {max_bytes!r:.80}.")
    if not 1 <= max_bytes < math.inf:
        raise ValueError(f"max_bytes: a number of bytes is needed; got {max_bytes}.")
    return int(max_bytes)


def _default_bytes(run: Run) -> int:
    weights = sum(math.prod(layer.shape) for layer in run.layers.values())
    return SMALL if weights <= _SMALL_NETWORK else LARGE


def _overview_png(run: Run, most: int) -> bytes:
    """Returns the overview as a PNG of at most so many bytes of base64; empty if it has more."""
    buffer = io.BytesIO()
    overview(run).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    png = buffer.getvalue()
    return png if 4 * len(png) // 3 <= most else b""


def _content(name: str, documents: dict[str, str]) -> str:
    """Returns what the page reads, as JSON that can stand in an element `<script>`."""
    text = as_json({"run": name, "documents": documents}).decode()
    # it is ASCII, and so are these words for the characters that HTML or an attribute might read
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _page(name: str, static: str, styles: str, script: str, content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{html.escape(printable(name))} - FilterWatch</title>
<style>
{styles}</style>
</head>
<body>
<div id="filterwatch">{static}</div>
<script type="application/json" id="filterwatch-documents">{content}</script>
<script type="module">
{script}</script>
</body>
</html>
"""
