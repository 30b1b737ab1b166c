"""`python -m benchmarks.fuzz.files --cases 10000`: saved files with random damage are audited.

Files that Keras and TensorFlow wrote, and such of NumPy, safetensors and PyTorch, are damaged:
bytes are flipped, cut, swapped; in most cases checksums and lengths fit again, so that the damage
is in what a part says: configs, links, shapes, pickles. Each is read as `audit` reads it, in a
process of its own. It must be read, or refused with a sentence: no other error, no more than 10
seconds or 1 GB, and no file touched but itself. Where the library of HDF5 crashes, the command must
say that the file could not be read. `--case` repeats a single case.
"""

import argparse
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fuzz.file_damage import Files, damaged_files
from benchmarks.fuzz.formats import PLAIN
from benchmarks.fuzz.opened_files import OpenedFiles
from benchmarks.fuzz.separate_reading import FINE, Reading, read_separately, warm_up

_IMAGES = "images"  # the folder of pictures beside a file
_WORDS = 4  # an error's sentence has at least so many


class Specimen(NamedTuple):
    """Files that are one saved model.

    Attributes:
        opened: the name of the file or folder that is opened.
        files: the bytes of each file.
    """

    opened: str
    files: Files


def audited(path: Path) -> str:
    """Returns what `audit` says of a file, as JSON."""
    from keras_filterwatch.cli.audited_file import reply

    others = dict.fromkeys(("architecture", "layout", "layers", "images"))
    return json.dumps(reply({**others, "path": str(path)}), allow_nan=False)


def draw_file(path: Path) -> str:
    """Draws the filters of a file as `audit --images` does; returns what it says, as JSON."""
    from keras_filterwatch.cli.audited_file import reply

    others = dict.fromkeys(("architecture", "layout", "layers"))
    request = {**others, "path": str(path), "images": str(path.parent / _IMAGES)}
    return json.dumps(reply(request), allow_nan=False)


