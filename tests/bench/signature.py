"""Prints what one check of a bundle's signature costs: python -m tests.bench.signature.

The device's own code for a Cortex-M4, run in Unicorn until it returns; flash as linked, stack
as proved from the call graph.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

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
from host_tools.stack import stack_bound
from host_tools.toolchain import Purpose, choose
from tests.bench.calls import FREE, call
from tests.networks import conv_head

BOARD = "netduinoplus2"
CHECK = "hv_signature_is_valid"
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


def instructions(
    firmware: Firmware, signature: bytes, key: bytes, message: bytes
) -> tuple[int, int]:
    """Returns what the check answers, and how many instructions it took, to STEP."""
    places = (FREE, FREE + 0x100, FREE + 0x200)
    memory = dict(zip(places, (signature, key, message), strict=True))
    valid, count = call(firmware.elf, CHECK, (*places, len(message)), memory)
    return valid & 0xFF, count


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
