"""The arguments of the commands about saved files: `audit` and `compare`."""

from keras_filterwatch.cli.arguments import (
    Commands,
    add_command,
    add_layers,
    add_output,
    add_path,
    add_timeout,
    positive_integer,
)
from keras_filterwatch.cli.run_arguments import add_architecture

FORMATS = ("table", "json", "csv", "markdown")


def add_audit(commands: Commands) -> None:
    """Adds the arguments of `audit`."""
    audit = add_command(
        commands,
        "audit",
        "Score saved models and say what is wrong with them.",
        [
            "audit model.keras",
            "audit --fail-on noisy,dead=0.2 --format markdown *.weights.h5",
        ],
    )
    add_path(audit, "files", nargs="+", metavar="FILE", help="a saved model, or its weights alone")
    add_output(audit, FORMATS)
    add_path(
        audit,
        "--images",
        metavar="DIR",
        folder=True,
        help="draw the filters of each layer that has a window, as DIR/FILE/NUMBER_LAYER.png",
    )
    audit.add_argument(
        "--fail-on",
        metavar="CONDITIONS",
        action="append",
        help="end with status 1 if a file meets one of these conditions, separated by commas: "
        "noisy, dead (half of a layer, or an alarm or note so named), dead=SHARE, skipped, "
        "undetermined, unreadable, alarm, the name of an alarm, "
        "SCORE=NUMBER (that or worse), SCORE>NUMBER or SCORE<NUMBER (in quotes)",
    )
    add_layers(audit, "tell of")
    add_architecture(audit)
    audit.add_argument(
        "--jobs",
        metavar="N",
        type=positive_integer,
        help="files to read at once (default: as many as there are processors or files)",
    )
    add_timeout(audit)


def add_compare(commands: Commands) -> None:
    """Adds the arguments of `compare`."""
    compare = add_command(
        commands,
        "compare",
        "Say how the layers of two saved models, or of two recorded trainings, differ.",
        ["compare before.keras after.keras", "compare logs/run1 logs/run2 --image changes.png"],
    )
    what = "a saved model, or the folder that a training was recorded in"
    add_path(compare, "a", metavar="A", help=what)
    add_path(compare, "b", metavar="B", help="the same")
    add_output(compare, FORMATS)
    add_path(
        compare,
        "--image",
        metavar="FILE",
        help="draw the filters that changed most, of the layer that changed most",
    )
    add_path(
        compare,
        "--images",
        metavar="DIR",
        folder=True,
        help="draw the filters that changed most, of each layer, as DIR/NUMBER_LAYER.png",
    )
    add_layers(compare, "compare")
    compare.add_argument(
        "--fail-on",
        choices=("changed", "unchanged"),
        help="end with status 1 if a layer changed, or if none did",
    )
    add_timeout(compare)
