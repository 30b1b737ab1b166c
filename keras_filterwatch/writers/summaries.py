"""How numbers, histograms, pictures and texts are encoded for TensorBoard, without TensorFlow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from PIL import Image
from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_plugin
from tensorboard.plugins.histogram import metadata as histogram_plugin
from tensorboard.plugins.image import metadata as image_plugin
from tensorboard.plugins.scalar import metadata as scalar_plugin
from tensorboard.plugins.text import metadata as text_plugin

from keras_filterwatch.kernels import Array
from keras_filterwatch.writers.png import png

Value: TypeAlias = summary_pb2.Summary.Value

_BUCKETS = 20  # of a histogram: 480 bytes


@dataclass(frozen=True)
class Scalar:
    """A point of the curve `tag`."""

    tag: str
    number: float
    description: str = ""

    def encoded(self) -> Value:
        """Returns the point as TensorBoard reads it."""
        metadata = scalar_plugin.create_summary_metadata("", self.description)
        metadata.data_class = summary_pb2.DATA_CLASS_SCALAR
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_FLOAT,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(),
            float_val=[self.number],
        )
        return Value(tag=self.tag, metadata=metadata, tensor=tensor)


@dataclass(frozen=True, eq=False)
class Histogram:
    """The distribution of finite numbers, one or more, under `tag`."""

    tag: str
    numbers: Array
    description: str = ""

    def encoded(self) -> Value:
        """Returns the distribution as TensorBoard reads it."""
        metadata = histogram_plugin.create_summary_metadata("", self.description)
        metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        buckets = _buckets(np.asarray(self.numbers, float))
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DT_DOUBLE,
            tensor_shape=_shape(buckets.shape),
            double_val=buckets.ravel().tolist(),
        )
        return Value(tag=self.tag, metadata=metadata, tensor=tensor)


@dataclass(frozen=True, eq=False)
class Picture:
    """A Pillow image under `tag`."""

    tag: str
    image: Image.Image
    description: str = ""

    def encoded(self) -> Value:
        """Returns the image as TensorBoard reads it."""
        metadata = image_plugin.create_summary_metadata("", self.description)
        metadata.data_class = summary_pb2.DATA_CLASS_BLOB_SEQUENCE
        size = [str(self.image.width).encode(), str(self.image.height).encode()]
        return Value(
            tag=self.tag,
            metadata=metadata,
            tensor=_strings([*size, png(_with_palette(self.image))], [3]),
        )


@dataclass(frozen=True)
class Text:
    """Markdown under `tag`."""

    tag: str
    markdown: str

    def encoded(self) -> Value:
        """Returns the text as TensorBoard reads it."""
        metadata = text_plugin.create_summary_metadata("", "")
        metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        return Value(tag=self.tag, metadata=metadata, tensor=_strings([self.markdown.encode()], []))


@dataclass(frozen=True)
class Chart:
    """A chart of the Custom Scalars page: all curves whose tags match a regular expression."""

    category: str
    title: str
    tags: str


@dataclass(frozen=True)
class ChartPage:
    """The Custom Scalars page; TensorBoard shows the last one that a run has."""

    charts: Sequence[Chart]
    tag: str = custom_scalar_plugin.CONFIG_SUMMARY_TAG

    def encoded(self) -> Value:
        """Returns the page as TensorBoard reads it."""
        categories: dict[str, list[layout_pb2.Chart]] = {}
        for chart in self.charts:
            curves = layout_pb2.MultilineChartContent(tag=[chart.tags])
            categories.setdefault(chart.category, []).append(
                layout_pb2.Chart(title=chart.title, multiline=curves)
            )
        page = layout_pb2.Layout(
            category=[
                layout_pb2.Category(title=t, chart=charts) for t, charts in categories.items()
            ]
        )
        metadata = custom_scalar_plugin.create_summary_metadata()
        metadata.data_class = summary_pb2.DATA_CLASS_TENSOR
        tensor = _strings([page.SerializeToString()], [])
        return Value(tag=self.tag, metadata=metadata, tensor=tensor)


Content: TypeAlias = Scalar | Histogram | Picture | Text | ChartPage


def _buckets(numbers: Array) -> Array:
    """Returns left edge, right edge and count of each bucket, `(n, 3)`."""
    low, high = numbers.min(), numbers.max()
    edges = np.linspace(low, high, _BUCKETS + 1)
    if not (np.diff(edges) > 0).all():  # the numbers are too near to each other
        return np.array([[low, high, numbers.size]])
    counts, _ = np.histogram(numbers, edges)
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _strings(parts: list[bytes], sizes: list[int]) -> tensor_pb2.TensorProto:
    return tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=_shape(sizes), string_val=parts
    )


def _shape(sizes: Iterable[int]) -> tensor_shape_pb2.TensorShapeProto:
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in sizes]
    return tensor_shape_pb2.TensorShapeProto(dim=dims)


def _with_palette(image: Image.Image) -> Image.Image:
    """Returns the same picture with a palette, which takes a third of the bytes.

    A picture of more than 256 colours comes back as it is. Pillow's `quantize` does the same in
    three times the time.
    """
    if image.mode != "RGB":
        return image
    opaque = image.convert("RGBA")  # four bytes a pixel: a colour is one number
    counts = opaque.getcolors(256)
    if counts is None:
        return image
    colours = np.array([colour for _, colour in counts], np.uint8)
    numbers = colours.view(np.uint32).ravel()
    order = numbers.argsort()
    pixels = np.asarray(opaque).view(np.uint32)[..., 0]
    paletted = Image.fromarray(np.searchsorted(numbers[order], pixels).astype(np.uint8))
    paletted.putpalette(colours[order, :3].ravel().tolist())
    return paletted
