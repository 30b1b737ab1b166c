"""`python -m benchmarks.faults train`, `... report` and `... show NAME`."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.report import HALVES
from benchmarks.pages import write_part

RESULTS = Path(__file__).parent / "results"


def main(given: Sequence[str] | None = None) -> None:
    """Runs the command of the command line, or of a list of arguments."""
    options = _parser().parse_args(given)
    if options.command == "train":
        _train(options)
    elif options.command == "report":
        _report(options)
    else:
        _show(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the records")
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train what has no record yet, and keep records")
    train.add_argument("--half", choices=HALVES, default=HALVES[0])
    train.add_argument("--slice", type=float, metavar="MINUTES", help="begin no training later")
    train.add_argument("--only", default="*", help="names of trainings, such as '*-wrong_sign-*'")
    train.add_argument("--processes", type=int, default=2)
    report = commands.add_parser("report", help="what the records say, as markdown")
    report.add_argument("--half", choices=(*HALVES, "both"), default=HALVES[0])
    report.add_argument("--without", action="append", default=[], metavar="FAMILY")
    report.add_argument("--list", action="store_true", help="name errors of the unseen half too")
    report.add_argument("--out", type=Path, help="write it to a marked part of this page")
    show = commands.add_parser("show", help="one training: its logs, alarms and scores by step")
    show.add_argument("name", help="of a training with a record")
    show.add_argument("--without-probe", action="store_true")
    return parser


def _train(options: argparse.Namespace) -> None:
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    from benchmarks.faults.training import train  # TensorFlow reads the environment here

    folder = options.results / options.half
    train(folder, options.half, options.only, options.processes, options.slice)


def _report(options: argparse.Namespace) -> None:
    from benchmarks.faults.report import report  # needs no TensorFlow

    halves = HALVES if options.half == "both" else (options.half,)
    text = report(options.results, halves, options.without, options.list)
    if options.out:
        write_part(options.out, text)
    else:
        print(text, end="")


def _show(options: argparse.Namespace) -> None:
    from benchmarks.faults.details import details

    print(details(options.results, options.name, not options.without_probe), end="")


if __name__ == "__main__":
    main()
