"""Small model files of every format, written by hand: each part can be made otherwise."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.fuzz.formats.keras_2 import write_legacy
from benchmarks.fuzz.formats.keras_3 import keras_weights, write_keras_archive
from benchmarks.fuzz.formats.numpy_archive import write_npz
from benchmarks.fuzz.formats.safetensors import write_safetensors
from benchmarks.fuzz.formats.tensorflow_bundle import write_bundle
from benchmarks.fuzz.formats.torch_archive import write_torch

PLAIN: dict[
    str, Callable[[Path], object]
] = {  # suffix -> a function of a path that writes a sound file
    ".keras": write_keras_archive,
    ".weights.h5": lambda path: path.write_bytes(keras_weights()),
    ".h5": write_legacy,
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".pt": write_torch,
    ".index": write_bundle,
}