def specimens(folder: Path) -> list[Specimen]:
    """Returns the sound files in a folder, of which those with one stem belong together."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            parts = [part for part in sorted(path.rglob("*")) if part.is_file()]
        elif path.suffix == ".index":
            parts = sorted(folder.glob(f"{path.stem}.*"))
        elif ".data-" in path.name or path.name == "checkpoint":
            continue
        else:
            parts = [path]
        files = {str(part.relative_to(folder)): part.read_bytes() for part in parts}
        found.append(Specimen(path.name, files))
    return found


def write_specimens(folder: Path) -> None:
    """Writes sound files of all formats: by hand, and by Keras in another process."""
    folder.mkdir()
    for suffix, write in PLAIN.items():
        write(folder / f"plain{suffix}")
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fuzz.true_files", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the files could not be made:\n{done.stderr[-3000:]}")


class Case(NamedTuple):
    """A damaged specimen and what came of it."""

    number: int
    specimen: str
    reading: Reading


def write_case(sound: list[Specimen], seed: int, number: int, folder: Path) -> Path:
    """Writes the damaged files of a case; returns the path that is opened."""
    chance = random.Random(f"{seed} {number}")
    specimen = chance.choice(sound)
    for name, data in damaged_files(specimen.files, chance).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder / specimen.opened


def check(sound: list[Specimen], seed: int, number: int, folder: Path) -> Case:
    """Returns what comes of a case, whose files are written into `folder`/case."""
    outside, inside = folder / "outside", folder / "case"
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    path = write_case(sound, seed, number, inside)
    before = _listing(inside)
    watch = OpenedFiles(outside)
    reading = read_separately(path, audited if number % 4 else draw_file)
    touched = watch.names()
    watch.close()
    if reading.outcome.startswith("killed by signal"):
        reading = _by_command(path, reading)
    if reading.outcome in FINE:
        if touched or _listing(inside) != before:
            reading = reading._replace(outcome=f"touched {touched or 'its own folder'}")
        elif reading.outcome != FINE[0] and len(reading.message.split()) < _WORDS:
            reading = reading._replace(outcome=f"no sentence: {reading.message!r}")
    return Case(number, path.name, reading)


def _listing(folder: Path) -> dict[str, int]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != _IMAGES]
    return {str(path): path.stat().st_mtime_ns for path in paths}


def _by_command(path: Path, crash: Reading) -> Reading:
    """Returns what the command says of a file at which the library of HDF5 crashed."""
    command = [sys.executable, "-m", "keras_filterwatch", "audit", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    said = done.stdout + done.stderr
    if done.returncode in (2, 3) and "Traceback" not in said and path.name in said:
        return crash._replace(outcome=f"{crash.outcome}, which the command reports")
    return crash._replace(message=f"exit code {done.returncode}: {said[-2000:]}")


def check_all(folder: str, seed: int, first: int, step: int, cases: int) -> list[Case]:
    """Returns what comes of every `step`-th case, without the text of those that are fine."""
    os.nice(5)
    sound = specimens(Path(folder))
    for specimen in sound:
        said = json.loads(audited(Path(folder, specimen.opened)))
        assert said["layers"], f"{specimen.opened} is sound, and no layer was audited: {said}"
    warm_up(draw_file)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        outside = Path(scratch, "outside")
        outside.mkdir()
        (outside / "secret.bin").write_bytes(b"s3cr" * 2500)
        for number in range(first, cases, step):
            case = check(sound, seed, number, Path(scratch))
            if _is_fine(case.reading):
                case = case._replace(reading=case.reading._replace(message=""))
            else:
                print(f"case {number}, {case.specimen}: {case.reading.outcome}", flush=True)
            results.append(case)
            if len(results) % 1000 == 0:
                print(len(results), "cases", flush=True)
    return results


def _is_fine(reading: Reading) -> bool:
    return reading.outcome in FINE or reading.outcome.endswith("which the command reports")


def _report(cases: list[Case], seed: int, minutes: float) -> None:
    """Prints what came of the cases.

    Raises:
        SystemExit: some must not have come so.
    """
    print(f"{len(cases)} cases, seed {seed}, {minutes:.1f} minutes")
    for outcome, count in Counter(case.reading.outcome for case in cases).most_common():
        print(f"{count:8} {outcome}")
    print(f"{max(case.reading.seconds for case in cases):8.1f} s at most")
    print(f"{max(case.reading.megabytes for case in cases):8.0f} MB at most")
    crashes = [case.number for case in cases if case.reading.outcome.startswith("killed")]
    if crashes:
        print(f"crashes of a library: cases {crashes}")
    failures: dict[str, list[Case]] = {}
    for case in cases:
        if not _is_fine(case.reading):
            last = case.reading.message.strip().rpartition("\n")[2][:200]
            failures.setdefault(f"{case.reading.outcome}: {last}", []).append(case)
    for what, failed in failures.items():
        print(f"\n{what}\ncases {[case.number for case in failed][:20]}")
        print(failed[0].reading.message)
    if failures:
        raise SystemExit(f"{sum(map(len, failures.values()))} cases failed")


def main() -> None:
    """Audits as many damaged files as the command line says, and prints what happened.

    Raises:
        SystemExit: cases failed, which are printed.
    """
    parser = argparse.ArgumentParser("python -m benchmarks.fuzz.files", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--files", type=Path, help="sound files that a run before has kept here")
    parser.add_argument("--case", type=int, help="the number of the only case")
    parser.add_argument("--keep", type=Path, help="where the files of that case are written to")
    options = parser.parse_args()
    began = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.files or Path(scratch, "sound")
        if not folder.exists():
            write_specimens(folder)
        if options.case is not None:
            first, step, cases = options.case, 1, options.case + 1
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                write_case(specimens(folder), options.seed, options.case, options.keep)
        else:
            first, step, cases = 0, options.processes, options.cases
        tasks = [(str(folder), options.seed, first + i, step, cases) for i in range(step)]
        results: list[Any]
        if step == 1:
            results = [check_all(*tasks[0])]
        else:
            with multiprocessing.get_context("spawn").Pool(step) as pool:
                results = pool.starmap(check_all, tasks)
        checked = sorted(case for part in results for case in part)
    _report(checked, options.seed, (time.time() - began) / 60)


if __name__ == "__main__":
    main()
