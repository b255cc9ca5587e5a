"""esptool: the serial boot loader in the ROM of ESP32 parts; no probe.

    esptool --chip esp32c3 --port /dev/ttyUSB0 write-flash 0x0 firmware-0.bin 0x8000 firmware-1.bin

The parameter is esptool's name of the part. `--port` is the serial port; without it, esptool tries
them all. Addresses are offsets into the flash; two files in one erase block are refused.
Source: esptool 5 documentation, "Basic Commands"; its `AddrFilenamePairType`.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan
from host_tools.flash.images import joined_by_block, segment_files


@dataclass(frozen=True, kw_only=True)
class Esptool:
    """See the module."""

    name: str = "esptool"
    hint: str = "pip install esptool"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        flash = order.board.flash
        parts = segment_files(joined_by_block(order.image, flash.erase_bytes), order.file(".bin"))
        port = ("--port", order.port) if order.port else ()
        begin = ("esptool", "--chip", parameter, *port)
        places = [
            word
            for file, part in parts.items()
            for word in (f"{part.address - flash.origin:#x}", str(file))
        ]
        calls = [Call(argv=(*begin, "write-flash", *places))]
        if order.verify:
            argv = (*begin, "verify-flash", *places)
            calls.append(Call(argv=argv, refuses=r"(?i)verif\w+ failed|digest mismatch"))
        return FlashPlan(
            files={file: part.data for file, part in parts.items()}, steps=tuple(calls)
        )
