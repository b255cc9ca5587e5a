"""What one inference costs on a target: instructions, cycles, RAM and flash.

Everything is read from a firmware that was built from an emitted folder and from one run of it in
an emulator; how the folder came to be does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.boards import Memory
from host_tools.build import RESET_FUNCTION, Firmware
from host_tools.cycles.estimate import Cycles, count_instructions, estimate
from host_tools.cycles.instructions import Code
from host_tools.cycles.timings import Core, find_core
from host_tools.emulators.base import (
    DEFAULT_TIMEOUT_S,
    BlockCount,
    Emulator,
    Executions,
    stack_range,
)
from host_tools.manifest import Manifest, ManifestLayer
from host_tools.run import run_trace
from host_tools.sizes import PERSON_OBJECT, Symbol, read_symbols
from host_tools.stack import StackBound, stack_before, stack_bound


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one inference, or of a part of it.

    Attributes:
        macs: multiply-accumulates.
        instructions: executed; exact, the mean where they depend on the input.
        cycles: estimated, rounded; None where nothing is published about the core's timing.
    """

    macs: int
    instructions: int
    cycles: Cycles | None

    @property
    def cycles_per_mac(self) -> float | None:
        """At zero wait states; None without multiply-accumulates or without an estimate."""
        return self.cycles.zero_wait / self.macs if self.cycles and self.macs else None


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One layer with all that it calls, all its calls together.

    Attributes:
        name: of the layer.
        op: its operator.
        cost: what it costs.
        functions: all that ran for it, those included that others call, too.
    """

    name: str
    op: str
    cost: Cost
    functions: frozenset[Symbol] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Ram:
    """What one inference needs of RAM, in bytes.

    Attributes:
        arena: where the tensors live, working memory included.
        input: what the network is given at once, an image or a row, where it is the caller's; 0
            where it lies in the arena.
        static: variables of the kernel that are not constant.
        stack: the proved bound of the run function; None where the compiler reports no call graph.
        stack_used: what of it the emulator saw used; None likewise.
        output: what the network answers; the caller's, not in the total.
    """

    arena: int
    input: int
    static: int
    stack: int | None
    stack_used: int | None
    output: int

    @property
    def total(self) -> int | None:
        """Arena, input, static and stack; None where the stack is not known."""
        known = self.arena + self.input + self.static
        return None if self.stack is None else known + self.stack


@dataclass(frozen=True, kw_only=True)
class Flash:
    """What one inference needs of flash, in bytes.

    Attributes:
        code: functions of the kernel, and those of others that the run calls.
        weights: weights, biases, multipliers and the tables of functions, a person's included.
        tables: the kernel's other constants: places of tensors, the ABI hash.
    """

    code: int
    weights: int
    tables: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.code + self.weights + self.tables


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What one inference costs.

    Attributes:
        core: what the cycles are estimated with; None where there is no estimate.
        layers: in the order they run; layers without code cost nothing.
        dispatch: what the run function does besides calling layers.
        total: of one whole call of the run function.
        ram: see Ram.
        flash: see Flash.
        tensors: layer name -> int8 or int32 array [images, *shape], of the same run.
    """

    core: Core | None
    layers: tuple[LayerCost, ...]
    dispatch: Cost
    total: Cost
    ram: Ram
    flash: Flash
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def profile(
    emulator: Emulator,
    firmware: Firmware,
    images: NDArray[Any],
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Profile:
    """Runs a firmware and says what one inference costs.

    Args:
        emulator: one that profiles.
        firmware: built from the application `trace`.
        images: uint8 [N, H, W, C] or [N, bytes]; the costs are the mean over them.
        timeout_s: wall-clock limit, in seconds.

    Raises:
        HvError: anything that stops the firmware, or code that cannot be told apart: two layers
            with one function, instructions outside of any function.
    """
    manifest = firmware.order.manifest
    if manifest is None:
        raise HvError("this firmware has no kernel to profile", where=str(firmware.elf))
    _check_layers(manifest)
    ran = run_trace(emulator, firmware, images, profile=True, timeout_s=timeout_s)
    executions = ran.outcome.executions
    if executions is None or not executions.runs:
        raise HvError(f"{manifest.run_function} was never called", where=str(firmware.elf))
    symbols = read_symbols(firmware.elf)
    called = _called(symbols, executions.blocks, str(firmware.elf))
    costs = _Costs(firmware, manifest, executions, called)
    layers = tuple(costs.layer(layer) for layer in manifest.layers)
    dispatch = costs.dispatch()
    return Profile(
        core=costs.core,
        layers=layers,
        dispatch=dispatch,
        total=_sum([*(layer.cost for layer in layers), dispatch]),
        ram=_ram(firmware, manifest, symbols, executions),
        flash=_flash(manifest, symbols, _united(called), firmware.order.board.ram),
        tensors=ran.trace.tensors,
    )


class _Costs:
    """Adds up the blocks of each layer."""

    def __init__(
        self,
        firmware: Firmware,
        manifest: Manifest,
        executions: Executions,
        called: Mapping[str | None, frozenset[Symbol]],
    ) -> None:
        self.core = find_core(firmware.order.board.target)
        self._manifest = manifest
        self._executions = executions
        self._called = called
        self._code = Code(firmware.elf)

    def layer(self, layer: ManifestLayer) -> LayerCost:
        cost = self._cost(layer.macs, layer.name)
        called = self._called.get(layer.name, frozenset())
        return LayerCost(name=layer.name, op=layer.op, cost=cost, functions=called)

    def dispatch(self) -> Cost:
        return self._cost(0, None)

    def _cost(self, macs: int, layer: str | None) -> Cost:
        runs = self._executions.runs
        blocks = [block for block in self._executions.blocks if block.layer == layer]
        executed = sum(block.instructions * block.executions for block in blocks)
        return Cost(
            macs=macs,
            instructions=round(executed / runs),
            cycles=None if self.core is None else self._cycles(self.core, blocks, layer),
        )

    def _cycles(self, core: Core, blocks: list[BlockCount], layer: str | None) -> Cycles:
        runs = self._executions.runs
        counts = count_instructions(self._code, blocks)
        cycles = estimate(core, self._code, counts, self._executions.flash_loads.get(layer, 0))
        return Cycles(
            zero_wait=round(cycles.zero_wait / runs), pessimistic=round(cycles.pessimistic / runs)
        )


def _sum(costs: Sequence[Cost]) -> Cost:
    cycles = [cost.cycles for cost in costs if cost.cycles is not None]
    return Cost(
        macs=sum(cost.macs for cost in costs),
        instructions=sum(cost.instructions for cost in costs),
        cycles=Cycles(
            zero_wait=sum(one.zero_wait for one in cycles),
            pessimistic=sum(one.pessimistic for one in cycles),
        )
        if cycles
        else None,
    )


def _check_layers(manifest: Manifest) -> None:
    functions = Counter(layer.function for layer in manifest.layers if layer.function)
    for function, count in functions.items():
        if count > 1:
            raise HvError(
                f"{count} layers have the function {function}: their costs cannot be told apart",
                where=str(manifest.folder),
            )


def _called(
    symbols: Sequence[Symbol], blocks: Iterable[BlockCount], where: str
) -> dict[str | None, frozenset[Symbol]]:
    """The functions that ran, by layer."""
    functions = [symbol for symbol in symbols if symbol.kind == "STT_FUNC"]
    called: dict[str | None, set[Symbol]] = {}
    for block in blocks:
        found = _function_at(functions, block.start, where)
        called.setdefault(block.layer, set()).add(found)
    return {layer: frozenset(found) for layer, found in called.items()}


def _united(called: Mapping[str | None, frozenset[Symbol]]) -> frozenset[Symbol]:
    return frozenset(symbol for functions in called.values() for symbol in functions)


def _function_at(functions: Sequence[Symbol], address: int, where: str) -> Symbol:
    for function in functions:
        if function.address <= address < function.address + function.size_bytes:
            return function
    raise HvError(
        "an instruction ran that belongs to no function",
        where=f"{where}, address {address:#x}",
        hint="functions in assembly need .type and .size",
    )


def _is_kernel(symbol: Symbol, manifest: Manifest) -> bool:
    """Static names belong to the kernel by their file, global ones by their prefix."""
    if symbol.file:
        return symbol.file in manifest.sources
    return symbol.name.startswith(f"{manifest.prefix}_")


def _flash(
    manifest: Manifest, symbols: Sequence[Symbol], called: frozenset[Symbol], ram: Memory
) -> Flash:
    kernel = [symbol for symbol in symbols if _is_kernel(symbol, manifest)]
    functions = called | {symbol for symbol in kernel if symbol.kind == "STT_FUNC"}
    constants = [s for s in kernel if s.kind == "STT_OBJECT" and not _is_inside(s, ram)]
    tables = {f"{manifest.prefix}_tensors", f"{manifest.prefix}_abi"}
    person = [symbol for symbol in symbols if symbol.name == PERSON_OBJECT]
    weights = [*person, *(s for s in constants if s.name not in tables)]
    return Flash(
        # two names of the same code are one piece of flash
        code=sum({symbol.address: symbol.size_bytes for symbol in functions}.values()),
        weights=sum(symbol.size_bytes for symbol in weights),
        tables=sum(symbol.size_bytes for symbol in constants if symbol.name in tables),
    )


def _is_inside(symbol: Symbol, memory: Memory) -> bool:
    return memory.origin <= symbol.address < memory.origin + memory.size_bytes


def _ram(
    firmware: Firmware, manifest: Manifest, symbols: Sequence[Symbol], executions: Executions
) -> Ram:
    board = firmware.order.board
    variables = [s for s in symbols if s.kind == "STT_OBJECT" and _is_kernel(s, manifest)]
    bound = _run_stack(firmware, manifest)
    return Ram(
        arena=manifest.arena_bytes,
        input=manifest.image_outside_bytes,
        static=sum(s.size_bytes for s in variables if _is_inside(s, board.ram)),
        stack=None if bound is None else bound.size_bytes,
        stack_used=None if bound is None else _stack_used(firmware, manifest, executions, bound),
        output=manifest.result_bytes,
    )


def _run_stack(firmware: Firmware, manifest: Manifest) -> StackBound | None:
    """The proved bound of the run function alone; None without a call graph."""
    if not firmware.callgraphs:
        return None
    return stack_bound(firmware.callgraphs, manifest.run_function, manifest.frames)


def _stack_used(
    firmware: Firmware, manifest: Manifest, executions: Executions, bound: StackBound
) -> int:
    """From where the run function begins to the lowest store.

    Raises:
        HvError: more than was proved.
    """
    _, top = stack_range(firmware)
    before = stack_before(firmware.callgraphs, RESET_FUNCTION, manifest.run_function)
    begin = top - before
    lowest = begin if executions.lowest_stack_store is None else executions.lowest_stack_store
    used = max(begin - lowest, 0)
    if used > bound.size_bytes:
        raise HvError(
            f"{manifest.run_function} used {used} bytes of stack, and {bound.size_bytes} were "
            "proved to be the most",
            where=str(firmware.elf),
        )
    return used
