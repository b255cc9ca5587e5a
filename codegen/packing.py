"""The caller's structs as bytes: several tensors, each at a multiple of 16.

`hv_<arch>_inputs_t` and `hv_<arch>_outputs_t` are laid out like this, so a sample is one row of
bytes for the simulator and for the firmware that traces, whatever the network is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from codegen.nets import Architecture
from codegen.plan import aligned


def member_offsets(sizes_bytes: Sequence[int]) -> tuple[tuple[int, ...], int]:
    """Offsets of a struct's members and the size of the whole, in bytes."""
    offsets, end = [], 0
    for size_bytes in sizes_bytes:
        offsets.append(end)
        end = aligned(end + size_bytes)
    return tuple(offsets), end


def packed_bytes(arch: Architecture) -> int:
    """What a network is given for one sample: the image's bytes, or the struct of its inputs."""
    if arch.is_verifier:
        return arch.image.size_bytes
    return member_offsets([given.size_bytes for given in arch.inputs])[1]


def pack_inputs(arch: Architecture, inputs: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray:
    """Inputs as `codegen.reference.run` takes them -> rows uint8 [N, packed_bytes]."""
    if not isinstance(inputs, Mapping):
        return np.ascontiguousarray(inputs).reshape(len(inputs), -1)
    offsets, total = member_offsets([given.size_bytes for given in arch.inputs])
    count = len(inputs[arch.inputs[0].name])
    rows = np.zeros((count, total), np.uint8)
    for given, offset in zip(arch.inputs, offsets, strict=True):
        values = np.ascontiguousarray(inputs[given.name], np.int8).reshape(count, -1)
        rows[:, offset : offset + given.size_bytes] = values.view(np.uint8)
    return rows


def unpack_inputs(arch: Architecture, rows: np.ndarray) -> np.ndarray | dict[str, np.ndarray]:
    """The inverse of `pack_inputs`."""
    if arch.is_verifier:
        return rows.reshape(-1, *arch.image.shape)
    offsets, _ = member_offsets([given.size_bytes for given in arch.inputs])
    return {
        given.name: np.ascontiguousarray(rows[:, offset : offset + given.size_bytes])
        .view(np.int8)
        .reshape(-1, *given.shape)
        for given, offset in zip(arch.inputs, offsets, strict=True)
    }
