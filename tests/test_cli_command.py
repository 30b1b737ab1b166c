"""The command line as a whole: help, exit statuses, consoles, pipes and interruptions."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_runs import cli, noise_kernel, save_layers

import keras_filterwatch
from keras_filterwatch.cli import main
from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.parser import parse, parser

FULL = Path("/dev/full")  # where there is no space left
COMMANDS = ("audit", "compare", "series", "report", "show")


def test_the_version_is_that_of_the_package():
    process = cli("--version")
    assert process.stdout == f"keras-filterwatch {keras_filterwatch.__version__}\n"
    assert process.returncode == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_ends_with_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last.startswith(f"  keras-filterwatch {command} ")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_in_the_help_can_be_parsed(command, capsys):
    main([command, "--help"])
    examples = capsys.readouterr().out.split("example")[-1].splitlines()[1:]
    for example in examples:
        words = example.replace("'", "").split()
        assert parser().parse_args(words[1:]).command == command


def test_help_needs_neither_numpy_nor_any_framework():
    code = """
import sys
from keras_filterwatch.cli import main
main(["audit", "--help"])
print({"numpy", "PIL", "h5py", "keras", "tensorflow", "rich"} & set(sys.modules), file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stderr.strip() == "set()"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("adit", "model.keras"),
        ("audit",),
        ("audit", "model.keras", "--format", "xml"),
        ("audit", "model.keras", "--jobs", "0"),
        ("audit", "model.keras", "--timeout", "never"),
        ("audit", "model.keras", "--fail-on", "noisi"),
        ("audit", "model.keras", "--architecture", "nowhere.json"),
        ("audit", "model.keras", "--layout", "XYZ"),
        ("audit", "model.keras", "-o", "nowhere/result.json"),
    ],
)
def test_wrong_arguments_end_with_status_4_and_a_message(arguments, capsys):
    assert main(arguments) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "keras-filterwatch" in captured.err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("adit", "model.keras"), "there is no 'adit'; did you mean 'audit'?"),
        (("audit", "model.keras", "--imags", "x"), "--imags; did you mean '--images'?"),
        (("audit", "model.keras", "--format", "jsn"), "'jsn'; did you mean 'json'?"),
        (("series", "files", "--log-dri", "x"), "--log-dir; did you mean '--log-dir'?"),
    ],
)
def test_wrong_words_get_the_ones_that_may_be_meant(arguments, meant, capsys):
    assert main(arguments) == 4
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("keras-filterwatch: ")
    assert first.endswith(meant)
    assert second.endswith("--help` tells more.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "a.keras", "--images", "img", "b.keras"),
        ("audit", "a.keras", "-q", "--", "b.keras"),
        ("audit", "-q", "a.keras", "b.keras", "--images", "img"),
    ],
)
def test_files_may_stand_behind_options(arguments):
    assert parse(arguments).files == ["a.keras", "b.keras"]


def test_checkpoints_may_stand_behind_options():
    options = parse(["series", "1.keras", "--log-dir", "logs", "2.keras"])
    assert options.places == ["1.keras", "2.keras"]


def test_other_commands_take_no_further_files(capsys):
    assert main(["compare", "a", "b", "--format", "json", "c"]) == 4
    assert "unrecognized arguments: c." in capsys.readouterr().err


def test_completion_without_shtab_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 4
    assert 'pip install "keras_filterwatch[completion]"' in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_knows_the_commands(shell, capsys):
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)


def test_completion_for_bash_completes_files(capsys):
    main(["--print-completion", "bash"])
    assert "audit_pos_0_COMPGEN=_shtab_compgen_files" in capsys.readouterr().out


