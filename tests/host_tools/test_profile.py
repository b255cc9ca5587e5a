from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from toy import planted, toy_images
from toy_assembly import (
    HELPER,
    HELPER_CYCLES,
    HELPER_INSTRUCTIONS,
    function,
    kernel,
    loop,
    loop_cycles,
    loop_instructions,
)
from toy_firmware import Build, build_faulty, installed_emulator

from codegen.errors import HvError, ProgramMissing
from host_tools.build import Firmware
from host_tools.emulators import choose_profiler
from host_tools.emulators.base import Counts
from host_tools.profile import Profile, profile
from host_tools.run import run_trace

_LOOP_START = "    for (uint32_t i = 0u; i < 16u; i++) {\n        const int32_t x"


def _profiled(text: str, folder: Path, images: int = 2, **options: str) -> Profile:
    firmware = build_faulty(text, folder, **options)
    return profile(installed_emulator("qemu"), firmware, toy_images(images))


def _counted(name: str, firmware: Firmware) -> Counts:
    counts = run_trace(installed_emulator(name), firmware, toy_images(2), count=True).outcome.counts
    assert counts is not None
    return counts


def test_a_loop_of_known_length(tmp_path: Path) -> None:
    found = _profiled(kernel(HELPER, hv_toy_conv0=loop("hv_toy_conv0", 50)), tmp_path)
    cost = found.layers[0].cost
    assert cost.instructions == loop_instructions(50) + 50 * HELPER_INSTRUCTIONS
    assert cost.cycles is not None
    assert cost.cycles.zero_wait == loop_cycles(50) + 50 * HELPER_CYCLES


def test_the_same_loop_on_another_core(tmp_path: Path) -> None:
    """Cortex-M0: calls 4, BX 3, taken branches 3."""
    text = kernel(HELPER, hv_toy_conv0=loop("hv_toy_conv0", 50))
    cost = _profiled(text, tmp_path, board="microbit").layers[0].cost
    assert cost.instructions == loop_instructions(50) + 50 * HELPER_INSTRUCTIONS
    assert cost.cycles is not None
    assert cost.cycles.zero_wait == 2 + 50 * (4 + 1 + 3 + 1 + 1) + 2 * 49 + 3


def test_a_shared_helper_counts_for_the_layer_that_calls_it(tmp_path: Path) -> None:
    text = kernel(
        HELPER,
        hv_toy_conv0=loop("hv_toy_conv0", 50),
        hv_toy_decision=loop("hv_toy_decision", 7),
    )
    found = _profiled(text, tmp_path)
    for layer, times in ((0, 50), (2, 7)):
        expected = loop_instructions(times) + times * HELPER_INSTRUCTIONS
        assert found.layers[layer].cost.instructions == expected


def test_a_layer_in_pieces_is_added_up(tmp_path: Path) -> None:
    call = "hv_toy_conv0(image, (int8_t *)arena);"
    text = kernel(HELPER, hv_toy_conv0=loop("hv_toy_conv0", 50))
    found = _profiled(text.replace(call, f"{call}\n{call}\n{call}"), tmp_path, images=3)
    expected = loop_instructions(50) + 50 * HELPER_INSTRUCTIONS
    assert found.layers[0].cost.instructions == 3 * expected


def test_a_layer_inside_a_layer_has_its_own_count(tmp_path: Path) -> None:
    """The first layer calls the second one three times, the run a fourth time."""
    leaf = function("hv_toy_decision", "nop", "nop", "bx lr")
    outer = loop("hv_toy_conv0", 3, "hv_toy_decision")
    firmware = build_faulty(kernel(leaf, hv_toy_conv0=outer, hv_toy_decision=""), tmp_path)
    assert _counted("qemu", firmware) == _counted("unicorn", firmware)
    found = profile(installed_emulator("qemu"), firmware, toy_images(2))
    assert found.layers[0].cost.instructions == loop_instructions(3)
    assert found.layers[2].cost.instructions == (3 + 1) * 3


