"""Checks what is said where Keras has no backend: a script for an environment that has none.

python -m venv clean && clean/bin/pip install . && clean/bin/python tests/without_backend.py
"""

import os
import tempfile

import keras_filterwatch as fw

EXPECTED = (
    "Keras looks for {}, which is not installed, and neither is another backend of Keras. Install "
    'one: pip install "keras_filterwatch[tensorflow]", "keras_filterwatch[jax]" or '
    '"keras_filterwatch[torch]", and with the latter two set KERAS_BACKEND=jax or '
    "KERAS_BACKEND=torch."
)


def message(load):
    """Returns the message of the ImportError that a function raises."""
    try:
        load()
    except ImportError as error:
        return str(error)
    raise AssertionError("nothing was raised: does this environment have a backend?")


os.environ.pop("KERAS_BACKEND", None)
os.environ["KERAS_HOME"] = tempfile.mkdtemp()
expected = EXPECTED.format("TensorFlow (KERAS_BACKEND is not set)")
for load in (lambda: fw.FilterWatch, lambda: fw.maximize):
    assert message(load) == expected, message(load)
print("a missing backend is explained")
