"""Prints what one check of a bundle's signature costs: python -m tests.bench.signature.

The device's own code for a Cortex-M4, run in Unicorn until it returns; flash as linked, stack
as proved from the call graph.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc, arm_const

from codegen.bundle import SIGNATURE_BYTES, TRAILER, Bundle, Record, sign_bundle, write_bundle
from codegen.emit import emit, write_emission
from codegen.schedule import schedule
from codegen.signing import is_signed_by, new_key
from codegen.verification import Verification
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.link.emulated import APP
from host_tools.manifest import load_manifest
from host_tools.monocypher import fetch_monocypher
from host_tools.sizes import read_symbols
from host_tools.stack import stack_bound
from host_tools.toolchain import Purpose, choose
from tests.networks import conv_head

BOARD = "netduinoplus2"
CHECK = "hv_signature_is_valid"
STEP = 1000  # instructions; what is printed is exact to that
RAM, RAM_BYTES = 0x2000_0000, 0x2_0000
BACK = 0x3000_0000  # where the check returns to
PAYLOADS = (2048, 16384)


def _firmware(folder: Path, public_key: bytes | None) -> Firmware:
    board = load_board(BOARD)
    checks = None
    if public_key is not None:
        checks = Verification(public_key=public_key, library=fetch_monocypher(print))
    write_emission(emit(schedule(conv_head(), board.core), "a", verification=checks), folder / "k")
    toolchain = choose(Purpose(board.core.family))
    manifest = load_manifest(folder / "k")
    out = folder / "out"
    order = FirmwareOrder(app=APP, board=board, toolchain=toolchain, manifest=manifest, out=out)
    return build_firmware(order)


def _machine(firmware: Firmware) -> Uc:
    from elftools.elf.elffile import ELFFile

    machine = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    machine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
    machine.mem_map(0x0800_0000, 0x10_0000)
    machine.mem_map(RAM, RAM_BYTES)
    machine.mem_map(BACK, 0x1000)
    with firmware.elf.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_LOAD"):
            if segment["p_filesz"]:
                machine.mem_write(segment["p_paddr"], segment.data())
    return machine


def instructions(
    firmware: Firmware, signature: bytes, key: bytes, message: bytes
) -> tuple[int, int]:
    """Returns what the check answers, and how many instructions it took, to STEP."""
    machine = _machine(firmware)
    (start,) = (s.address for s in read_symbols(firmware.elf) if s.name == CHECK)
    places = (RAM + 0x1_0000, RAM + 0x1_0100, RAM + 0x1_0200)
    for place, data in zip(places, (signature, key, message), strict=True):
        machine.mem_write(place, data)
    registers = (arm_const.UC_ARM_REG_R0, arm_const.UC_ARM_REG_R1, arm_const.UC_ARM_REG_R2)
    for register, place in zip(registers, places, strict=True):
        machine.reg_write(register, place)
    machine.reg_write(arm_const.UC_ARM_REG_R3, len(message))
    machine.reg_write(arm_const.UC_ARM_REG_SP, RAM + 0x1_0000)
    machine.reg_write(arm_const.UC_ARM_REG_LR, BACK | 1)
    count, at = 0, start
    while at != BACK:
        machine.emu_start(at | 1, BACK, count=STEP)
        at = machine.reg_read(arm_const.UC_ARM_REG_PC)
        count += STEP
    return machine.reg_read(arm_const.UC_ARM_REG_R0) & 0xFF, count


def main() -> None:
    """Builds with and without, runs two sizes, prints."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        key = new_key(folder / "key.pem")
        (folder / "with").mkdir()
        (folder / "without").mkdir()
        signed = _firmware(folder / "with", key.public)
        plain = _firmware(folder / "without", None)
        assert signed.sizes is not None
        assert plain.sizes is not None
        print(
            f"flash         {signed.sizes.flash - plain.sizes.flash:>10,} bytes more than without"
        )
        stack = stack_bound(signed.callgraphs, CHECK)
        print(f"stack         {stack.size_bytes:>10,} bytes, proved")
        for payload in PAYLOADS:
            records = (Record(tag=b"TENS", payload=bytes(payload)),)
            bundle = sign_bundle(Bundle(abi=bytes(32), records=records), key.sign)
            assert is_signed_by(bundle, key.public)
            data = write_bundle(bundle)
            message = data[: len(data) - TRAILER.size - SIGNATURE_BYTES]
            assert bundle.signature is not None
            valid, count = instructions(signed, bundle.signature, key.public, message)
            assert valid == 1
            print(f"instructions  {count:>10,} for a bundle of {len(data):,} bytes")


if __name__ == "__main__":
    main()
