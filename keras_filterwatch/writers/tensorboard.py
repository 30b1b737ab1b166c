"""Pictures, numbers and text in, a TensorBoard event file out; TensorFlow is never imported."""

import io
import itertools
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_plugin
from tensorboard.plugins.histogram import metadata as histogram_plugin
from tensorboard.plugins.image import metadata as image_plugin
from tensorboard.plugins.scalar import metadata as scalar_plugin
from tensorboard.plugins.text import metadata as text_plugin
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.kernels import Array
from keras_filterwatch.rules import Alarm
from keras_filterwatch.scores import MEASURES, Scores

Value: TypeAlias = summary_pb2.Summary.Value

_FILE_NUMBERS = itertools.count()
_CHARTS = {  # the Custom Scalars page: category -> measure -> title of its chart
    "Filters": {
        "noise": "noise score",
        "dead": "dead share",
        "update": "update ratio",
        "rotation": "rotation from the start",
    },
    "Units": {
        "apoz": "zeros in the outputs",
        "dead_units": "dead units",
        "saturated_units": "saturated units",
    },
}
_HISTOGRAMS = {  # what is also shown filter by filter
    "noise": "Noise score of each filter: 1 is noise.",
    "norm": "Norm of each filter, as a BatchNormalization behind it leaves it.",
}
_BUCKETS = 20  # in a histogram: 480 bytes


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
        """Writes values, such as `scalar` and `picture` make, as one step."""
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

    Histograms `<measure>_per_filter/...` show what the filters of a layer are beside its number.
    NN is the layer's place, zero-padded, so that TensorBoard keeps the order of the model.
    """
    digits = max(2, len(str(len(scores) - 1)))
    for place, (layer, numbers) in enumerate(scores.items()):
        name = f"{place:0{digits}}_{layer}"
        for measure, number in numbers.items():
            yield scalar(f"{measure}/{name}", number, MEASURES.get(measure, ""))
        for measure, description in _HISTOGRAMS.items():
            each = numbers.filters.get(measure, np.empty(0))
            finite = each[np.isfinite(each)]
            if finite.size:
                yield histogram(f"{measure}_per_filter/{name}", finite, description)
        for (what, of_layer), image in pictures.items():
            if of_layer == layer:
                yield picture(f"{what}/{name}", image)
    yield scalar("alarm_count", len(alarms), "Alarms since the start.")
    if scores.step in (0, *(alarm.step for alarm in alarms)):  # when there is something to tell
        yield text("alarms", _story(alarms, diagnosis))


def layout(scores: Scores) -> Value:
    """The Custom Scalars page: a chart per measure that these scores have, with all layers.

    It is written once, at the first step; the last one that a run has is shown.
    """
    measures = set().union(*scores.values(), ["update"])  # which the second step brings
    extra = {name: name for name in sorted(measures - set(MEASURES))}
    categories = [
        _category(title, {m: t for m, t in charts.items() if m in measures})
        for title, charts in (_CHARTS | {"Metrics of your own": extra}).items()
    ]
    alarms = _category("Alarms", {})
    alarms.chart.append(_chart("alarms since the start", "^alarm_count$"))
    page = layout_pb2.Layout(category=[*(c for c in categories if c.chart), alarms])
    metadata = custom_scalar_plugin.create_summary_metadata()
    metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    return Value(
        tag=custom_scalar_plugin.CONFIG_SUMMARY_TAG,
        metadata=metadata,
        tensor=_strings([page.SerializeToString()], []),
    )


def _category(title: str, charts: Mapping[str, str]) -> layout_pb2.Category:
    curves = [_chart(name, f"^{re.escape(measure)}/") for measure, name in charts.items()]
    return layout_pb2.Category(title=title, chart=curves)


def _chart(title: str, tags: str) -> layout_pb2.Chart:
    """All curves whose tags match."""
    return layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=[tags]))


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


def histogram(tag: str, values: Array, description: str = "") -> Value:
    """How the finite numbers `values`, one or more, are spread, as one step under `tag`."""
    metadata = histogram_plugin.create_summary_metadata("", description)
    metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
    buckets = _buckets(np.asarray(values, float))
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_DOUBLE,
        tensor_shape=_shape(buckets.shape),
        double_val=buckets.ravel().tolist(),
    )
    return Value(tag=tag, metadata=metadata, tensor=tensor)


def _buckets(values: Array) -> Array:
    """Left edge, right edge and count of each, `(n, 3)`."""
    low, high = values.min(), values.max()
    edges = np.linspace(low, high, _BUCKETS + 1)
    if not (np.diff(edges) > 0).all():  # too near to each other to be told apart
        return np.array([[low, high, values.size]])
    counts, _ = np.histogram(values, edges)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


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
    return tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=_shape(sizes), string_val=parts
    )


def _shape(sizes: Iterable[int]) -> tensor_shape_pb2.TensorShapeProto:
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes]
    return tensor_shape_pb2.TensorShapeProto(dim=dims)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    _with_palette(image).save(buffer, "PNG")
    return buffer.getvalue()


def _with_palette(image: Image.Image) -> Image.Image:
    """The same picture with a palette, which takes a third of the bytes, if it has few colours.

    Pillow's `quantize` does this too, in three times the time.
    """
    if image.mode != "RGB":
        return image
    opaque = image.convert("RGBA")  # four bytes a pixel: a colour is one number
    counted = opaque.getcolors(256)
    if counted is None:
        return image
    colours = np.array([colour for _, colour in counted], np.uint8)
    numbers = colours.view(np.uint32).ravel()
    order = numbers.argsort()
    pixels = np.asarray(opaque).view(np.uint32)[..., 0]
    paletted = Image.fromarray(np.searchsorted(numbers[order], pixels).astype(np.uint8))
    paletted.putpalette(colours[order, :3].ravel().tolist())
    return paletted
