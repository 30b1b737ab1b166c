"""Records one saved model as a run of one step, with the alarms that need no history."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from keras_filterwatch.alarms import Judgement
from keras_filterwatch.checkpoints.reading import read_checkpoint
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES, PICTURES, PictureCatalogue
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.record.documents import as_recorded
from keras_filterwatch.report import Report
from keras_filterwatch.scoring import full_scores, quick_scores
from keras_filterwatch.single_step import judge_single_step
from keras_filterwatch.storage import Folder

_STEP = 0
_OF_LAYERS = [name for name in DEFAULT_PICTURES if not PICTURES[name].of_network]


def record_file(
    path: Path,
    folder: Folder,
    architecture: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Records a saved model, so that `Run` and its report show it.

    Args:
        path: of the file.
        folder: where the run is recorded.
        architecture, layout: as `open_file` takes them.
        tell: prints what the file does not tell.

    Raises:
        UnreadableFileError: it cannot be read, or has no kernel that can be scored.
        OSError: it cannot be read, or the folder cannot be written to.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from keras_filterwatch.runs import read
        >>> from keras_filterwatch.storage import folder_of
        >>> path = Path(tempfile.mkdtemp(), "model.npz")
        >>> np.savez(path, conv=np.ones((3, 3, 1, 8), "f4"))
        >>> record_file(path, folder_of(path.parent / "filterwatch"))
        >>> read(path.parent).layers["conv"]["duplicates"]
        1.0
    """
    from keras_filterwatch.writers.tensorboard import TensorBoard  # it needs TensorBoard

    checkpoint = read_checkpoint(path, _STEP, architecture=architecture, layout=layout)
    snapshot, facts = checkpoint.snapshot, checkpoint.facts
    if not snapshot.kernels:
        raise UnreadableFileError("it has no kernel that can be scored.")
    for note in checkpoint.notes:
        tell(note)
    quick = quick_scores(snapshot, logs=checkpoint.logs, updates=checkpoint.updates)
    scores, _ = full_scores(quick, snapshot, None, {})
    scores = as_recorded(replace(scores, step=_STEP))
    judged = judge_single_step(scores, facts)
    raised = (*judged.alarms, *judged.notes)
    windows = [kernel.name for kernel in snapshot.kernels if kernel.has_window]
    catalogue = PictureCatalogue(_OF_LAYERS, windows, draw_all=False, step_unit="epoch")
    catalogue.add_step(snapshot, scores)
    pictures = {
        (name, layer): draw() for name, layer, draw in catalogue.of_kernels(snapshot, scores)
    }
    tensorboard, record = TensorBoard(folder), RecordWriter(folder, "epoch")
    tensorboard.write(Report(scores, pictures, judged.alarms, judged.diagnosis, judged.notes))
    tensorboard.close()
    judgement = Judgement(raised, new=raised)
    record.write(
        StepToRecord(scores, judgement, judged.diagnosis, facts, kernels=catalogue.quantised)
    )
    record.close()
