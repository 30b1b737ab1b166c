"""TensorBoard's own reader and server, for the tests."""

import platform
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlencode

from tensorboard.backend.event_processing.plugin_event_accumulator import TENSORS, EventAccumulator
from tensorboard.util import tensor_util

fast_reader = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
# name -> the value of --load_fast
READERS = {"slow reader": "false"} | ({"fast reader": "true"} if fast_reader else {})


def read(directory):
    """tag -> its points (step, value), as TensorBoard's slow reader loads them.

    A tag without points is left out: those that a resumed run dropped, as the pages do.
    """
    loaded = EventAccumulator(str(directory), size_guidance={TENSORS: 0})
    loaded.Reload()
    points = {
        tag: [
            (point.step, tensor_util.make_ndarray(point.tensor_proto))
            for point in loaded.Tensors(tag)
        ]
        for tag in loaded.Tags()["tensors"]
    }
    return {tag: each for tag, each in points.items() if each}


@contextmanager
def serving(directory, *options):
    """The address at which TensorBoard shows the directory; it ends with the block."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--logdir", str(directory), "--port", "0"),
            *("--samples_per_plugin", "images=1000", *options),
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said = []
            for line in process.stderr:
                said.append(line)
                if "http://localhost" in line:
                    break
            else:
                raise AssertionError(f"TensorBoard did not start: {''.join(said)}")
            # no full pipe stops it
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield line.split()[line.split().index("at") + 1]
        finally:
            process.terminate()


def ask(server, path, **query):
    """What TensorBoard answers, as soon as it has loaded the run."""
    url = f"{server}data/plugin/{path}?{urlencode(query)}"
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as answer:
                content = answer.read()
            if content not in (b"{}", b"[]"):
                return content
        except urllib.error.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"TensorBoard has nothing at {url}")
