"""examples/pipeline.sh: a step of a pipeline that fails on a dead model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import save_layers

SCRIPT = Path(__file__).resolve().parent.parent / "examples" / "pipeline.sh"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="a script for bash")


def pipeline(*files, cwd, **environment):
    """The finished script, run with the package of these tests."""
    return subprocess.run(
        ["bash", str(SCRIPT), *files],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "KERAS_FILTERWATCH": f"{sys.executable} -m keras_filterwatch",
            **environment,
        },
        capture_output=True,
        text=True,
    )


def test_a_model_that_was_trained_passes(tmp_path):
    process = pipeline(cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "stripes" in (tmp_path / "filters" / "audit.md").read_text()
    assert list((tmp_path / "filters").rglob("00_stripes.png"))


def test_a_dead_model_fails(tmp_path):
    save_layers(tmp_path / "dead.npz", "dead")
    process = pipeline("dead.npz", cwd=tmp_path)
    assert process.returncode == 1
    assert "failed: dead=0.2" in process.stderr


def test_a_file_that_cannot_be_read_fails(tmp_path):
    assert pipeline("missing.keras", cwd=tmp_path).returncode == 1
    assert pipeline("missing.keras", cwd=tmp_path, FAIL_ON="dead").returncode == 3


def test_the_page_of_a_run_on_github_gets_the_table(tmp_path):
    save_layers(tmp_path / "w.npz", "smooth")
    pipeline("w.npz", cwd=tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"))
    assert "| smooth |" in (tmp_path / "summary.md").read_text()
