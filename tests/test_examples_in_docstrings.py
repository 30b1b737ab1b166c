"""Examples in docstrings: each runs as it stands, and each public function has one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import keras_filterwatch as fw

PACKAGE = Path(fw.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")


def module_name(path):
    """`keras_filterwatch.metrics` for `metrics/__init__.py`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def functions_of_metrics():
    """The public functions of the modules in `fw.metrics.__all__`, but for the metrics themselves.

    Metrics have one signature, and the example of `metrics.KernelFacts` says what they are given.
    """
    metrics = [metric.measure for metric in fw.metrics.METRICS]
    modules = [getattr(fw.metrics, name) for name in fw.metrics.__all__]
    for module in filter(inspect.ismodule, modules):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            if is_own and function not in metrics:
                yield f"{module.__name__}.{name}"


MODULES = {"draw", "metrics", "rules", "writers"}
PUBLIC = [
    *(f"{fw.__name__}.{name}" for name in sorted({*fw.__all__} - MODULES)),
    *(f"{fw.draw.__name__}.{name}" for name in fw.draw.__all__),
    *functions_of_metrics(),
]


@pytest.mark.parametrize(
    "module", [module_name(path) for path in FILES if ">>>" in path.read_text(encoding="utf-8")]
)
def test_examples_of_a_module_run(module):
    results = doctest.testmod(import_module(module))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_public_function_has_an_example(name):
    module, _, function = name.rpartition(".")
    assert ">>>" in inspect.getdoc(getattr(import_module(module), function))
