"""One step: which layers can take the image row by row, and how many rows of each tensor are kept.

A tensor of the streamed part is a window that slides: its last rows, in order, the newest at the
end. Rows of padding are rows like others, so a layer's window always lies in one piece, and each
layer is computed by the kernel of a layer that is one output row high. Which row is computed when
does not depend on the data: always one of the deepest layer that can.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codegen.errors import GateBreach, HvError
from codegen.nets import IMAGE, QuantNet
from codegen.ops.base import Op, QuantLayer, Shape
from codegen.ops.conv2d import Conv2d
from codegen.ops.depthwise import Depthwise
from codegen.ops.elementwise import Elementwise
from codegen.ops.lookup import Lookup
from codegen.ops.pointwise import Pointwise

WORD_BYTES = 4  # rows are moved in whole words


@dataclass(frozen=True, kw_only=True)
class RowWindow:
    """The rows of its inputs that a row of a layer reads: `height` from y * stride - top on."""

    height: int
    stride: int
    top: int


@dataclass(frozen=True, kw_only=True)
class Slide:
    """A tensor of the streamed part: the last `rows` of its rows are kept.

    Attributes:
        rows: how many are kept; the boundary's are all.
        row_bytes: size of one.
        height: rows of the tensor itself.
        top: rows of padding before the first one.
        bottom: rows of padding behind the last one.
        pad_value: what these hold.
        passes: whether each row is read in the very next step and by nobody else.
    """

    rows: int
    row_bytes: int
    height: int
    top: int
    bottom: int
    pad_value: int
    passes: bool = False

    @property
    def end(self) -> int:
        """Rows with all padding, counted from the first row of padding."""
        return self.top + self.height + self.bottom

    @property
    def size_bytes(self) -> int:
        """What is kept."""
        return self.rows * self.row_bytes


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The streamed part of a network.

    Attributes:
        source: the input whose rows come one by one.
        layers: its layers, the network's first ones; the last one's output is the boundary, whole.
        slides: by tensor: the source and each layer.
    """

    source: str
    layers: tuple[str, ...]
    slides: Mapping[str, Slide]

    @property
    def boundary(self) -> str:
        """The layer whose output exists as a whole."""
        return self.layers[-1]


def row_window(op: Op) -> RowWindow:
    """The rows that a row of a streamed operator reads."""
    if isinstance(op, Conv2d | Depthwise):
        return RowWindow(height=op.kernel[0], stride=op.stride[0], top=op.padding[0])
    return RowWindow(height=1, stride=1, top=0)


def row_layer(layer: QuantLayer) -> QuantLayer:
    """The layer that computes one row: as high as its window, not padded above or below."""
    op: Op = layer.op
    if isinstance(op, Conv2d | Depthwise):
        _, left, _, right = op.padding
        op = dataclasses.replace(op, padding=(0, left, 0, right))
    height = row_window(layer.op).height
    return dataclasses.replace(
        layer,
        op=op,
        input_shapes=tuple((height, *shape[1:]) for shape in layer.input_shapes),
        output_shape=(1, *layer.output_shape[1:]),
    )


def plan_streams(net: QuantNet) -> tuple[Stream, ...]:
    """Every part that can be streamed, the longest first; none if the first layer cannot.

    A shorter one may need less: its boundary is smaller, and layers behind it use its memory again.
    """
    if len(net.arch.inputs) != 1:
        return ()
    source = net.arch.inputs[0].name
    known, count = {source}, 0
    for layer in net.layers:
        if not _is_streamed(layer) or not set(layer.inputs) <= known:
            break
        known.add(layer.name)
        count += 1
    ends = [end for end in range(count, 0, -1) if _is_closed(net, source, end)]
    return tuple(_stream(net, source, end) for end in ends)


def check_stream(net: QuantNet, stream: Stream) -> None:
    """Raises GateBreach if a row is gone before its last reader, or some are never computed."""
    faults = _Run(net, stream).faults()
    if faults:
        raise GateBreach(f"streaming of {net.arch.name}", tuple(faults))


def _is_streamed(layer: QuantLayer) -> bool:
    shapes = (*layer.input_shapes, layer.output_shape)
    rowwise = isinstance(layer.op, Pointwise | Lookup) or (
        isinstance(layer.op, Elementwise) and len(set(layer.input_shapes)) == 1
    )
    return (isinstance(layer.op, Conv2d | Depthwise) or rowwise) and all(
        len(shape) == 3 and math.prod(shape[1:]) % WORD_BYTES == 0 for shape in shapes
    )


def _is_closed(net: QuantNet, source: str, count: int) -> bool:
    """Whether nobody behind the first `count` layers reads what is not whole."""
    inner = {source, *(layer.name for layer in net.layers[: count - 1])}
    later = {name for layer in net.layers[count:] for name in layer.inputs}
    return not inner & (later | set(net.arch.outputs))


