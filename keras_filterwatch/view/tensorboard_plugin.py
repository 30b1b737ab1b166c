"""The tab "Filters" of TensorBoard: its routes, and what TensorBoard asks of it.

tensorboard_entry.py makes it. Only the functions that need tensorboard import it.
"""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from keras_filterwatch.view.documents import as_json
from keras_filterwatch.view.run_list import roots_of
from keras_filterwatch.view.served_runs import Answer, ServedRuns

PAGE_FOLDER = Path(__file__).parent / "page"
_TYPES = {".js": "text/javascript", ".css": "text/css"}
_WAIT = 0.5  # seconds that TensorBoard may wait to hear whether there is a run

# what runs in a window of its own, where nobody calls `render`
_START = b'import { render } from "./static/index.js";\n\nvoid render();\n'
_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Filters</title>
<link rel="icon" href="data:,">
</head>
<body>
<script type="module" src="start.js"></script>
</body>
</html>
"""

App = Callable[[Any, Any], Any]


class FiltersPlugin:
    """The tab "Filters": what TensorBoard asks of a plugin, as its class `TBPlugin` says.

    Args:
        context: TensorBoard's `TBContext`: its flags, among them the directories that it shows.

    Example:
        >>> from types import SimpleNamespace
        >>> plugin = FiltersPlugin(SimpleNamespace(logdir="logs/nothing", flags=None))
        >>> plugin.plugin_name, plugin.is_active()
        ('filterwatch', False)
    """

    plugin_name = "filterwatch"

    def __init__(self, context: Any) -> None:
        spec = getattr(context.flags, "logdir_spec", "") or ""
        self._runs = ServedRuns(roots_of(context.logdir or "", spec))
        self._runs.look()

    def is_active(self) -> bool:
        """Returns whether a run is known; TensorBoard asks at each reload of its page."""
        return self._runs.has_runs(_WAIT)

    def data_plugin_names(self) -> tuple[str, ...]:
        """Returns whose summaries are shown: none, since the tab reads the record."""
        return ()

    def frontend_metadata(self) -> Any:
        """Returns the name of the tab, and the module that draws it."""
        from tensorboard.plugins import base_plugin

        return base_plugin.FrontendMetadata(
            es_module_path="/static/index.js",
            tab_name="Filters",
            disable_reload=True,  # the page looks for new steps itself
        )

    def get_plugin_apps(self) -> dict[str, App]:
        """Returns route -> application; all routes are below `data/plugin/filterwatch`."""
        apps = {
            "/runs": self._app(lambda request: self._runs.runs()),
            "/document": self._app(self._document),
            "/page": _static_app("text/html", lambda: _PAGE),
            "/start.js": _static_app("text/javascript", lambda: _START),
        }
        for path in static_files():
            route = f"/static/{path.relative_to(PAGE_FOLDER).as_posix()}"
            apps[route] = _static_app(_TYPES[path.suffix], partial(Path.read_bytes, path))
        return apps

    def _document(self, request: Any) -> Answer:
        run, key = request.args.get("run"), request.args.get("key")
        if run is None or key is None:
            text = 'A document needs "run", one of the names that `runs` lists, and "key".'
            return Answer(400, as_json({"message": text}))
        return self._runs.document(run, key)

    def _app(self, answer: Callable[[Any], Answer]) -> App:
        """Returns an application that answers in JSON, whatever happens."""
        from tensorboard.backend import http_util
        from werkzeug import wrappers

        def respond(request: Any) -> Any:
            try:
                result = answer(request)
            except Exception:
                logging.getLogger("tensorboard").exception("keras_filterwatch: a request failed")
                text = "FilterWatch could not answer; the console of TensorBoard says why."
                result = Answer(500, as_json({"message": text}))
            return http_util.Respond(request, result.json, "application/json", code=result.status)

        app: App = wrappers.Request.application(respond)
        return app


def static_files() -> list[Path]:
    """Returns the files of the page that browsers load: its modules and styles.

    Example:
        >>> PAGE_FOLDER / "index.js" in static_files()
        True
    """
    return sorted(path for path in PAGE_FOLDER.rglob("*") if path.suffix in _TYPES)


def _static_app(content_type: str, read: Callable[[], bytes]) -> App:
    """Returns an application that serves content, which browsers do not keep.

    So they never mix modules of two versions of the package.
    """
    from tensorboard.backend import http_util
    from werkzeug import wrappers

    def respond(request: Any) -> Any:
        return http_util.Respond(request, read(), content_type)

    app: App = wrappers.Request.application(respond)
    return app
