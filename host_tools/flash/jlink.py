"""J-Link Commander: SEGGER's probes.

    JLinkExe -device STM32F405RG -if SWD -speed 4000 -autoconnect 1 -NoGui 1 -ExitOnError 1
        -CommandFile firmware.jlink

The parameter is SEGGER's name of the part. `--port` is the probe's serial number. Source: SEGGER
UM08001, "J-Link Commander": loadfile, verifybin, r, g, qc.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan
from host_tools.flash.images import segment_files


@dataclass(frozen=True, kw_only=True)
class Jlink:
    """See the module."""

    name: str = "jlink"
    hint: str = "install SEGGER's J-Link software package"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        firmware, script = order.file(".hex"), order.file(".jlink")
        parts = segment_files(order.image, order.file(".bin")) if order.verify else {}
        commands = [
            "r",
            "h",
            f'loadfile "{firmware}"',
            *(f'verifybin "{path}", {part.address:#010x}' for path, part in parts.items()),
            "r",
            "g",
            "qc",
        ]
        probe = ("-USB", order.port) if order.port else ()
        return FlashPlan(
            files={
                firmware: order.image.intel_hex(),
                **{path: part.data for path, part in parts.items()},
                script: "".join(f"{command}\n" for command in commands).encode("utf-8"),
            },
            steps=(
                Call(
                    argv=(
                        *("JLinkExe", *probe, "-device", parameter, "-if", "SWD"),
                        *("-speed", "4000", "-autoconnect", "1", "-NoGui", "1"),
                        *("-ExitOnError", "1", "-CommandFile", str(script)),
                    ),
                    refuses=r"(?i)verify failed|verification failed",
                ),
            ),
        )
