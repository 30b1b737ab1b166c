"""The page about trackers: its examples run with the real packages, without a network."""

import pytest
from test_docs import examples, network  # noqa: F401  network is a fixture

import keras_filterwatch as fw

pytestmark = [
    pytest.mark.trackers,
    # of the packages that MLflow stores with
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy|alembic)"),
]


def test_examples_of_the_page_run(network, tmp_path, monkeypatch):  # noqa: F811
    import mlflow
    import numpy as np
    import wandb

    wandb.teardown()  # it would keep the folder in which another test has started it
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    mlflow.set_experiment("page")  # another test may have chosen one of its own store
    random = np.random.default_rng(0)
    x, y = random.standard_normal((8, 12, 12, 3)), random.standard_normal((8, 2))
    names = {"model": network, "x": x, "y": y, "fw": fw}
    problems = []
    for example in examples("docs/trackers.md"):
        exec(compile(example, "docs/trackers.md", "exec"), names)
        problems += names["watch"].problems
    assert problems == []
