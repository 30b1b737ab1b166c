"""The command `keras-filterwatch` as tests run it, and small files for it."""

import json
import os
import subprocess
import sys

import numpy as np

NAMES = ("noisy", "dead", "smooth", "dense")


def cli(*arguments, cwd=None, env=None):
    """The finished process of `keras-filterwatch` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "keras_filterwatch", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def audit_json(*arguments, cwd=None):
    """What `audit --format json` prints, parsed so that NaN would be an error."""

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    process = cli("audit", "--format", "json", *arguments, cwd=cwd)
    return json.loads(process.stdout, parse_constant=refuse)


def noise_kernel(seed=0):
    """A 3x3 kernel of independent normal numbers, as before training."""
    return np.random.default_rng(seed).standard_normal((3, 3, 32, 32)).astype("float32")


def smooth_kernel():
    """A 5x5 kernel of 64 Gaussian bumps at different places: neighbouring weights are alike."""
    y, x = np.mgrid[:5, :5]
    places = np.random.default_rng(0).uniform(0.5, 3.5, (64, 2))
    bumps = [np.exp(-((y - a) ** 2 + (x - b) ** 2) / 4) for a, b in places]
    return np.stack(bumps, axis=-1)[:, :, np.newaxis].astype("float32")


def half_dead_kernel():
    """A noise kernel of which the first half of the filters is zero."""
    kernel = noise_kernel(1)
    kernel[..., :16] = 0
    return kernel


def save_layers(path, *names, **more):
    """Writes kernels of this module, and others by their names, to an .npz file."""
    kernels = {
        "noisy": noise_kernel(),
        "dead": half_dead_kernel(),
        "smooth": smooth_kernel(),
        "dense": np.random.default_rng(2).standard_normal((8, 4)).astype("float32"),
    }
    np.savez(path, **{name: kernels[name] for name in names}, **more)
    return path


def save_safetensors(path, arrays):
    """Writes arrays in float32 to a .safetensors file, whose names may be anything."""
    header, data = {}, b""
    for name, array in arrays.items():
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": offsets}
        data += array.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path
