"""One random training, with and without FilterWatch: what must be the same, and many of them."""

import contextlib
import io
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from benchmarks.fuzz.arguments import Arguments, arguments, make
from benchmarks.fuzz.models import Network, build, data_of, networks
from keras_filterwatch.training.notices import Problem

REASONS = (  # of models with weights that are NaN, and with names that TensorFlow cannot compile
    "not finite",
    "Node name contains invalid characters",
)
EXPECTED = (  # of models that are built late, and of subclassed ones that were never called
    "the model had no weights before its first batch",
    "the data could not be traced",
)


@dataclass(frozen=True)
class Fit:
    """How a model is trained."""

    epochs: int
    initial_epoch: int
    fits: int
    optimizer: str
    rate: float
    eager: bool
    validated: bool
    spoiled: str
    warnings_are_errors: bool


@st.composite
def fits(draw: st.DrawFn) -> Fit:
    """Draws a training."""
    return Fit(
        draw(st.sampled_from([1, 2, 2, 3, 0])),
        draw(st.sampled_from([0, 0, 0, 1])),
        draw(st.sampled_from([1, 1, 1, 2])),
        draw(st.sampled_from(["sgd", "adam", "rmsprop"])),
        draw(st.sampled_from([0.0, 1e-3, 0.1, 1e30])),
        draw(st.sampled_from([True] * 6 + [False])),
        draw(st.booleans()),
        draw(st.sampled_from(["", "", "", "nan", "huge", "zero"])),
        draw(st.booleans()),
    )


def is_expected(problem: Problem) -> bool:
    """Returns True for what a network has rather than FilterWatch, such as weights that are NaN."""
    return problem.what.startswith(EXPECTED) or any(each in problem.reason for each in REASONS)


def train(network: Network, fit: Fit, callbacks: list[Any]) -> tuple[str, list[np.ndarray]]:
    """Trains the model with these callbacks; returns the exception's type and the weights."""
    keras.utils.set_random_seed(0)
    model = build(network)
    optimizer = keras.optimizers.get(fit.optimizer)
    optimizer.learning_rate = fit.rate
    model.compile(optimizer, loss="mse", run_eagerly=fit.eager)
    x, y = data_of(network, 8, fit.spoiled)
    error = ""
    try:
        for _ in range(fit.fits):
            model.fit(
                x,
                y,
                batch_size=4,
                epochs=fit.epochs,
                initial_epoch=fit.initial_epoch,
                validation_data=(x, y) if fit.validated else None,
                callbacks=callbacks,
                verbose=0,
            )
    except Exception as raised:
        error = type(raised).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reading weights warns under NumPy 2
        return error, model.get_weights()


def check(network: Network, watch_arguments: Arguments, fit: Fit, counts: Counter[str]) -> None:
    """Trains with and without the callback and compares.

    Raises:
        AssertionError: they differ.
    """
    if counts["cases"] % 20 == 0:
        keras.backend.clear_session()
    with tempfile.TemporaryDirectory() as directory, warnings.catch_warnings():
        warnings.simplefilter("error" if fit.warnings_are_errors else "ignore")
        if keras.backend.backend() == "torch":  # where Keras itself warns, in each fit
            warnings.filterwarnings("ignore", message="__array__ implementation")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            error, weights = train(network, fit, [])
            watch = make(watch_arguments, network, Path(directory))
            watched_error, watched_weights = train(network, fit, [watch])
            watch.summary()
        assert watched_error == error, f"{error or 'no error'} became {watched_error}"
        for one, other in zip(weights, watched_weights, strict=True):
            np.testing.assert_array_equal(one, other, "watching changed a weight")
        for path in Path(directory).rglob("events.*"):
            counts["events read"] += sum(1 for _ in EventFileLoader(str(path)).Load())
        problems = [str(p) for p in watch.problems if not is_expected(p)]
        assert watch_arguments.has_fault or not problems, problems
    counts["cases"] += 1
    if counts["cases"] % 1000 == 0:
        print(counts["cases"], "cases", flush=True)
    counts["fits that raise without the callback too"] += bool(error)
    counts["cases with a problem recorded"] += bool(watch.problems)
    counts["cases with alarms"] += bool(watch.alarms)
    counts["steps"] += len(watch.history)


def fuzz(cases: int, seed_number: int) -> Counter[str]:
    """Checks so many random cases; returns how often what happened in them.

    Raises:
        AssertionError: a case failed; Hypothesis prints it.
    """
    counts: Counter[str] = Counter()

    @seed(seed_number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # making a failing case smaller takes minutes
        print_blob=True,
    )
    @given(networks(), arguments(), fits())
    def run(network: Network, watch_arguments: Arguments, fit: Fit) -> None:
        check(network, watch_arguments, fit, counts)

    run()
    return counts
