"""One step: where every buffer lives in the arena, and when."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.errors import GateBreach, HvError
from codegen.ops.base import element_bytes
from codegen.schedule import ScheduledNet

ALIGNMENT_BYTES = 16  # every offset: room for any vector load of any target
SCRATCH = ".scratch"  # suffix of a layer's working memory; no layer name can contain it


@dataclass(frozen=True, kw_only=True)
class Buffer:
    """A piece of the arena, alive from step `first` to step `last`, both included."""

    name: str
    size_bytes: int
    first: int
    last: int
    offset_bytes: int = 0

    def lives_with(self, other: Buffer) -> bool:
        """Whether the two are ever alive in the same step."""
        return self.first <= other.last and other.first <= self.last

    @property
    def end_bytes(self) -> int:
        """First byte behind the buffer."""
        return self.offset_bytes + self.size_bytes


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """The arena: buffers with offsets, and for every layer the buffer that holds its output."""

    arena_bytes: int
    buffers: tuple[Buffer, ...]
    buffer_of: dict[str, str]  # layer -> buffer; an alias shares its input's

    def offset(self, layer: str) -> int:
        """Offset of a layer's output in bytes."""
        return self._buffer(self.buffer_of[layer]).offset_bytes

    def scratch_offset(self, layer: str) -> int:
        """Offset of a layer's working memory in bytes."""
        return self._buffer(layer + SCRATCH).offset_bytes

    def _buffer(self, name: str) -> Buffer:
        return next(buffer for buffer in self.buffers if buffer.name == name)


def plan_memory(scheduled: ScheduledNet) -> MemoryPlan:
    """Places buffers greedily, largest first, each at the lowest offset that is free.

    The network's inputs are the caller's and not in the arena. What a layer reads stays alive
    while it runs.
    """
    lifetimes, buffer_of = _lifetimes(scheduled)
    placed: list[Buffer] = []
    for buffer in sorted(lifetimes, key=lambda b: (-b.size_bytes, b.first, b.name)):
        placed.append(_place(buffer, [other for other in placed if other.lives_with(buffer)]))
    arena_bytes = max(aligned(buffer.end_bytes) for buffer in placed)
    order = sorted(placed, key=lambda b: (b.first, b.name))
    plan = MemoryPlan(arena_bytes=arena_bytes, buffers=tuple(order), buffer_of=buffer_of)
    check_plan(plan)
    return plan


def check_plan(plan: MemoryPlan) -> None:
    """Raises GateBreach if two live buffers overlap, or one is misaligned or leaves the arena."""
    faults = []
    for i, one in enumerate(plan.buffers):
        if one.offset_bytes % ALIGNMENT_BYTES:
            faults.append(HvError(f"offset {one.offset_bytes} is not aligned", where=one.name))
        if one.offset_bytes < 0 or one.end_bytes > plan.arena_bytes:
            faults.append(HvError("the buffer leaves the arena", where=one.name))
        for other in plan.buffers[i + 1 :]:
            apart = one.end_bytes <= other.offset_bytes or other.end_bytes <= one.offset_bytes
            if one.lives_with(other) and not apart:
                faults.append(HvError(f"overlaps {other.name} while both live", where=one.name))
    if faults:
        raise GateBreach("memory plan", tuple(faults))


def aligned(size_bytes: int) -> int:
    """The next multiple of the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _lifetimes(scheduled: ScheduledNet) -> tuple[list[Buffer], dict[str, str]]:
    net = scheduled.net
    buffer_of: dict[str, str] = {}
    for layer in net.layers:
        buffer_of[layer.name] = buffer_of[layer.inputs[0]] if layer.op.is_alias else layer.name
    last = {}
    for step, layer in enumerate(net.layers):
        last[buffer_of[layer.name]] = step
        for name in layer.inputs:
            if name in buffer_of:
                last[buffer_of[name]] = step
    for name in net.arch.outputs:
        last[buffer_of[name]] = len(net.layers)  # the caller reads them
    buffers = []
    for step, layer in enumerate(net.layers):
        if buffer_of[layer.name] == layer.name:
            size = math.prod(layer.output_shape) * element_bytes(layer.op.output_dtype)
            buffers.append(
                Buffer(name=layer.name, size_bytes=size, first=step, last=last[layer.name])
            )
        scratch = scheduled.scratch_bytes(layer)
        if scratch:
            name = layer.name + SCRATCH
            buffers.append(Buffer(name=name, size_bytes=scratch, first=step, last=step))
    return buffers, buffer_of


def _place(buffer: Buffer, neighbours: list[Buffer]) -> Buffer:
    offset = 0
    for other in sorted(neighbours, key=lambda b: b.offset_bytes):
        if offset + buffer.size_bytes <= other.offset_bytes:
            break
        offset = max(offset, aligned(other.end_bytes))
    return Buffer(
        name=buffer.name,
        size_bytes=buffer.size_bytes,
        first=buffer.first,
        last=buffer.last,
        offset_bytes=offset,
    )
