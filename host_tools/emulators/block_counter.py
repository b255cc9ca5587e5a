"""Counts the instructions of blocks that an emulator runs, by the rules of plugin/hv_calls.c."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from host_tools.emulators.base import Counts, LayerCount
from host_tools.manifest import ManifestLayer


@dataclass(kw_only=True)
class _Tally:
    calls: int = 0
    instructions: int = 0
    least: int = 0
    most: int = 0


@dataclass(kw_only=True)
class _Active:
    """A layer's call under way; `depth` calls were under way when its function began."""

    layer: int
    depth: int
    instructions: int = 0


class BlockCounter:
    """Follows calls from each BL or BLX to the instruction after it."""

    def __init__(self, functions: tuple[int, ...], read_code: Callable[[int, int], bytes]) -> None:
        """Args: functions, where those of the layers begin; read_code(address, size_bytes)."""
        self._read_code = read_code
        self._layer_at = {address: index for index, address in enumerate(functions)}
        self._tallies = tuple(_Tally() for _ in functions)
        self._blocks: dict[tuple[int, int], tuple[int, bool]] = {}
        self._returns: list[int] = []
        self._active: list[_Active] = []
        self._total = 0

    def on_block(self, _core: object, address: int, size: int, _user: object) -> None:
        """Called before each block runs."""
        block = self._blocks.get((address, size))
        if block is None:
            code = self._read_code(address, size)
            block = count_thumb_instructions(code), ends_with_call(code)
            self._blocks[address, size] = block
        count, is_call = block
        self._arrive(address)
        self._total += count
        if self._active:
            self._active[-1].instructions += count
        if is_call:
            self._returns.append(address + size)

    def counts(self, layers: Iterable[ManifestLayer]) -> Counts:
        """Returns what was counted, when the firmware has ended.

        Args:
            layers: those of `functions`, in the same order.
        """
        while self._active:
            self._end_layer()
        return Counts(
            total=self._total,
            layers=tuple(
                LayerCount(layer=layer.name, **vars(tally))
                for layer, tally in zip(layers, self._tallies, strict=True)
            ),
        )

    def _arrive(self, address: int) -> None:
        if self._returns and self._returns[-1] == address:
            self._returns.pop()
            while self._active and self._active[-1].depth > len(self._returns):
                self._end_layer()
        layer = self._layer_at.get(address)
        # a loop may jump back to its function's first instruction: that is no new call
        if layer is not None and not (self._active and self._active[-1].layer == layer):
            self._active.append(_Active(layer=layer, depth=len(self._returns)))

    def _end_layer(self) -> None:
        ended = self._active.pop()
        tally = self._tallies[ended.layer]
        count = ended.instructions
        tally.least = min(tally.least, count) if tally.calls else count
        tally.most = max(tally.most, count)
        tally.calls += 1
        tally.instructions += count


def count_thumb_instructions(code: bytes) -> int:
    """Returns how many instructions Thumb code holds."""
    return len(_thumb_instructions(code))


def ends_with_call(code: bytes) -> bool:
    """Whether the last instruction of Thumb code is a BL, or a BLX with a register.

    Source: Armv7-M Architecture Reference Manual, A7.7.18 and A7.7.19.
    """
    last = _thumb_instructions(code)[-1:]
    if not last:
        return False
    (first, *rest) = struct.unpack(f"<{len(last[0]) // 2}H", last[0])
    if not rest:
        return bool(first & 0xFF87 == 0x4780)
    return bool(first & 0xF800 == 0xF000 and rest[0] & 0xD000 == 0xD000)


def _thumb_instructions(code: bytes) -> list[bytes]:
    """Cuts Thumb code into instructions.

    Source: Armv7-M Architecture Reference Manual, A5.1: a halfword whose top five bits are 0b11101,
    0b11110 or 0b11111 begins an instruction of 32 bits.
    """
    found = []
    position = 0
    while position < len(code):
        (halfword,) = struct.unpack_from("<H", code, position)
        size = 4 if halfword >> 11 >= 0b11101 else 2
        found.append(code[position : position + size])
        position += size
    return found
