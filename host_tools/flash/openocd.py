"""OpenOCD: most probes and parts.

    openocd -f interface/stlink.cfg -f target/stm32f4x.cfg
        -c "program {firmware.hex} verify reset exit"

The parameter is the list of its configuration files. `--port` is the probe's serial number. It
erases the blocks that the file touches, and no others. Source: OpenOCD User's Guide, "Flash
Programming", `program`.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan


@dataclass(frozen=True, kw_only=True)
class Openocd:
    """See the module."""

    name: str = "openocd"
    hint: str = "apt install openocd"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        firmware = order.file(".hex")
        serial = ("-c", f"adapter serial {order.port}") if order.port else ()
        verify = " verify" if order.verify else ""
        return FlashPlan(
            files={firmware: order.image.intel_hex()},
            steps=(
                Call(
                    argv=(
                        "openocd",
                        *(part for file in parameter.split() for part in ("-f", file)),
                        *serial,
                        *("-c", f"program {{{firmware}}}{verify} reset exit"),
                    ),
                    refuses=r"(?i)verify failed|checksum mismatch",
                ),
            ),
        )
