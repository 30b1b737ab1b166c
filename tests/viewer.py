"""TensorBoard's own reader and server, for the tests."""

import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlencode

from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util import tensor_util


def read(directory):
    """tag -> its points (step, value), as TensorBoard's own loader gives them."""
    loaded = EventAccumulator(str(directory), size_guidance={TENSORS: 0})
    loaded.Reload()
    return {
        tag: [
            (point.step, tensor_util.make_ndarray(point.tensor_proto))
            for point in loaded.Tensors(tag)
        ]
        for tag in loaded.Tags()["tensors"]
    }


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
