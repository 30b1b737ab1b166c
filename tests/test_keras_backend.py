"""What users are told if Keras looks for a backend that is not installed.

Each environment of the tests has one backend, so Keras is made to look for another in a process of
its own. `without_backend.py` has what is said where there is none at all.
"""

import json
import os
import subprocess
import sys

import keras
import pytest

from keras_filterwatch.keras_backend import configured_backend, installed_backends

HERE = keras.backend.backend()
NAMES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
OTHER = "torch" if HERE == "jax" else "jax"


def last_line(code, home, backend):
    """The last line that a program writes to stderr, such as that of its error."""
    environment = {**os.environ, "KERAS_HOME": str(home), "KERAS_BACKEND": backend}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return process.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "import keras_filterwatch as fw; fw.FilterWatch",
        "import keras_filterwatch as fw; fw.maximize",
    ],
    ids=["FilterWatch", "maximize"],
)
def test_a_missing_backend_is_named_with_the_one_that_is_there(code, tmp_path):
    assert last_line(code, tmp_path, OTHER) == (
        f"ImportError: Keras looks for {NAMES[OTHER]} (KERAS_BACKEND={OTHER}), which is not "
        f"installed; {NAMES[HERE]} is. Set KERAS_BACKEND={HERE} before Python starts, or install "
        f'{NAMES[OTHER]}: pip install "keras_filterwatch[{OTHER}]".'
    )


def test_a_backend_that_a_file_of_keras_asks_for_is_named_with_the_file(tmp_path):
    file = tmp_path / "keras.json"
    file.write_text(json.dumps({"backend": OTHER}))
    line = last_line("import keras_filterwatch as fw; fw.FilterWatch", tmp_path, "")
    assert line.startswith(f"ImportError: Keras looks for {NAMES[OTHER]} ({file}), which is not")


def test_a_backend_that_is_installed_and_broken_is_no_missing_one(tmp_path):
    (tmp_path / f"{OTHER}.py").write_text("raise ImportError('libcuda.so is missing')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import keras_filterwatch as fw; "
    assert last_line(code + "fw.FilterWatch", tmp_path, OTHER) == (
        "ImportError: libcuda.so is missing"
    )


def test_other_missing_modules_are_named_as_ever(tmp_path):
    code = "import sys; sys.modules['tensorboard'] = None; import keras_filterwatch as fw; "
    line = last_line(code + "fw.FilterWatch", tmp_path, HERE)
    assert "tensorboard" in line
    assert "Keras looks for" not in line


@pytest.mark.parametrize("text", ["{", "[]", '{"backend": "tensorflow"}', None])
def test_without_a_setting_keras_looks_for_tensorflow(text, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if text:
        (tmp_path / "keras.json").write_text(text)
    assert configured_backend() == ("tensorflow", "KERAS_BACKEND is not set")


def test_the_installed_backends_are_the_one_of_this_environment():
    assert installed_backends() == [HERE]