def test_a_layer_that_is_jumped_to_ends_with_its_caller(tmp_path: Path) -> None:
    """As compilers leave out the last call of a function: the jump comes back to the caller."""
    leaf = function("hv_toy_decision", "nop", "nop", "bx lr")
    jumping = function("hv_toy_conv0", "nop", "b hv_toy_decision")
    firmware = build_faulty(kernel(leaf, hv_toy_conv0=jumping, hv_toy_decision=""), tmp_path)
    assert _counted("qemu", firmware) == _counted("unicorn", firmware)
    found = profile(installed_emulator("qemu"), firmware, toy_images(2))
    assert found.layers[0].cost.instructions == 2
    assert found.layers[2].cost.instructions == (1 + 1) * 3


def test_instructions_at_the_end_of_a_page(tmp_path: Path) -> None:
    """An instruction of 32 bits begins in a page's last halfword.

    QEMU 7.2 says of the one before it, too, that it is 4 bytes long.
    """
    lines = ("cmp r0, r0", ".rept 508", "nop", ".endr", "beq 1f", "nop", "1: movs r3, #2")
    page = function("hv_toy_conv0", *lines, "add.w r0, r0, r3", "bx lr", aligned=1024)
    cost = _profiled(kernel(hv_toy_conv0=page), tmp_path).layers[0].cost
    assert cost.instructions == 1 + 508 + 1 + 3
    assert cost.cycles is not None
    assert cost.cycles.zero_wait == 1 + 508 + 2 + 2 + 3


@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an385", "mps2-an500", "microbit"])
def test_the_parts_are_those_that_were_counted(build: Build, board: str) -> None:
    firmware = build(board, "gcc")
    found = profile(installed_emulator("qemu"), firmware, toy_images(1))
    counts = run_trace(installed_emulator("unicorn"), firmware, toy_images(1), count=True)
    assert counts.outcome.counts is not None
    by_name = {layer.layer: layer for layer in counts.outcome.counts.layers}
    for layer in found.layers:
        counted = by_name.get(layer.name)
        calls = 2  # layer by layer, and whole
        assert layer.cost.instructions * calls == (counted.instructions if counted else 0)
    parts = [*(layer.cost for layer in found.layers), found.dispatch]
    assert found.total.instructions == sum(part.instructions for part in parts)
    assert found.total.macs == 32
    assert found.dispatch.instructions > 0
    if board == "mps2-an500":
        assert found.core is None
        assert all(part.cycles is None for part in parts)
        assert found.total.cycles is None
        assert found.total.cycles_per_mac is None
    else:
        assert found.total.cycles is not None
        assert found.total.cycles.zero_wait == sum(
            part.cycles.zero_wait for part in parts if part.cycles
        )
        assert found.total.cycles.zero_wait < found.total.cycles.pessimistic
        assert found.total.cycles_per_mac == found.total.cycles.zero_wait / 32


def test_more_images_cost_the_same_each(build: Build) -> None:
    firmware = build("mps2-an386", "gcc")
    image = toy_images(1)
    one = profile(installed_emulator("qemu"), firmware, image)
    five = profile(installed_emulator("qemu"), firmware, np.repeat(image, 5, axis=0))
    assert (five.layers, five.dispatch) == (one.layers, one.dispatch)


def test_memory(build: Build) -> None:
    found = profile(installed_emulator("qemu"), build("mps2-an386", "gcc"), toy_images(1))
    ram, flash = found.ram, found.flash
    assert (ram.arena, ram.input, ram.static, ram.output) == (32, 16, 0, 12)
    assert ram.stack is not None
    assert ram.stack_used is not None
    assert 0 < ram.stack_used <= ram.stack < 256
    assert ram.stack - ram.stack_used < 16
    assert ram.total == 32 + 16 + ram.stack
    assert flash.weights == 16  # hv_person; the compiler wrote hv_toy_conv0_weight into the code
    assert flash.tables == 3 * 8
    assert flash.total == flash.code + flash.weights + flash.tables


