"""One step: where every buffer lives in the arena, and when."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.errors import GateBreach, HvError
from codegen.lifetimes import ALIGNMENT_BYTES, SCRATCH, Buffer, aligned, lifetimes
from codegen.placement import place
from codegen.scheduled_net import ScheduledNet

__all__ = [
    "ALIGNMENT_BYTES",
    "SCRATCH",
    "Buffer",
    "MemoryPlan",
    "aligned",
    "check_plan",
    "plan_memory",
]


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """The arena: buffers with offsets, and for every layer the buffer that holds its output."""

    arena_bytes: int
    buffers: tuple[Buffer, ...]
    buffer_of: dict[str, str]  # layer, or input in the arena -> buffer; an alias shares its input's

    def offset(self, layer: str) -> int:
        """Offset in bytes of a layer's output, or of an input that lies in the arena."""
        return self._buffer(self.buffer_of[layer]).offset_bytes

    def scratch_offset(self, layer: str) -> int:
        """Offset of a layer's working memory in bytes."""
        return self._buffer(layer + SCRATCH).offset_bytes

    def offset_of(self, buffer: str) -> int:
        """Offset of a buffer in bytes."""
        return self._buffer(buffer).offset_bytes

    def in_place_of(self, buffer: Buffer) -> str:
        """The buffer that this one overwrites while its layer still reads it; "" if none."""
        return next((b.name for b in self.buffers if buffer.takes_place_of(b)), "")

    def _buffer(self, name: str) -> Buffer:
        return next(buffer for buffer in self.buffers if buffer.name == name)


def plan_memory(scheduled: ScheduledNet) -> MemoryPlan:
    """Finds out when buffers live, and places them in as small an arena as it can.

    Inputs of the network that do not lie in the arena are the caller's and no buffers.
    """
    needed = lifetimes(scheduled)
    placed = place(needed.buffers)
    plan = MemoryPlan(
        arena_bytes=max(aligned(buffer.end_bytes) for buffer in placed),
        buffers=tuple(sorted(placed, key=lambda b: (b.first, b.name))),
        buffer_of=needed.buffer_of,
    )
    check_plan(plan)
    return plan


def check_plan(plan: MemoryPlan) -> None:
    """Raises GateBreach if two live buffers overlap, or one is misaligned or leaves the arena.

    The one overlap that may be is that of a layer's output with an input that the layer is the
    last to read, at the same offset, where its kernel says that it can bear it.
    """
    faults = []
    for i, one in enumerate(plan.buffers):
        if one.offset_bytes % ALIGNMENT_BYTES:
            faults.append(HvError(f"offset {one.offset_bytes} is not aligned", where=one.name))
        if one.offset_bytes < 0 or one.end_bytes > plan.arena_bytes:
            faults.append(HvError("the buffer leaves the arena", where=one.name))
        for other in plan.buffers[i + 1 :]:
            apart = one.end_bytes <= other.offset_bytes or other.end_bytes <= one.offset_bytes
            in_place = one.takes_place_of(other) or other.takes_place_of(one)
            if one.lives_with(other) and not apart and not in_place:
                faults.append(HvError(f"overlaps {other.name} while both live", where=one.name))
    if faults:
        raise GateBreach("memory plan", tuple(faults))