def _stream(net: QuantNet, source: str, count: int) -> Stream:
    layers = net.layers[:count]
    shapes = {source: net.arch.inputs[0].shape} | {x.name: x.output_shape for x in layers}
    # a camera's byte is its integer + 128; -128 has the bits of 128
    given = -128 if source == IMAGE else net.input_quantities[source].zero_point
    zero_points = {source: given} | {layer.name: layer.quantity.zero_point for layer in layers}
    boundary = layers[-1].name
    slides = {
        name: _whole(shape)
        if name == boundary
        else _padded(shape, _readers(layers, name), zero_points[name])
        for name, shape in shapes.items()
    }
    draft = Stream(source=source, layers=tuple(x.name for x in layers), slides=slides)
    run = _Run(net, draft)
    run.all()
    kept = {
        name: slide
        if name == boundary
        else dataclasses.replace(slide, rows=run.kept[name], passes=_passes(layers, name, run))
        for name, slide in slides.items()
    }
    stream = dataclasses.replace(draft, slides=kept)
    check_stream(net, stream)
    return stream


def _whole(shape: Shape) -> Slide:
    return Slide(
        rows=shape[0],
        row_bytes=math.prod(shape[1:]),
        height=shape[0],
        top=0,
        bottom=0,
        pad_value=0,
    )


def _padded(shape: Shape, readers: Sequence[QuantLayer], pad_value: int) -> Slide:
    """With the padding that its readers want; how many rows are kept is not known yet."""
    windows = [(row_window(reader.op), reader.output_shape[0]) for reader in readers]
    ends = [(rows - 1) * w.stride + w.height - w.top for w, rows in windows]
    return Slide(
        rows=2**20,
        row_bytes=math.prod(shape[1:]),
        height=shape[0],
        top=max(window.top for window, _ in windows),
        bottom=max(0, max(ends) - shape[0]),
        pad_value=pad_value,
    )


def _readers(layers: Sequence[QuantLayer], name: str) -> list[QuantLayer]:
    return [layer for layer in layers if name in layer.inputs]


def _passes(layers: Sequence[QuantLayer], name: str, run: _Run) -> bool:
    readers = _readers(layers, name)
    index = {layer.name: number for number, layer in enumerate(layers)}
    return (
        name in index
        and run.kept[name] == 1
        and [index[reader.name] for reader in readers] == [index[name] + 1]
    )


class _Run:
    """Plays the stream: counts rows, and the rows that are kept at most.

    Rows are counted with their padding, from the first row of padding above.
    """

    def __init__(self, net: QuantNet, stream: Stream) -> None:
        self._stream = stream
        self._layers = {layer.name: layer for layer in net.layers if layer.name in stream.layers}
        self._counts = {name: slide.top for name, slide in stream.slides.items()}
        self._lost: list[tuple[str, str, int]] = []
        self.kept = dict.fromkeys(stream.slides, 1)

    def all(self) -> None:
        """From the first row of the image to the last row of the boundary."""
        source = self._stream.slides[self._stream.source]
        for _ in range(source.height):
            self._counts[self._stream.source] += 1
            while self._step():
                pass

    def faults(self) -> list[HvError]:
        """What went wrong on the way."""
        self.all()
        lost = [
            HvError(f"row {row} of {name} is gone before it is read", where=f"layer {reader}")
            for reader, name, row in self._lost
        ]
        boundary = self._stream.boundary
        if self._counts[boundary] != self._stream.slides[boundary].height:
            lost.append(HvError("the image ends and rows are missing", where=f"layer {boundary}"))
        return lost

    def _step(self) -> bool:
        """A row, or one of padding, of the deepest layer that can; or of the source's padding."""
        for name in (*reversed(self._stream.layers), self._stream.source):
            slide, count = self._stream.slides[name], self._counts[name]
            if count >= slide.top + slide.height:
                if count < slide.end:
                    self._counts[name] += 1
                    return True
            elif name in self._layers and self._can(self._layers[name], count - slide.top):
                self._counts[name] += 1
                return True
        return False

    def _can(self, layer: QuantLayer, y: int) -> bool:
        """Whether all rows of its window are there; notes which of them are kept for it."""
        window = row_window(layer.op)
        firsts = {
            name: y * window.stride - window.top + self._stream.slides[name].top
            for name in layer.inputs
        }
        if any(self._counts[name] < first + window.height for name, first in firsts.items()):
            return False
        for name, first in firsts.items():
            needed = self._counts[name] - first
            self.kept[name] = max(self.kept[name], needed)
            if needed > self._stream.slides[name].rows:
                self._lost.append((layer.name, name, first - self._stream.slides[name].top))
        return True
