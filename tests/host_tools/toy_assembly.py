"""Layers of the toy in assembly, whose instructions and cycles are known by counting."""

from __future__ import annotations

from toy import _KERNEL

_PARAMETERS = {
    "hv_toy_conv0": "const uint8_t image[], int8_t output[]",
    "hv_toy_decision": "const hv_toy_person_t *person, const int8_t features[], uint8_t output[]",
    "hv_toy_helper": "void",
}

HELPER_INSTRUCTIONS = 2
HELPER_CYCLES = 1 + 3  # of a Cortex-M4


def function(name: str, *lines: str, aligned: int = 4) -> str:
    """A static function without prologue; it begins at a multiple of `aligned` bytes."""
    text = "".join(f'        "{line}\\n"\n' for line in (".syntax unified", *lines))
    return (
        f"static HV_LAYER __attribute__((naked, used, aligned({aligned}))) void\n"
        f"{name}({_PARAMETERS[name]})\n{{\n    __asm__ volatile(\n{text}    );\n}}\n\n"
    )


HELPER = function("hv_toy_helper", "adds r0, #1", "bx lr")


def loop(name: str, times: int, callee: str = "hv_toy_helper", *last: str) -> str:
    """A layer that calls another function `times` times, then runs `last` and returns."""
    return function(
        name,
        "mov r12, lr",
        f"movs r3, #{times}",
        f"1: bl {callee}",
        "subs r3, #1",
        "bne 1b",
        *last,
        "bx r12",
    )


def loop_instructions(times: int) -> int:
    """Of `loop` alone: two before it, call, subtract and branch in it, one behind it."""
    return 2 + 3 * times + 1


def loop_cycles(times: int) -> int:
    """The same of a Cortex-M4: calls 2, taken branches 2 all but the last, BX 3."""
    return 2 + (2 + 1 + 1) * times + (times - 1) + 3


def kernel(*before: str, **layers: str) -> str:
    """The toy's kernel with other layers, and with functions before the first one."""
    unused = ("parameter", "const-variable", "function")
    pragmas = "".join(f'#pragma GCC diagnostic ignored "-Wunused-{what}"\n' for what in unused)
    text = _KERNEL
    for name, layer in layers.items():
        text = text.replace(_function(name), layer)
    first = text.index("static HV_LAYER")
    return pragmas + text[:first] + "".join(before) + text[first:]


def _function(name: str) -> str:
    """The text of one of the toy's layers."""
    start = _KERNEL.index(f"static HV_LAYER void {name}(")
    return _KERNEL[start : _KERNEL.index("\n}\n", start) + 3]
