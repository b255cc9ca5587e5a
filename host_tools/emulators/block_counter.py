"""Counts the instructions of blocks that an emulator runs, by the rules of plugin/hv_calls.c."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from host_tools.emulators.base import Counts, LayerCount
from host_tools.emulators.instruction_sets import CodeReader
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
    """Follows calls to the instruction after each."""

    def __init__(
        self,
        functions: tuple[int, ...],
        read_code: Callable[[int, int], bytes],
        reader: CodeReader,
    ) -> None:
        """Args: functions, where those of the layers begin; read_code(address, size_bytes)."""
        self._read_code = read_code
        self._reader = reader
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
            block = self._reader.count(code), self._reader.ends_with_call(code)
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
