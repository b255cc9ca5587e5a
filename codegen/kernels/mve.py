"""What the kernels for Helium share: how weights are stored, and what their templates see.

A product of 16 int8 with 16 others, summed into one register, is one instruction (VMLADAVA.S8). So
a window is a whole number of *steps* of 16 bytes, the weights behind its end are zero, and what its
last step reads beyond it does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from codegen.kernels.base import Kernel
from codegen.ops.base import QuantLayer, TensorSpec
from codegen.ops.mac import MacOp
from codegen.ops.windows import Window

HEADERS = ("hv_mve.h", "hv_mve_lanes.h", "hv_mve_twin.h")
STEP_BYTES = 16  # of a vector
TILE_CHANNELS = 4  # whose sums are requantised together


class MveKernel(Kernel):
    """A kernel of vectors."""

    needs: ClassVar[frozenset[str]] = frozenset({"mve"})
    headers: ClassVar[tuple[str, ...]] = HEADERS


def steps_of(taps: int) -> int:
    """Vectors that hold a window."""
    return -(-taps // STEP_BYTES)


def tiles_of(channels: int) -> tuple[int, ...]:
    """First channel of each tile of four; the last tile may repeat channels of the one before."""
    return tuple(min(o, channels - TILE_CHANNELS) for o in range(0, channels, TILE_CHANNELS))


def whole_vectors(size_bytes: int) -> int:
    """The next multiple of a vector's size."""
    return steps_of(size_bytes) * STEP_BYTES


def tiled_spec(channels: int, taps: int) -> TensorSpec:
    """The layout of `tiled`."""
    shape = (len(tiles_of(channels)), steps_of(taps), TILE_CHANNELS, STEP_BYTES)
    return TensorSpec(dtype="int8", shape=shape, meaning="weights: tile, step, channel, tap")


def tiled(rows: np.ndarray) -> np.ndarray:
    """int8 [Cout, taps] -> [tiles, steps, 4, 16], zero behind the last tap."""
    padded = _padded(rows)
    tiles = np.stack([padded[o : o + TILE_CHANNELS] for o in tiles_of(len(rows))])
    split = tiles.reshape(len(tiles), TILE_CHANNELS, -1, STEP_BYTES)
    return np.ascontiguousarray(split.transpose(0, 2, 1, 3))


def lined_spec(channels: int) -> TensorSpec:
    """The layout of `lined`."""
    meaning = "weights: zeros, then channel, tap"
    return TensorSpec(dtype="int8", shape=(channels + 1, STEP_BYTES), meaning=meaning)


def lined(rows: np.ndarray) -> np.ndarray:
    """int8 [C, up to 16 taps] -> [1 + C, 16], zero behind the last tap and in the first vector.

    So 16 bytes that begin a little before a channel's are its taps moved up, with zeros in front.
    """
    return np.pad(_padded(rows), ((1, 0), (0, 0)))


def with_weight(own: Mapping[str, TensorSpec], spec: TensorSpec) -> dict[str, TensorSpec]:
    """An operator's own tensors, the weights in another layout."""
    return {**own, "weight": spec}


def columns_of(window: Window, layer: QuantLayer) -> int:
    """Columns of the padded image that the windows of a row read."""
    return (layer.output_shape[1] - 1) * window.stride[1] + window.kernel[1]


def copied_pixels(window: Window, layer: QuantLayer) -> int:
    """How many of them lie in the image, from its first one on."""
    return min(layer.input_shapes[0][1], columns_of(window, layer) - window.padding[1])


def rows_padded(window: Window, layer: QuantLayer) -> bool:
    """Whether some window has a row above or below the image."""
    end = (layer.output_shape[0] - 1) * window.stride[0] + window.kernel[0] - window.padding[0]
    return window.padding[0] > 0 or end > layer.input_shapes[0][0]


def read_fields(op: MacOp, layer: QuantLayer) -> dict[str, Any]:
    """What is read, and what is flipped in each byte of it: of a camera's, the highest bit."""
    mac = op.mac_context(layer)
    flip = "INT8_MIN" if mac["input_offset"] else "0"
    return {"input_type": mac["input_type"], "flip": flip, **op.finish_context(layer)}


def _padded(rows: np.ndarray) -> np.ndarray:
    behind = whole_vectors(rows.shape[1]) - rows.shape[1]
    return np.pad(rows, ((0, 0), (0, behind)))
