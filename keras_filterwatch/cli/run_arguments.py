"""The arguments of the commands about trainings: `series`, `report` and `show`."""

import argparse

from keras_filterwatch.cli.arguments import (
    Commands,
    add_command,
    add_layers,
    add_output,
    add_path,
    positive_integer,
    positive_number,
)

FORMATS = ("table", "json", "markdown")
_INTERVAL = 2.0  # seconds


def add_series(commands: Commands) -> None:
    """Adds the arguments of `series`."""
    series = add_command(
        commands,
        "series",
        "Score the checkpoints of a training and record them as if it had been watched.",
        [
            "series checkpoints --log-dir logs/run1 --csv training.csv",
            "series 'ckpt-*.weights.h5' --log-dir logs/run1 --architecture model.json --follow",
        ],
    )
    add_path(
        series,
        "places",
        nargs="+",
        metavar="DIR_OR_GLOB",
        help="the folder of the checkpoints, a pattern of their names (in quotes), or the files",
    )
    add_path(
        series,
        "--log-dir",
        metavar="LOGS",
        folder=True,
        required=True,
        help="where the run is recorded; a run that is there is continued if it is the same",
    )
    series.add_argument(
        "--step-pattern",
        metavar="PATTERN",
        help="which number in a name is the step: a regular expression with one group, or the name "
        "as ModelCheckpoint has it, such as 'ckpt-{epoch:03d}-{val_loss:.2f}.keras' (default: the "
        "number that differs)",
    )
    series.add_argument(
        "--by",
        choices=("name", "time"),
        default="name",
        help="order by the number in the names, or by the time of the last change as steps 1, 2, "
        "... (default: name)",
    )
    add_path(
        series,
        "--csv",
        metavar="FILE",
        help="the file of keras.callbacks.CSVLogger, for alarms about losses and metrics",
    )
    series.add_argument(
        "--epochs",
        metavar="N",
        type=positive_integer,
        help="how many epochs were planned, as `fit(epochs=N)`: some alarms wait for a part "
        "of them (default: up to the last file or row; with --follow, unknown)",
    )
    add_architecture(series)
    add_layers(series, "record")
    series.add_argument(
        "--images",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="draw pictures for TensorBoard, which takes most of the time",
    )
    add_fail_on(series)
    series.add_argument(
        "--follow",
        action="store_true",
        help="wait for further checkpoints, until Ctrl-C or one of the ends below",
    )
    series.add_argument(
        "--until", metavar="N", type=positive_integer, help="end when step N is recorded"
    )
    add_waiting(series)
    add_output(series, FORMATS)


def add_report(commands: Commands) -> None:
    """Adds the arguments of `report`."""
    report = add_command(
        commands,
        "report",
        "Write a page about a recorded training or a saved model as one HTML file.",
        ["report logs/run1 -o report.html", "report model.keras -o model.html"],
    )
    add_path(
        report,
        "source",
        metavar="LOGS_OR_FILE",
        help="the folder of a recorded training, or a saved model",
    )
    add_path(
        report,
        *("-o", "--output"),
        metavar="FILE",
        required=True,
        help="the file to write; one that is there is replaced",
    )
    report.add_argument(
        "--max-bytes",
        metavar="N",
        type=positive_integer,
        help="how large the file may be (default: 1 MB, or 3 MB for a large network)",
    )
    add_architecture(report)


def add_show(commands: Commands) -> None:
    """Adds the arguments of `show`."""
    show = add_command(
        commands,
        "show",
        "Print what a recorded training says: scores, alarms and the probable cause.",
        ["show logs/run1", "show logs/run1 --follow"],
    )
    add_path(
        show,
        "logs",
        metavar="LOGS",
        folder=True,
        help="the folder of a recorded training, or an address such as s3://bucket/logs",
    )
    show.add_argument(
        "--step", metavar="N", type=_step, help="tell of this step (default: the last one)"
    )
    add_fail_on(show)
    show.add_argument(
        "--follow",
        action="store_true",
        help="print what is new, until the training has ended or Ctrl-C",
    )
    add_waiting(show)
    add_output(show, FORMATS)


def add_fail_on(command: argparse.ArgumentParser) -> None:
    """Adds `--fail-on`, about the last step of a training."""
    command.add_argument(
        "--fail-on",
        metavar="CONDITIONS",
        action="append",
        help="end with status 1 if one of these conditions, separated by commas, is met at the "
        "end: alarm, the name of an alarm that holds, noisy, dead (half of a layer, or an alarm or "
        "note so named that holds), dead=SHARE, undetermined, "
        "SCORE=NUMBER (that or worse), SCORE>NUMBER or SCORE<NUMBER (in quotes)",
    )


def add_waiting(command: argparse.ArgumentParser) -> None:
    """Adds how long `--follow` waits."""
    command.add_argument(
        "--idle-timeout",
        metavar="SECONDS",
        type=positive_number,
        help="end when nothing new came for so long (default: never)",
    )
    command.add_argument(
        "--interval",
        metavar="SECONDS",
        type=positive_number,
        default=_INTERVAL,
        help="how often --follow looks (default: %(default)s)",
    )


def add_architecture(command: argparse.ArgumentParser) -> None:
    """Adds what a file may not tell about the model: `--architecture` and `--layout`."""
    add_path(
        command,
        "--architecture",
        metavar="FILE",
        help="the model as `model.to_json()` has it, or a saved model: for weights alone",
    )
    command.add_argument(
        "--layout",
        metavar="AXES",
        help="of files of plain arrays, the order of their axes: HWIO, or OIHW as in PyTorch",
    )


def _step(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"the number of a step is needed; got {text!r}")
    return int(text)
