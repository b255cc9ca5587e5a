"""st-flash: ST-Link probes on STM32 parts.

    st-flash --reset --format ihex write firmware.hex

It reads back whatever it writes, asked or not. It needs no parameter; `--port` is the probe's
serial number. Source: stlink, `st-flash(1)`.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan


@dataclass(frozen=True, kw_only=True)
class StFlash:
    """See the module."""

    name: str = "st-flash"
    hint: str = "apt install stlink-tools"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        firmware = order.file(".hex")
        serial = ("--serial", order.port) if order.port else ()
        return FlashPlan(
            files={firmware: order.image.intel_hex()},
            steps=(
                Call(
                    argv=(
                        *("st-flash", *serial, "--reset", "--format", "ihex"),
                        *("write", str(firmware)),
                    ),
                    refuses=r"(?i)verification of flash failed",
                ),
            ),
        )
