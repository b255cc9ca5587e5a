"""The processors code is made for. A target is a core, not a board."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.errors import HvError
from codegen.names import near_names

CORTEX_M = "cortex-m"
RISCV32 = "riscv32"
FAMILIES = (CORTEX_M, RISCV32)  # each a folder of firmware/startup


@dataclass(frozen=True, kw_only=True)
class Target:
    """A processor core.

    Attributes:
        name: what users type.
        family: cores that share a start-up code, a compiler and an emulator: one of FAMILIES, or
            "host" of machines with an operating system.
        summary: one line for `hvcodegen targets`.
        gcc_flags: core selection for the family's gcc.
        zig_flags: the same for `zig cc`.
        features: what kernels may choose by: "dsp" (SMLAD and friends), "fpu", "mve",
            "long-multiply" (32 x 32 -> 64 bits), "31-registers".
        board: the emulated board that runs it, or None.
        alias: another name for it, or "".
        proof: what the tests do with its code, always all of it: "emulated" and "run" compare
            every tensor of every layer with the reference, "built" compiles and links.
    """

    name: str
    family: str
    summary: str
    gcc_flags: tuple[str, ...]
    zig_flags: tuple[str, ...]
    features: frozenset[str]
    board: str | None
    alias: str = ""
    proof: str = "emulated"


def _cortex_m(
    core: str,
    summary: str,
    board: str,
    *,
    fpu: str = "",
    zig_extra: str = "",
    alias: str = "",
    features: tuple[str, ...] = (),
) -> Target:
    floats = ("fpu",) if fpu else ()
    float_abi = ("-mfloat-abi=hard", f"-mfpu={fpu}") if fpu else ("-mfloat-abi=soft",)
    triple = "thumb-freestanding-eabihf" if fpu else "thumb-freestanding-eabi"
    cpu = core.replace("-", "_")
    return Target(
        name=core,
        family=CORTEX_M,
        summary=summary,
        gcc_flags=(f"-mcpu={core}", "-mthumb", *float_abi),
        zig_flags=("-target", triple, f"-mcpu={cpu}{zig_extra}"),
        features=frozenset((*features, *floats)),
        board=board,
        alias=alias,
    )


AARCH64_FLAGS = ("-target", "aarch64-linux-musl")
WASM32_FLAGS = ("-target", "wasm32-freestanding")


def _host(name: str, summary: str, *zig_flags: str, proof: str = "run") -> Target:
    return Target(
        name=name,
        family="host",
        summary=summary,
        gcc_flags=(),
        zig_flags=zig_flags,
        features=frozenset(),
        board=None,
        proof=proof,
    )


HOST = _host("host", "this machine: plain C that its compiler vectorises")

# Other machines that plain C is made for; zig is their only compiler here.
AARCH64 = _host(
    "aarch64", "64-bit Arm with an operating system: a library", *AARCH64_FLAGS, proof="built"
)
WASM32 = _host("wasm32", "WebAssembly: a module for browsers and servers", *WASM32_FLAGS)

TARGETS: tuple[Target, ...] = (
    _cortex_m("cortex-m0", "ARMv6-M, 32-bit multiply, no long multiply", "microbit"),
    _cortex_m(
        "cortex-m0plus", "Cortex-M0+: the same instructions", "mps2-an383", alias="cortex-m0+"
    ),
    _cortex_m("cortex-m3", "ARMv7-M, long multiply", "mps2-an385", features=("long-multiply",)),
    _cortex_m(
        "cortex-m4",
        "ARMv7E-M, DSP, single-precision FPU",
        "mps2-an386",
        fpu="fpv4-sp-d16",
        features=("dsp", "long-multiply"),
    ),
    _cortex_m(
        "cortex-m7",
        "ARMv7E-M, DSP, dual issue",
        "mps2-an500",
        fpu="fpv5-d16",
        features=("dsp", "long-multiply"),
    ),
    _cortex_m("cortex-m23", "ARMv8-M Baseline: as ARMv6-M, and a divider", "mps2-an519"),
    _cortex_m(
        "cortex-m33",
        "ARMv8-M, DSP, FPU",
        "mps2-an505",
        fpu="fpv5-sp-d16",
        features=("dsp", "long-multiply"),
    ),
    _cortex_m(
        "cortex-m55",
        "ARMv8.1-M, DSP, Helium",
        "mps3-an547",
        fpu="auto",
        zig_extra="+mve",  # its description of the core leaves Helium out
        features=("dsp", "long-multiply", "mve"),
    ),
    Target(
        name="rv32imc",
        family=RISCV32,
        summary="32-bit RISC-V, multiply and divide, compressed instructions",
        # the compiler's own <stdint.h>: Debian's comes without a C library
        gcc_flags=("-march=rv32imc", "-mabi=ilp32", "-ffreestanding", "-fbuiltin"),
        zig_flags=("-target", "riscv32-freestanding-none", "-mcpu=generic_rv32+m+c"),
        features=frozenset({"long-multiply", "31-registers"}),
        board="qemu-virt32",
    ),
    HOST,
    AARCH64,
    WASM32,
)


def find_target(name: str) -> Target:
    """The target of that name, or an error that suggests the nearest ones."""
    for target in TARGETS:
        if name in (target.name, target.alias or target.name):
            return target
    names = [target.name for target in TARGETS]
    raise HvError(f"unknown target {name!r}", hint=near_names(name, names))
