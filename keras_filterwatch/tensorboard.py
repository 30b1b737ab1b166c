"""Pictures, numbers and text in, a TensorBoard event file out; TensorFlow is never imported."""

import io
import itertools
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.image import metadata as image_plugin
from tensorboard.plugins.scalar import metadata as scalar_plugin
from tensorboard.plugins.text import metadata as text_plugin
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.rules import Alarm
from keras_filterwatch.scoring import MEASURES, Scores

Value: TypeAlias = summary_pb2.Summary.Value

_FILE_NUMBERS = itertools.count()


class EventFile:
    """One event file in `directory`, which TensorBoard shows as one run.

    Each step is one write: a killed process loses at most the step it was writing. A write that
    fails (a full disk, say) raises OSError, leaves no half record behind, and the next one may
    succeed.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._open()

    def write(self, step: int, values: Iterable[Value]) -> None:
        """Writes what `scalar`, `picture` and `text` made, as one step."""
        if not self._path.exists():  # somebody emptied the directory: what follows is kept
            self.close()
            self._open()
        now = time.time()
        self._append(
            event_pb2.Event(wall_time=now, step=step, summary=summary_pb2.Summary(value=[value]))
            for value in values
        )

    def close(self) -> None:
        """Nothing is pending: each step was written when it came."""
        self._file.close()

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        who = f"{socket.gethostname()}.{os.getpid()}.{next(_FILE_NUMBERS)}"
        self._path = self._directory / f"events.out.tfevents.{int(now):010d}.{who}"
        self._file = self._path.open("xb", buffering=0)
        self._good = 0
        try:
            self._append([event_pb2.Event(wall_time=now, file_version="brain.Event:2")])
        except OSError:
            self.close()
            self._path.unlink()  # readers can hang on a file without its first record
            raise

    def _append(self, events: Iterable[event_pb2.Event]) -> None:
        buffer = io.BytesIO()
        records = RecordWriter(buffer)
        for event in events:
            records.write(event.SerializeToString())
        rest = buffer.getvalue()
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._good)
            self._file.seek(self._good)
            raise
        self._good += size


def values(
    scores: Scores,
    pictures: Mapping[tuple[str, str], Image.Image],
    alarms: Sequence[Alarm],
    diagnosis: Diagnosis,
) -> Iterator[Value]:
    """One step: curves `<measure>/<NN>_<layer>`, `kernels/...`, `alarms` and `alarm_count`.

    NN is the layer's place, zero-padded, so that TensorBoard keeps the order of the model.
    """
    digits = max(2, len(str(len(scores) - 1)))
    for place, (layer, numbers) in enumerate(scores.items()):
        name = f"{place:0{digits}}_{layer}"
        for measure, number in numbers.items():
            yield scalar(f"{measure}/{name}", number, MEASURES.get(measure, ""))
        for (what, of_layer), image in pictures.items():
            if of_layer == layer:
                yield picture(f"{what}/{name}", image)
    yield scalar("alarm_count", len(alarms), "Alarms since the start.")
    if scores.step in (0, *(alarm.step for alarm in alarms)):  # when there is something to tell
        yield text("alarms", _story(alarms, diagnosis))


def _story(alarms: Sequence[Alarm], diagnosis: Diagnosis) -> str:
    """All alarms so far, so that the last text that TensorBoard keeps tells everything."""
    if not alarms:
        return "No alarm so far."
    rows = [f"| {a.step} | {a.rule} | {_cell(a.layer)} | {_cell(a.message)} |" for a in alarms]
    cause = f"**Probable cause: {diagnosis.cause}.** {diagnosis.advice}"
    head = ["| step | alarm | layer | what was seen |", "|---|---|---|---|"]
    return "\n".join([cause, "", *head, *rows])


def _cell(words: str) -> str:
    return str(words).replace("|", "\\|").replace("\n", " ")


def scalar(tag: str, number: float, description: str = "") -> Value:
    """A point of the curve `tag`."""
    metadata = scalar_plugin.create_summary_metadata("", description)
    metadata.data_class = summary_pb2.DATA_CLASS_SCALAR
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_FLOAT,
        tensor_shape=tensor_shape_pb2.TensorShapeProto(),
        float_val=[number],
    )
    return Value(tag=tag, metadata=metadata, tensor=tensor)


def picture(tag: str, image: Image.Image, description: str = "") -> Value:
    """A picture under `tag`."""
    metadata = image_plugin.create_summary_metadata("", description)
    metadata.data_class = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
    return Value(
        tag=tag,
        metadata=metadata,
        tensor=_strings([str(image.width).encode(), str(image.height).encode(), _png(image)], [3]),
    )


def text(tag: str, markdown: str) -> Value:
    """Markdown under `tag`."""
    metadata = text_plugin.create_summary_metadata("", "")
    metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    return Value(tag=tag, metadata=metadata, tensor=_strings([markdown.encode()], []))


def _strings(parts: list[bytes], sizes: list[int]) -> tensor_pb2.TensorProto:
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes]
    shape = tensor_shape_pb2.TensorShapeProto(dim=dims)
    return tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape, string_val=parts)


def _png(image: Image.Image) -> bytes:
    if image.getcolors(256):  # few colours: a palette says the same in a third of the bytes
        image = image.quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
