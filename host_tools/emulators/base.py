"""What every emulator offers, and what it is given and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codegen.errors import HvError
from host_tools.boards import Board
from host_tools.build import Firmware
from host_tools.manifest import ManifestLayer
from host_tools.sizes import function_addresses, read_addresses

DEFAULT_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a firmware.

    Attributes:
        firmware: what to run; its board says on which machine.
        inputs: file name -> contents, as the firmware opens them.
        outputs: names of the files to bring back.
        count: whether to count the instructions of each layer.
        watch_stores: whether to watch where stores go.
        profile: whether to count each block of code that runs inside the kernel's run function.
        timeout_s: wall-clock limit, in seconds.
    """

    firmware: Firmware
    inputs: Mapping[str, bytes]
    outputs: tuple[str, ...]
    count: bool = False
    watch_stores: bool = False
    profile: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, kw_only=True)
class LayerCount:
    """Instructions executed by one layer's function and everything it calls.

    Attributes:
        layer: the layer's name.
        calls: how often it ran.
        instructions: of all its calls together.
        least: of its shortest call.
        most: of its longest call.
    """

    layer: str
    calls: int
    instructions: int
    least: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Instructions executed.

    Attributes:
        total: by the whole firmware, from reset to exit.
        layers: by each layer that runs code, in the order of the layers.
    """

    total: int
    layers: tuple[LayerCount, ...]


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Where stores went.

    Attributes:
        stack_used_bytes: from the top of the stack to the lowest store into it, since main began.
        strays: how many stores a layer made outside the arena and the stack.
        first_strays: (address of the instruction, address of the store), of the first few.
    """

    stack_used_bytes: int
    strays: int
    first_strays: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class BlockCount:
    """How often a straight run of instructions ran, for one layer.

    Attributes:
        start: address of its first instruction.
        end: first address behind its last one.
        layer: the layer it ran for; None for the rest of an inference.
        instructions: how many it has.
        executions: how often all of it ran.
        taken: how often its last instruction was a taken branch.
    """

    start: int
    end: int
    layer: str | None
    instructions: int
    executions: int
    taken: int


@dataclass(frozen=True, kw_only=True)
class Executions:
    """What ran inside the kernel's run function, all its calls together.

    Attributes:
        runs: how often it was called.
        blocks: blocks may overlap: the emulator cuts the code anew where a branch enters it.
        flash_loads: loads from flash, by layer; None stands for the rest of an inference.
        lowest_stack_store: the lowest address in the stack that was stored to; None without any.
    """

    runs: int
    blocks: tuple[BlockCount, ...]
    flash_loads: Mapping[str | None, int]
    lowest_stack_store: int | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run left behind.

    Attributes:
        exit_code: the firmware's own; see exits.py.
        files: those outputs that the firmware wrote.
        counts: None unless asked for.
        stores: None unless asked for.
        executions: None unless a profile was asked for.
    """

    exit_code: int
    files: Mapping[str, bytes]
    counts: Counts | None = None
    stores: Stores | None = None
    executions: Executions | None = None


class Emulator(Protocol):
    """A program or library that runs firmware for a board.

    Which boards it runs is data: those with a line of its name under [emulators] in board.toml.
    A family of cores is named as in `codegen.targets`.
    """

    @property
    def name(self) -> str:
        """What users call it."""

    @property
    def watches_stores(self) -> bool:
        """Whether it can tell where stores go."""

    @property
    def profiles(self) -> bool:
        """Whether it can count each block of code."""

    def hint(self, family: str) -> str:
        """How to install it for a family of cores."""

    def version(self, family: str) -> str | None:
        """What it says about itself, or None when it is not installed for a family of cores."""

    def path(self, family: str) -> Path | None:
        """Where it is, or None when it is not installed for a family of cores."""

    def run(self, job: Job) -> Outcome:
        """Runs a firmware to its exit.

        Raises:
            ProgramMissing: the emulator is not installed.
            HvError: the time limit was reached, or the machine stopped in a way no exit code tells.
        """


def machine_of(emulator: Emulator, board: Board) -> str:
    """Returns what an emulator calls a board.

    Raises:
        HvError: the emulator does not run that board.
    """
    machine = board.emulators.get(emulator.name)
    if machine is None:
        runs = ", ".join(sorted(board.emulators)) or "no emulator"
        raise HvError(
            f"{emulator.name} does not run this board",
            where=f"board {board.name}",
            hint=f"it is run by {runs}",
        )
    return machine


def family_of(firmware: Firmware) -> str:
    """Returns the family of cores that a firmware was built for."""
    return firmware.order.board.core.family


def counted_layers(firmware: Firmware) -> tuple[ManifestLayer, ...]:
    """Returns the layers that have a function of their own, in the order they run."""
    manifest = firmware.order.manifest
    return tuple(layer for layer in manifest.layers if layer.function) if manifest else ()


def layer_addresses(firmware: Firmware) -> tuple[int, ...]:
    """Returns where the functions of `counted_layers` begin."""
    functions = tuple(layer.function or "" for layer in counted_layers(firmware))
    return function_addresses(firmware.elf, functions)


def run_address(firmware: Firmware) -> int:
    """Returns where the function of a whole inference begins.

    Raises:
        HvError: the firmware has no kernel, or not that function.
    """
    manifest = firmware.order.manifest
    if manifest is None:
        raise HvError("this firmware has no kernel to profile", where=str(firmware.elf))
    (address,) = function_addresses(firmware.elf, (manifest.run_function,))
    return address


def stack_range(firmware: Firmware) -> tuple[int, int]:
    """Returns the first address of the stack and the first after it."""
    limits = read_addresses(firmware.elf, ("hv_stack_limit", "hv_stack_top"))
    return limits["hv_stack_limit"], limits["hv_stack_top"]
