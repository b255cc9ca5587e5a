"""DAPLink: an Intel HEX file copied to the drive that the board's own probe shows; no program.

    cp firmware.hex /media/me/MICROBIT

It needs no parameter; `--port` is where the drive is mounted. It erases all of the flash first, so
it cannot write a part, and it cannot read back. Source: github.com/ARMmbed/DAPLink,
docs/USERS-GUIDE.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from host_tools.flash.base import Copy, FlashOrder, FlashPlan


@dataclass(frozen=True, kw_only=True)
class Daplink:
    """See the module."""

    name: str = "daplink"
    hint: str = "nothing to install"
    verifies: bool = False
    writes_parts: bool = False

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        if not order.port:
            raise HvError(
                "daplink copies a file to the board's drive, and none is given",
                where="--port",
                hint="plug the board in and give its drive with --port DIR",
            )
        firmware = order.file(".hex")
        return FlashPlan(
            files={firmware: order.image.intel_hex()},
            steps=(Copy(source=firmware, drive=Path(order.port), mark="DETAILS.TXT"),),
        )
