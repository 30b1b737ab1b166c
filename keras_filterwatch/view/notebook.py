"""How notebooks show a run: the page of its report, in a frame of its own."""

import html
from collections.abc import Callable

from keras_filterwatch.runs import Run
from keras_filterwatch.view.report import report_page

MOST_BYTES = 1_000_000  # of the output of a cell, which the notebook keeps
_HEIGHT = 640  # pixels
# The frame is of no origin and cannot leave its place: it reads neither cookies nor the notebook.
_SANDBOX = "allow-scripts"
_STYLE = f"width: 100%; height: {_HEIGHT}px; border: 1px solid #8888"


def run_as_html(run: Run) -> str:
    """Returns a run as HTML: its report in a frame, and its text where frames are left out.

    Example:
        >>> from keras_filterwatch.record import RecordedRun
        >>> from keras_filterwatch.storage import folder_of
        >>> run_as_html(Run(RecordedRun(folder_of("logs"))))  # without a step
        '<pre>Nothing was watched yet.</pre>'
    """
    text = text_as_html(str(run))
    if not run.steps:
        return text
    most = MOST_BYTES - len(text.encode())
    for share in (0.97, 0.9):  # marks that are escaped take more room
        frame = _frame(report_page(run, int(share * most)), text)
        if len(frame.encode()) <= MOST_BYTES:
            return frame
    return text


def recorded_as_html(recorded: Callable[[], Run]) -> str:
    """Returns the run of a callback as HTML, or why there is none.

    Args:
        recorded: returns the run, or raises a ValueError with the reason.

    Example:
        >>> def recorded():
        ...     raise ValueError("nothing was watched yet")
        >>> recorded_as_html(recorded)
        '<pre>nothing was watched yet</pre>'
    """
    try:
        run = recorded()
    except ValueError as error:
        return text_as_html(str(error))
    return run_as_html(run)


def text_as_html(text: str) -> str:
    """Returns a text for a console as HTML.

    Example:
        >>> text_as_html("noise < 1")
        '<pre>noise &lt; 1</pre>'
    """
    return f"<pre>{html.escape(text)}</pre>"


def _frame(page: str, text: str) -> str:
    # within an attribute, these two marks are all that HTML reads
    page = page.replace("&", "&amp;").replace('"', "&quot;")
    return (
        f'<iframe title="FilterWatch" sandbox="{_SANDBOX}" style="{_STYLE}" srcdoc="{page}">'
        f"{text}</iframe>"
    )
