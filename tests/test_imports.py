"""Who imports what: the core needs NumPy only, and nothing asks for TensorFlow by itself."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_filterwatch as fw

FRAMEWORKS = {"keras", "tensorflow", "tensorboard", "jax", "torch"}


def imported_by(code, **environment):
    """Which frameworks a fresh process has imported after running this."""
    listing = "\nimport sys; print('imported', *sorted(sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code + listing],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return FRAMEWORKS & set(process.stdout.splitlines()[-1].split())


PACKAGE = Path(fw.__file__).parent
NEEDS_KERAS, NEEDS_TENSORBOARD = ("model", "training"), ("writers",)


def modules():
    """All modules of the package, by their dotted name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__")


def in_folder(module, folders):
    return module.split(".")[0] in folders


def test_the_numpy_only_modules_import_no_framework():
    core = [m for m in modules() if not in_folder(m, NEEDS_KERAS + NEEDS_TENSORBOARD)]
    assert {"kernels", "metrics.noise", "scoring", "history", "rules", "draw.filters"} <= set(core)
    lines = [f"import keras_filterwatch.{module}".rstrip(".") for module in core]
    assert imported_by("\n".join(lines)) == set()


def test_the_writers_import_tensorboard_and_no_other_framework():
    lines = [f"import keras_filterwatch.{m}" for m in modules() if in_folder(m, NEEDS_TENSORBOARD)]
    assert imported_by("\n".join(lines)) == {"tensorboard"}


def test_scoring_and_drawing_arrays_imports_no_framework():
    code = """
import numpy as np
import keras_filterwatch as fw
kernels = {"conv": np.random.default_rng(0).standard_normal((3, 3, 3, 8))}
print(fw.score(kernels), fw.draw.filters(kernels).size, fw.default_rules(), fw.metrics.noise)
"""
    assert imported_by(code) == set()


def test_the_callback_imports_keras_and_its_backend_so_this_check_can_fail():
    backend = keras.backend.backend()
    imported = imported_by("import keras_filterwatch as fw; fw.FilterWatch")
    assert {"keras", backend} <= imported


def test_the_backend_is_the_one_that_was_asked_for():
    assert keras.backend.backend() == os.environ["KERAS_BACKEND"]


def test_a_fit_on_another_backend_does_not_even_try_to_import_tensorflow(tmp_path):
    backend = keras.backend.backend()
    (tmp_path / "tensorflow.py").write_text("print('tensorflow was asked for')")
    code = f"""
import keras, numpy as np
import keras_filterwatch as fw
model = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
model.compile(loss="mse")
x, y = np.zeros((4, 8, 8, 3)), np.zeros((4, 6, 6, 4))
model.fit(x, y, epochs=1, verbose=0, callbacks=[fw.FilterWatch({str(tmp_path / "logs")!r})])
"""
    if backend == "tensorflow":  # Keras does ask for it, so the check can fail
        with pytest.raises(subprocess.CalledProcessError) as failed:
            imported_by(code, PYTHONPATH=str(tmp_path))
        assert "tensorflow was asked for" in failed.value.stdout
        return
    assert imported_by(code, PYTHONPATH=str(tmp_path)) == {"keras", "tensorboard", backend}


def test_public_names_are_listed_and_there():
    assert dir(fw) == sorted(fw.__all__)
    assert all(getattr(fw, name) is not None for name in fw.__all__)


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(AttributeError, match=r"no attribute 'score_all'; it has \['Alarm'"):
        fw.score_all  # noqa: B018
