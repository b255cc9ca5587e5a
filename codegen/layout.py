"""The byte layout of a person's and of the shared tensors: one struct each, in C and in bundles.

The struct in C, the payload of a bundle and the bytes in flash are the same bytes, so a bundle's
payload runs in place. Little-endian; int32 members first, so that no hidden padding arises.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.arith import CONTRACT_VERSION
from codegen.errors import HvError
from codegen.kernels.portable import PORTABLE
from codegen.ops.base import TensorSpec
from codegen.scheduled_net import ScheduledNet

ABI_BYTES = 16  # leading bytes of the ABI hash that a person's struct carries
STRUCT_ALIGNMENT_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Member:
    """A member of the struct: one tensor."""

    tensor: str  # "layer.tensor"
    spec: TensorSpec
    offset_bytes: int

    @property
    def c_name(self) -> str:
        """The member's name in C."""
        return self.tensor.replace(".", "_")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A struct of tensors."""

    header_bytes: int  # the ABI bytes of a person's struct; 0 for the shared struct
    members: tuple[Member, ...]
    padding_bytes: int
    size_bytes: int


def person_layout(scheduled: ScheduledNet) -> Layout:
    """The struct of a person's own tensors."""
    return _layout(scheduled, ABI_BYTES, personal=True)


def shared_layout(scheduled: ScheduledNet) -> Layout:
    """The struct of the tensors that everybody shares; may have no members."""
    return _layout(scheduled, 0, personal=False)


def pack(layout: Layout, header: bytes, tensors: Mapping[str, np.ndarray]) -> bytes:
    """The struct's bytes."""
    if len(header) != layout.header_bytes:
        raise ValueError(f"header of {len(header)} bytes, layout has {layout.header_bytes}")
    parts = [header]
    for member in layout.members:
        stored = np.dtype(member.spec.dtype).newbyteorder("<")
        parts.append(np.ascontiguousarray(tensors[member.tensor], stored).tobytes())
    return b"".join(parts) + bytes(layout.padding_bytes)


def unpack(layout: Layout, payload: bytes) -> tuple[bytes, dict[str, np.ndarray]]:
    """The inverse of `pack`: header and tensors."""
    if len(payload) != layout.size_bytes:
        raise HvError(f"{len(payload)} bytes of tensors, expected {layout.size_bytes}")
    tensors = {
        member.tensor: np.frombuffer(
            payload,
            np.dtype(member.spec.dtype).newbyteorder("<"),
            count=member.spec.elements,
            offset=member.offset_bytes,
        )
        .reshape(member.spec.shape)
        .astype(member.spec.dtype)
        for member in layout.members
    }
    return payload[: layout.header_bytes], tensors


def abi_hash(scheduled: ScheduledNet) -> bytes:
    """SHA-256 of all that a person's tensors depend on: 32 bytes.

    That is the contract's version, the architecture, every constant of the kernel, the shared
    tensors, the layout of the person's struct and how each kernel reads it. Equal hash: the weights
    fit the kernel.
    """
    net = scheduled.net
    facts = {
        "contract": CONTRACT_VERSION,
        "architecture": net.arch.to_json(),
        "constants": {layer.name: dict(sorted(layer.constants.items())) for layer in net.layers},
        "zero_points": {layer.name: layer.quantity.zero_point for layer in net.layers},
        "shared": {
            name: hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()
            for name, values in net.tensors().items()
            if not net.arch.is_personal(name)
        },
        "person": [[m.tensor, m.offset_bytes] for m in person_layout(scheduled).members],
    }
    own = {
        layer.name: scheduled.kernel(layer).describe()
        for layer in net.layers
        if scheduled.kernel(layer) != PORTABLE and net.arch.is_personal_layer(layer.name)
    }
    if own:
        facts["kernels"] = own
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()


def _layout(scheduled: ScheduledNet, header_bytes: int, *, personal: bool) -> Layout:
    chosen = [
        (name, spec)
        for name, spec in scheduled.stored_specs().items()
        if scheduled.is_personal(name) == personal
    ]
    chosen.sort(key=lambda item: item[1].dtype != "int32")  # stable: int32 first
    members, offset = [], header_bytes
    for name, spec in chosen:
        members.append(Member(tensor=name, spec=spec, offset_bytes=offset))
        offset += spec.size_bytes
    padding = -offset % STRUCT_ALIGNMENT_BYTES
    return Layout(
        header_bytes=header_bytes,
        members=tuple(members),
        padding_bytes=padding,
        size_bytes=offset + padding,
    )
