"""dfu-util: the USB boot loader in the ROM of STM32 parts; no probe.

    dfu-util --device 0483:df11 --alt 0 --dfuse-address 0x08000000:leave --download firmware.bin

The parameter is the boot loader's USB vendor and product. Put the board into its boot loader first:
BOOT0 high, then reset. `--port` is the device's path on the bus. It cannot read back. Source:
`dfu-util(1)` 0.11, STMicroelectronics AN3156.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan
from host_tools.flash.images import segment_files


@dataclass(frozen=True, kw_only=True)
class DfuUtil:
    """See the module."""

    name: str = "dfu-util"
    hint: str = "apt install dfu-util"
    verifies: bool = False
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """One call for each segment: gaps are left as they are. The last one starts the program."""
        parts = segment_files(order.image, order.file(".bin"))
        path = ("--path", order.port) if order.port else ()
        last = len(parts) - 1
        return FlashPlan(
            files={file: part.data for file, part in parts.items()},
            steps=tuple(
                Call(
                    argv=(
                        *("dfu-util", "--device", parameter, *path, "--alt", "0"),
                        "--dfuse-address",
                        f"{part.address:#010x}{':leave' if number == last else ''}",
                        *("--download", str(file)),
                    )
                )
                for number, (file, part) in enumerate(parts.items())
            ),
        )
