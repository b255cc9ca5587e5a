"""UF2: a file copied to the drive that a board's boot loader shows; no probe, no program.

    cp firmware.uf2 /media/me/RPI-RP2

The parameter is the UF2 family of the part. `--port` is where the drive is mounted. Put the board
into its boot loader first: hold BOOTSEL while it is plugged in. It cannot read back. Source:
github.com/microsoft/uf2.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from host_tools.flash.base import Copy, FlashOrder, FlashPlan
from host_tools.flash.uf2_file import uf2_bytes


@dataclass(frozen=True, kw_only=True)
class Uf2:
    """See the module."""

    name: str = "uf2"
    hint: str = "nothing to install"
    verifies: bool = False
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        if not order.port:
            raise HvError(
                "uf2 copies a file to the board's drive, and none is given",
                where="--port",
                hint="put the board into its boot loader and give its drive with --port DIR",
            )
        firmware = order.file(".uf2")
        return FlashPlan(
            files={firmware: uf2_bytes(order.image, int(parameter, 16))},
            steps=(Copy(source=firmware, drive=Path(order.port), mark="INFO_UF2.TXT"),),
        )
