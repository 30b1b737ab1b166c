"""Runs `same_fit.py` under several backends and demands the same tags and the same scores.

    python tests/compare_backends.py tensorflow=PYTHON jax=PYTHON torch=PYTHON

PYTHON is the interpreter of an environment that has the backend. Fails on any difference above
1e-4, and if TensorFlow was imported under another backend.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TOLERANCE = 1e-4


def run(backend, python):
    process = subprocess.run(
        [python, str(Path(__file__).parent / "same_fit.py")],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    result = json.loads(process.stdout.splitlines()[-1])
    assert result["backend"] == backend, f"asked for {backend}, got {result['backend']}"
    assert result["tensorflow"] == (backend == "tensorflow"), f"TensorFlow under {backend}"
    return result


def numbers(result):
    """(step, layer, measure) -> number"""
    return {
        (step, layer, measure): number
        for step, scores in enumerate(result["scores"])
        for layer, layer_scores in scores.items()
        for measure, number in layer_scores.items()
    }


def main():
    results = {
        backend: run(backend, python)
        for backend, python in (argument.split("=", 1) for argument in sys.argv[1:])
    }
    (first, expected), *others = results.items()
    for backend, result in others:
        assert result["tags"] == expected["tags"], f"{backend} and {first} differ in their tags"
        ours, theirs = numbers(result), numbers(expected)
        assert ours.keys() == theirs.keys(), f"{backend} and {first} differ in what they score"
        # z and the number of slices are not of order 1: relative to their size
        differences = {k: abs(ours[k] - theirs[k]) / max(1, abs(theirs[k])) for k in ours}
        worst = max(differences, key=differences.get)
        print(
            f"{backend} against {first}: {len(ours)} scores, {len(result['tags'])} tags; largest "
            f"difference {differences[worst]:.1e} ({' '.join(map(str, worst))})"
        )
        assert differences[worst] <= TOLERANCE, f"more than {TOLERANCE}"


if __name__ == "__main__":
    main()
