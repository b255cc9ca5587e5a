from __future__ import annotations

from pathlib import Path

import pytest
from toy_firmware import Build

from codegen.errors import HvError
from host_tools.sizes import function_addresses, measure, read_addresses, read_symbols


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("board", ["mps2-an386", "mps2-an505", "microbit"])
def test_the_parts_add_up(build: Build, board: str, compiler: str) -> None:
    firmware = build(board, compiler)
    sizes = measure(firmware.elf, "hv_toy")
    parts = (sizes.kernel_code, sizes.shared_weights, sizes.person_weights, sizes.other_flash)
    assert sum(parts) == sizes.flash
    assert min(parts) > 0
    assert sizes.arena + sizes.stack + sizes.other_ram == sizes.ram
    assert (sizes.arena, sizes.stack) == (32, firmware.order.board.stack_bytes)
    assert sizes.person_weights == 16
    assert sizes.other_ram >= 16  # the image buffer


def test_the_kernel_s_own_functions_are_counted_as_kernel_code(build: Build) -> None:
    firmware = build("mps2-an386", "gcc")
    kernel = [symbol for symbol in read_symbols(firmware.elf) if symbol.file == "hv_toy.c"]
    names = {symbol.name.partition(".")[0] for symbol in kernel}
    assert {"hv_toy_conv0", "hv_toy_decision"} <= names


def test_static_functions_are_found_and_missing_ones_named(build: Build) -> None:
    elf = build("mps2-an386", "gcc").elf
    conv0, decision = function_addresses(elf, ("hv_toy_conv0", "hv_toy_decision"))
    assert conv0 != decision
    assert conv0 % 2 == decision % 2 == 0  # without the Thumb bit
    with pytest.raises(HvError, match="no function hv_toy_conv9"):
        function_addresses(elf, ("hv_toy_conv0", "hv_toy_conv9"))
    with pytest.raises(HvError, match="no symbol hv_nothing"):
        read_addresses(elf, ("hv_nothing",))


def test_what_is_no_elf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.elf"
    path.write_bytes(b"MZ" * 100)
    with pytest.raises(HvError, match="not an ELF file") as caught:
        measure(path, "hv_toy")
    assert caught.value.where == str(path)