def test_an_unexpected_error_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    def broken(*arguments):
        raise KeyError("nobody expects it")

    monkeypatch.setattr("keras_filterwatch.cli.audit.run", broken)
    assert main(["audit", "model.keras"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("keras-filterwatch: unexpected error: KeyError")
    assert "--debug" in line


def test_debug_prints_the_traceback(monkeypatch, capsys):
    def broken(*arguments):
        raise KeyError("nobody expects it")

    monkeypatch.setattr("keras_filterwatch.cli.audit.run", broken)
    assert main(["audit", "model.keras", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_warnings_are_lines_without_source_code(monkeypatch, capsys):
    def warn(options, console):
        import warnings

        warnings.warn("mind the\ngap", stacklevel=1)
        return 0

    monkeypatch.setattr("keras_filterwatch.cli.audit.run", warn)
    main(["audit", "model.keras"])
    assert capsys.readouterr().err == "keras-filterwatch: warning: mind the gap\n"


def test_a_quiet_command_prints_no_notes(capsys):
    Console(is_terminal=False, quiet=True).note("by the way")
    Console(is_terminal=False, quiet=True).error("this failed")
    assert capsys.readouterr().err == "keras-filterwatch: this failed\n"


def test_a_console_without_the_characters_of_a_name_gets_escape_sequences(tmp_path):
    save_layers(tmp_path / "größe.npz", "noisy")
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    process = cli("audit", "-q", "größe.npz", cwd=tmp_path, env=environment)
    assert process.returncode == 0
    assert r"gr\xf6\xdfe.npz: 0 structured, 1 noisy" in process.stdout


def test_modules_that_lie_beside_a_file_are_not_run(tmp_path):
    save_layers(tmp_path / "w.npz", "noisy")
    for module in ("numpy", "h5py", "rich", "PIL"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('this ran')")
    process = cli("audit", "-q", "w.npz", cwd=tmp_path)
    assert process.stdout == "w.npz: 0 structured, 1 noisy, 0 dead, 0 undetermined, 0 skipped\n"
    assert process.returncode == 0


def many_files(folder, count=300):
    """Names of many files with the same content."""
    first = save_layers(folder / "0.npz", "noisy", "smooth")
    for number in range(1, count):
        os.link(first, folder / f"{number}.npz")
    return [f"{number}.npz" for number in range(count)]


def started(*arguments, cwd):
    command = [sys.executable, "-m", "keras_filterwatch", *arguments]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_closed_pipe_gives_no_traceback(tmp_path):
    with started("audit", *many_files(tmp_path), cwd=tmp_path) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_ends_everything_at_once_and_quietly(tmp_path):
    with started("audit", *many_files(tmp_path), cwd=tmp_path) as process:
        process.stdout.readline()
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert time.monotonic() - start < 5
    assert process.returncode == 130
    assert error == b""


@pytest.mark.skipif(not FULL.exists(), reason="needs a device without space")
def test_a_full_disk_is_told_in_one_line(tmp_path):
    save_layers(tmp_path / "w.npz", "noisy")
    command = [sys.executable, "-m", "keras_filterwatch", "audit", "w.npz"]
    with FULL.open("w") as full:
        process = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert process.returncode == 2
    assert process.stderr == "keras-filterwatch: No space left on device\n"


def printed_on_a_terminal(tmp_path, *arguments, **environment):
    """What a command prints on a terminal of 100 columns."""
    pty = pytest.importorskip("pty")
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_filterwatch", *arguments],
        cwd=tmp_path,
        stdout=child,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm", **environment},
    )
    os.close(child)
    printed = b""
    try:
        while part := os.read(parent, 65536):
            printed += part
    except OSError:  # how Linux tells that the other side was closed
        pass
    os.close(parent)
    assert process.wait() == 0
    return printed.decode()


def test_a_terminal_gets_colours(tmp_path):
    save_layers(tmp_path / "w.npz", "noisy")
    assert "\x1b[33mnoisy" in printed_on_a_terminal(tmp_path, "audit", "w.npz")


def test_no_color_is_respected(tmp_path):
    save_layers(tmp_path / "w.npz", "noisy")
    assert "\x1b[33m" not in printed_on_a_terminal(tmp_path, "audit", "w.npz", NO_COLOR="1")


def test_a_dumb_terminal_gets_no_escape_sequences(tmp_path):
    save_layers(tmp_path / "w.npz", "noisy")
    assert "\x1b" not in printed_on_a_terminal(tmp_path, "audit", "w.npz", TERM="dumb")


def test_names_of_layers_cannot_control_the_terminal(tmp_path):
    name = "a\x1b]0;title\x07[red]b[/red]"
    save_layers(tmp_path / "w.npz", **{name: noise_kernel()})
    printed = printed_on_a_terminal(tmp_path, "audit", "w.npz", NO_COLOR="1", TERM="dumb")
    assert "\x1b" not in printed
    assert r"a\x1b]0;title\x07[red]b[/red]" in printed