def test_functions_that_a_run_calls_belong_to_its_code(tmp_path: Path) -> None:
    """By what a layer needs more when it calls one that is not the kernel's."""
    from host_tools.sizes import read_symbols

    call = "    static const uint8_t byte = 1u;\n    (void)hv_crc32(0u, &byte, 1u);\n"
    text = '#include "hv_crc.h"\n' + planted(_LOOP_START, call + _LOOP_START)
    firmware = build_faulty(text, tmp_path)
    found = profile(installed_emulator("qemu"), firmware, toy_images(1))
    symbols = read_symbols(firmware.elf)
    own = sum(
        s.size_bytes for s in symbols if s.name.startswith("hv_toy_") and "tens" not in s.name
    )
    (crc,) = (symbol.size_bytes for symbol in symbols if symbol.name == "hv_crc32")
    assert found.flash.code == own + crc


def test_static_variables_of_the_kernel_are_ram(tmp_path: Path) -> None:
    variable = "    static volatile int32_t calls[10];\n    calls[0]++;\n"
    found = _profiled(planted(_LOOP_START, variable + _LOOP_START), tmp_path)
    assert found.ram.static == 40
    assert found.ram.total == 32 + 16 + 40 + (found.ram.stack or 0)


def test_without_a_call_graph_the_stack_is_not_known(build: Build) -> None:
    found = profile(installed_emulator("qemu"), build("mps2-an386", "zig"), toy_images(1))
    assert (found.ram.stack, found.ram.stack_used, found.ram.total) == (None, None, None)
    assert found.total.instructions > 0


def test_more_stack_than_was_proved_is_refused(tmp_path: Path) -> None:
    """Assembly takes some behind the compiler's back."""
    last = ("sub sp, #400", "str r3, [sp]", "add sp, #400")
    taking = loop("hv_toy_conv0", 1, "hv_toy_helper", *last)
    with pytest.raises(HvError, match=r"bytes of stack, and \d+ were proved to be the most"):
        _profiled(kernel(HELPER, hv_toy_conv0=taking), tmp_path)


def test_code_outside_of_functions_is_refused(tmp_path: Path) -> None:
    nameless = '__asm__(".text\\n.thumb_func\\nhv_nameless: adds r0, #1\\n bx lr\\n");\n'
    text = kernel(nameless, hv_toy_conv0=loop("hv_toy_conv0", 1, "hv_nameless"))
    with pytest.raises(HvError, match="belongs to no function") as caught:
        _profiled(text, tmp_path)
    assert caught.value.hint == "functions in assembly need .type and .size"


def test_layers_with_one_function_are_refused(build: Build) -> None:
    firmware = build("mps2-an386", "gcc")
    manifest = firmware.order.manifest
    assert manifest is not None
    first, *others = manifest.layers
    again = dataclasses.replace(manifest, layers=(first, *others, first))
    order = dataclasses.replace(firmware.order, manifest=again)
    with pytest.raises(HvError, match="2 layers have the function hv_toy_conv0"):
        profile(
            installed_emulator("qemu"), dataclasses.replace(firmware, order=order), toy_images(1)
        )


def test_what_cannot_be_profiled_is_refused(build: Build) -> None:
    with pytest.raises(HvError, match="unicorn does not profile"):
        profile(installed_emulator("unicorn"), build("mps2-an386", "gcc"), toy_images(1))
    selftest = build("mps2-an386", "gcc", "selftest")
    with pytest.raises(HvError, match="has no kernel to profile"):
        profile(installed_emulator("qemu"), selftest, toy_images(1))


def test_without_qemu_it_says_how_to_install_it(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = build("mps2-an386", "gcc").order.board
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProgramMissing) as caught:
        choose_profiler(board)
    assert caught.value.hint == "apt install qemu-system-arm"
