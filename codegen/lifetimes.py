"""One step: which buffers a network needs, how large each is, and from when to when it lives."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.ops.base import QuantLayer, element_bytes
from codegen.scheduled_net import ScheduledNet

ALIGNMENT_BYTES = 16  # every offset: room for any vector load of any target
ROWS = ".rows"  # counts of the rows that came; no layer can be called that
SCRATCH = ".scratch"  # suffix of a layer's working memory; no layer name can contain it


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A piece of the arena, alive from step `first` to step `last`, both included.

    Attributes:
        name: the layer whose output it holds, the layer + SCRATCH, or an input of the network.
        size_bytes: what is used of it.
        first: the step that writes it; 0 of an input.
        last: the last step that reads it; the number of layers where the caller reads it.
        offset_bytes: where it lies.
        may_overwrite: buffers that die in step `first`, at whose offset it may lie all the same:
            the layer writes no byte of theirs that it still reads.
    """

    name: str
    size_bytes: int
    first: int
    last: int
    offset_bytes: int = 0
    may_overwrite: tuple[str, ...] = ()

    def lives_with(self, other: Buffer) -> bool:
        """Whether the two are ever alive in the same step."""
        return self.first <= other.last and other.first <= self.last

    def takes_place_of(self, other: Buffer) -> bool:
        """Whether it takes the place of `other`, which dies as this one is written."""
        return (
            other.name in self.may_overwrite
            and self.first == other.last
            and self.offset_bytes == other.offset_bytes
            and self.size_bytes <= other.size_bytes
        )

    @property
    def end_bytes(self) -> int:
        """First byte behind the buffer."""
        return self.offset_bytes + self.size_bytes


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """The buffers, none placed yet, and for every layer the one that holds its output."""

    buffers: tuple[Buffer, ...]
    buffer_of: dict[str, str]  # layer or input in the arena -> buffer; an alias shares its input's


def lifetimes(scheduled: ScheduledNet) -> Lifetimes:
    """Looks who writes and who reads what.

    What a layer reads stays alive while it runs. Inputs that lie in the arena are alive from the
    first step to their last reader and never overwritten before.
    """
    net = scheduled.net
    stream = scheduled.stream
    buffer_of = {name: name for name in net.arch.input_names if scheduled.inputs_in_arena}
    for layer in net.layers:
        buffer_of[layer.name] = buffer_of[layer.inputs[0]] if layer.op.is_alias else layer.name
    last = _last_steps(scheduled, buffer_of)
    buffers = _slides(scheduled, last) if stream else _inputs(scheduled, last)
    for step, layer in enumerate(net.layers):
        if buffer_of[layer.name] == layer.name and not scheduled.is_streamed(layer.name):
            buffers.append(
                Buffer(
                    name=layer.name,
                    size_bytes=math.prod(layer.output_shape) * element_bytes(layer.op.output_dtype),
                    first=step,
                    last=last[layer.name],
                    may_overwrite=_overwritten(scheduled, layer, step, buffer_of, last),
                )
            )
        scratch = scheduled.scratch_bytes(layer)
        if scratch:
            name = layer.name + SCRATCH
            buffers.append(Buffer(name=name, size_bytes=scratch, first=step, last=step))
    return Lifetimes(buffers=tuple(buffers), buffer_of=buffer_of)


def row_counters(scheduled: ScheduledNet) -> int:
    """Words that a network needs which takes its input row by row: a mark, and counts of rows.

    0 where it cannot take rows: it has several inputs, or one that is no image.
    """
    inputs = scheduled.net.arch.inputs
    if not scheduled.inputs_in_arena or len(inputs) != 1 or len(inputs[0].shape) != 3:
        return 0
    return 2 + (len(scheduled.stream.layers) if scheduled.stream else 0)


def _inputs(scheduled: ScheduledNet, last: dict[str, int]) -> list[Buffer]:
    """The network's inputs where the arena has room for them."""
    if not scheduled.inputs_in_arena:
        return []
    counters = row_counters(scheduled)
    rows = [Buffer(name=ROWS, size_bytes=4 * counters, first=0, last=0)] if counters else []
    return rows + [
        Buffer(name=given.name, size_bytes=given.size_bytes, first=0, last=last[given.name])
        for given in scheduled.net.arch.inputs
    ]


def _slides(scheduled: ScheduledNet, last: dict[str, int]) -> list[Buffer]:
    """The rows that a streamed network keeps: all of them all the time, but for those passed on."""
    stream = scheduled.stream
    assert stream is not None
    end = len(stream.layers) - 1
    index = {name: number for number, name in enumerate(stream.layers)}
    found = [Buffer(name=ROWS, size_bytes=4 * row_counters(scheduled), first=0, last=end)]
    for name, slide in stream.slides.items():
        first = index[name] if slide.passes else 0
        until = first + 1 if slide.passes else end
        if name == stream.boundary:
            until = last[name]
        found.append(Buffer(name=name, size_bytes=slide.size_bytes, first=first, last=until))
    return found


def aligned(size_bytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _last_steps(scheduled: ScheduledNet, buffer_of: dict[str, str]) -> dict[str, int]:
    """The last step that needs a buffer, by its name."""
    net = scheduled.net
    last = dict.fromkeys(buffer_of.values(), 0)
    for step, layer in enumerate(net.layers):
        for name in (layer.name, *layer.inputs):
            if name in buffer_of:
                last[buffer_of[name]] = step
    for name in net.arch.outputs:
        last[buffer_of[name]] = len(net.layers)  # the caller reads them
    return last


def _overwritten(
    scheduled: ScheduledNet,
    layer: QuantLayer,
    step: int,
    buffer_of: dict[str, str],
    last: dict[str, int],
) -> tuple[str, ...]:
    """Buffers in which a layer may leave its output although it reads them."""
    allowed = scheduled.kernel(layer).overwrites(layer)
    found: dict[str, bool] = {}  # whether each of its readings is one that allows it
    for index, name in enumerate(layer.inputs):
        if name not in scheduled.net.arch.input_names:
            buffer = buffer_of[name]
            found[buffer] = found.get(buffer, True) and index in allowed
    return tuple(name for name, is_safe in found.items() if is_safe and last[name] == step)
