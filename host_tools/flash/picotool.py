"""picotool: the USB boot loader in the ROM of Raspberry Pi's microcontrollers; no probe.

    picotool load --verify --execute firmware.uf2

The parameter is the UF2 family of the part. Put the board into its boot loader first: hold BOOTSEL
while it is plugged in. `--port` is the board's serial number. Source: picotool 2, `picotool help
load`.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan
from host_tools.flash.uf2_file import uf2_bytes


@dataclass(frozen=True, kw_only=True)
class Picotool:
    """See the module."""

    name: str = "picotool"
    hint: str = "apt install picotool, or build it: github.com/raspberrypi/picotool"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        firmware = order.file(".uf2")
        verify = ("--verify",) if order.verify else ()
        serial = ("--ser", order.port) if order.port else ()
        return FlashPlan(
            files={firmware: uf2_bytes(order.image, int(parameter, 16))},
            steps=(
                Call(
                    argv=("picotool", "load", *verify, "--execute", str(firmware), *serial),
                    refuses=r"(?i)contents did not match|verify.*failed",
                ),
            ),
        )
