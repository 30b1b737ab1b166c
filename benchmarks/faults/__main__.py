"""`python -m benchmarks.faults train` and `python -m benchmarks.faults report`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pages import write_part

RESULTS = Path(__file__).parent / "results"


def main(given: Sequence[str] | None = None) -> None:
    """Does what the command line says."""
    parser = argparse.ArgumentParser("python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train what has no record yet, and keep records")
    train.add_argument("--slice", type=float, metavar="MINUTES", help="begin none after this time")
    train.add_argument("--only", default="*", help="names of runs, such as 'adam-digits-*'")
    train.add_argument("--processes", type=int, default=2)
    report = commands.add_parser("report", help="what the records say, as markdown")
    report.add_argument("--half", choices=("unseen", "tuning", "all"), default="unseen")
    report.add_argument("--out", type=Path, help="a page that it is put on, instead of the screen")
    options = parser.parse_args(given)
    if options.command == "train":
        _train(options)
    else:
        _report(options)


def _train(options: argparse.Namespace) -> None:
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    from benchmarks.faults.training import train  # TensorFlow reads the environment here

    train(options.results, options.only, options.processes, options.slice)


def _report(options: argparse.Namespace) -> None:
    from benchmarks.faults.report import report  # needs no TensorFlow

    text = report(options.results, options.half)
    if options.out:
        write_part(options.out, text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
