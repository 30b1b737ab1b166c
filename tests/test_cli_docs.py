"""docs/cli.md says what the command does: options, exit statuses, conditions and JSON."""

import json
import re

import numpy as np
import pytest
from cli_runs import audit_json, cli, noise_kernel, save_layers

from docs import command_line
from keras_filterwatch.cli import exit_codes
from keras_filterwatch.cli.conditions import ALARMS_OF_FILES, parse_conditions
from keras_filterwatch.cli.states import STATES

PAGE = command_line.PAGE.read_text(encoding="utf-8")
MAPPINGS = ("scores", "skipped", "counts", "summary.layers", "logs")  # their keys are data


def fields_of(section):
    """The fields that the JSON table of a section names."""
    text = PAGE.partition(section)[2].partition("\n## ")[0]
    table = text.partition("| field |")[2]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def paths_in(value, path=""):
    """The paths of all fields in a document, with `[]` for the entries of a list."""
    if isinstance(value, list):
        return {each for entry in value for each in paths_in(entry, f"{path}[]")}
    if not isinstance(value, dict) or path.endswith(MAPPINGS):
        return set()
    below = {key: f"{path}.{key}" if path else key for key in value}
    return {
        *below.values(),
        *(p for key, name in below.items() for p in paths_in(value[key], name)),
    }


def test_the_options_are_those_of_the_parser():
    assert command_line.with_options(PAGE) == PAGE, "run `python -m docs.command_line`"


@pytest.mark.parametrize("command", command_line.command_parsers())
def test_each_command_has_its_options_on_the_page(command):
    assert f"<!-- options of {command} -->" in PAGE


def test_sessions_that_the_script_writes_are_on_the_page():
    sessions = re.findall(r"<!-- session (\w+) -->\n```console\n(.*?)\n```", PAGE, re.DOTALL)
    assert [name for name, _ in sessions] == [*command_line.SESSIONS]
    assert command_line.with_sessions(PAGE, dict(sessions)) == PAGE


def test_a_session_shows_what_was_typed_printed_and_returned(tmp_path):
    shown = command_line.session(("echo out; echo error >&2; (exit 3)",), tmp_path)
    assert shown.splitlines()[1:] == ["out", "error", "$ echo $?", "3"]


def test_the_page_names_each_field_of_the_json_of_audit(tmp_path):
    diverged = noise_kernel()
    diverged[..., 0] = np.nan
    save_layers(tmp_path / "w.npz", "dead", diverged=diverged, table=np.array(["a", "b"]))
    document = audit_json("--fail-on", "dead", "w.npz", "missing.npz", cwd=tmp_path)
    assert paths_in(document) == fields_of("### As JSON")


def test_the_page_names_each_field_of_the_json_of_compare(tmp_path):
    save_layers(tmp_path / "w.npz", "dead")
    process = cli("compare", "w.npz", "w.npz", "--format", "json", cwd=tmp_path)
    paths = {path.replace(".b.", ".a.") for path in paths_in(json.loads(process.stdout))}
    assert paths == fields_of("## Compare")


def test_the_page_names_each_field_of_the_json_of_series_and_show(tmp_path):
    for step in (1, 2):
        (tmp_path / "files").mkdir(exist_ok=True)
        save_layers(tmp_path / "files" / f"epoch-{step}.npz", "smooth", "noisy")
    arguments = ("--format", "json", "--fail-on", "noisy")
    process = cli("series", "files", "--log-dir", "logs", "--no-images", *arguments, cwd=tmp_path)
    paths = paths_in(json.loads(process.stdout))
    told = fields_of("## Series") | fields_of("## Show")
    above = ("run.layers[].", "run.diagnosis.", "failed[].")
    assert {path for path in paths if not path.startswith(above)} <= told
    process = cli("show", "logs", *arguments, cwd=tmp_path)
    shown = paths_in(json.loads(process.stdout))
    assert paths - shown == {
        "files",
        "files[].file",
        "files[].step",
        "files[].state",
        "files[].reason",
    }
    layer_fields = {
        path for path in fields_of("### As JSON") if path.startswith("files[].layers[].")
    }
    assert {
        path.replace("run.", "files[].") for path in shown if "layers[]." in path
    } == layer_fields


def test_the_page_names_each_exit_status():
    table = PAGE.partition("## Exit status")[2].partition("\n## ")[0]
    told = {int(status) for status in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert told == {value for name, value in vars(exit_codes).items() if name.isupper()}


def test_the_page_names_each_state():
    table = PAGE.partition("| state |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(STATES)


def test_the_conditions_on_the_page_exist():
    table = PAGE.partition("| condition |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    names = [name.strip("'") for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert len(parse_conditions(names)) == len(names)
    assert {*ALARMS_OF_FILES, "noisy", "undetermined", "skipped", "unreadable"} <= set(names)
