"""`python -m benchmarks.claims train` and `... report`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def main(given: Sequence[str] | None = None) -> None:
    """Runs the command of the command line, or of a list of arguments."""
    options = _parser().parse_args(given)
    if options.command == "train":
        if options.data:
            files = {"MNIST_T10K": "mnist-t10k", "CIFAR10": "cifar10-6000.npz"}
            os.environ |= {name: str(options.data / file) for name, file in files.items()}
        os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        from benchmarks.claims.training import train_all  # TensorFlow reads the environment here

        train_all(options.results, options.only, options.processes, options.minutes)
    else:
        from benchmarks.claims.page import write_page  # needs no TensorFlow

        write_page(options.results, options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.claims", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train what has no record yet, and keep records")
    train.add_argument("--processes", type=int, default=2, help="trainings at a time")
    train.add_argument("--minutes", type=float, help="begin no training later")
    train.add_argument("--only", default="*", help="names of trainings, such as 'windows-*-0'")
    train.add_argument("--data", type=Path, help="folder that has mnist-t10k/ and cifar10-6000.npz")
    report = commands.add_parser("report", help="measure every claim, and write the page")
    report.add_argument("--out", type=Path, default=Path("docs"), help="folder of the pages")
    return parser


if __name__ == "__main__":
    main()
