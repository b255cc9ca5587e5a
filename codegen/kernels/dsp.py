"""What every kernel for cores with DSP instructions brings along; see firmware/runtime/hv_dsp.h."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from codegen.kernels.base import Kernel
from codegen.ops.base import QuantLayer

DSP_FEATURES = frozenset({"dsp", "fpu"})  # the FPU's registers keep what the core has no room for
DSP_HEADERS = ("hv_dsp.h",)
DSP_SOURCES = ("hv_dsp.c", "hv_widen.S")
# stack of the functions of hv_widen.S, bytes; a test reads their assembly
DSP_FRAMES: Mapping[str, int] = {
    "hv_widen_quads": 24,
    "hv_widen": 28,
    "hv_widen_camera": 28,
    "hv_widen_channels": 44,
    "hv_flip": 8,
    "hv_move_down": 8,
    "hv_fill": 0,
}


class DspKernel(Kernel):
    """A kernel whose inner loops are assembly that is named as its C is."""

    needs: ClassVar[frozenset[str]] = DSP_FEATURES
    headers: ClassVar[tuple[str, ...]] = DSP_HEADERS
    sources: ClassVar[tuple[str, ...]] = DSP_SOURCES
    library_frames: ClassVar[Mapping[str, int]] = DSP_FRAMES

    def assembly(self, layer: QuantLayer) -> str:
        """Beside its C."""
        return self.template(layer)


def offset_text(size_bytes: int) -> str:
    """What follows the base register in a load: ", #8", or nothing."""
    return f", #{size_bytes}" if size_bytes else ""


def register_range(first: int, count: int, bank: str = "s") -> str:
    """For register lists: "s0", "s0-s2"."""
    last = f"-{bank}{first + count - 1}" if count > 1 else ""
    return f"{bank}{first}{last}"


def load_int8(register: str, value: int) -> str:
    """The instruction that sets a register to a number of int8."""
    return f"mov {register}, #{value}" if value >= 0 else f"mvn {register}, #{-1 - value}"
