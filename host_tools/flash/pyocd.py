"""pyOCD: CMSIS-DAP, ST-Link and J-Link probes, from Python.

    pyocd load --target stm32f405rg firmware.hex
    pyocd commander --target stm32f405rg --command "compare 0x08000000 firmware.bin"

The parameter is pyOCD's name of the part. Parts it does not bring along come as a pack:
`pyocd pack install stm32f405rg`. `--port` is the probe's unique ID. Source: pyOCD 0.46, `pyocd load
--help`, `pyocd/commands/commands.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from host_tools.flash.base import Call, FlashOrder, FlashPlan
from host_tools.flash.images import segment_files


@dataclass(frozen=True, kw_only=True)
class Pyocd:
    """See the module."""

    name: str = "pyocd"
    hint: str = "pip install pyocd"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """See `Runner.plan`."""
        chosen = ("--target", parameter, *(("--uid", order.port) if order.port else ()))
        firmware = order.file(".hex")
        files = {firmware: order.image.intel_hex()}
        steps = [Call(argv=("pyocd", "load", *chosen, str(firmware)))]
        if order.verify:
            parts = segment_files(order.image, order.file(".bin"))
            files |= {path: segment.data for path, segment in parts.items()}
            steps += [
                Call(
                    argv=(
                        *("pyocd", "commander", *chosen, "--command"),
                        f"compare {segment.address:#010x} {path}",
                    ),
                    refuses=r"(?i)mismatch|Error",
                )
                for path, segment in parts.items()
            ]
        return FlashPlan(files=files, steps=tuple(steps))
