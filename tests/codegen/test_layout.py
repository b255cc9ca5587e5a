"""The struct of tensors: round trips, no hidden padding, and the ABI hash that guards it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from codegen.layout import Layout, abi_hash, pack, person_layout, shared_layout, unpack
from codegen.nets import Architecture, QuantNet
from codegen.ops.base import QuantLayer
from codegen.quantise import quantise
from codegen.scheduled_net import portable
from tests.architectures import CONV_HEAD
from tests.networks import conv_head, depthwise_all, float_net, with_constants, with_tensor

NETS = [conv_head(), depthwise_all()]


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.arch.name)
def test_every_tensor_has_one_place(net: QuantNet) -> None:
    layouts = (person_layout(portable(net)), shared_layout(portable(net)))
    placed = [member.tensor for layout in layouts for member in layout.members]
    assert sorted(placed) == sorted(net.arch.tensor_specs())
    for layout in layouts:
        end = layout.header_bytes
        for member in layout.members:
            assert member.offset_bytes == end, "no hidden padding"
            assert member.offset_bytes % (4 if member.spec.dtype == "int32" else 1) == 0
            end += member.spec.size_bytes
        assert layout.size_bytes == end + layout.padding_bytes
        assert layout.size_bytes % 16 == 0


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_round_trip_of_any_values(seed: int) -> None:
    generator = np.random.default_rng(seed)
    for net in NETS:
        layout = person_layout(portable(net))
        tensors = {
            member.tensor: generator.integers(
                np.iinfo(member.spec.dtype).min,
                np.iinfo(member.spec.dtype).max,
                member.spec.shape,
                dtype=member.spec.dtype,
                endpoint=True,
            )
            for member in layout.members
        }
        header = generator.bytes(layout.header_bytes)
        payload = pack(layout, header, tensors)
        assert len(payload) == layout.size_bytes
        back_header, back = unpack(layout, payload)
        assert back_header == header
        assert back.keys() == tensors.keys()
        for name, values in tensors.items():
            np.testing.assert_array_equal(back[name], values)
            assert back[name].dtype == values.dtype


def test_bytes_are_little_endian_whatever_the_array() -> None:
    layout = _threshold_only()
    for dtype in ("<i4", ">i4"):
        payload = pack(layout, bytes(16), {"decision.threshold": np.array([0x01020304], dtype)})
        assert payload[16:20] == b"\x04\x03\x02\x01"


def test_wrong_sizes_are_refused() -> None:
    layout = _threshold_only()
    with pytest.raises(HvError, match="expected 32"):
        unpack(layout, bytes(31))
    with pytest.raises(ValueError, match="header of 3 bytes"):
        pack(layout, b"abc", {"decision.threshold": np.zeros(1, np.int32)})


def test_abi_is_the_same_for_all_persons() -> None:
    assert abi_hash(portable(conv_head(2))) == abi_hash(portable(conv_head(3)))
    assert abi_hash(portable(depthwise_all(2))) == abi_hash(portable(depthwise_all(3)))
    threshold = float_net(Architecture.from_json(CONV_HEAD), threshold=0.5)
    assert abi_hash(portable(quantise(threshold))) == abi_hash(portable(conv_head()))


def test_abi_differs_when_any_shared_integer_does() -> None:
    net = conv_head()
    hashes = {abi_hash(portable(net))}
    shared = [member.tensor for member in shared_layout(portable(net)).members]
    for name in shared:
        values = net.tensors()[name].copy()
        values.reshape(-1)[-1] ^= 1
        hashes.add(abi_hash(portable(with_tensor(net, name, values))))
    assert len(hashes) == 1 + len(shared)


@pytest.mark.parametrize("make", [conv_head, depthwise_all])
def test_abi_differs_when_any_constant_does(make: object) -> None:
    net: QuantNet = make()  # type: ignore[operator]
    changed = [
        with_constants(net, layer.name, **{name: value + 1})
        for layer in net.layers
        for name, value in layer.constants.items()
    ]
    changed += [
        dataclasses.replace(
            net, layers=(*net.layers[:i], _next_zero_point(net, i), *net.layers[i + 1 :])
        )
        for i in range(len(net.layers))
    ]
    hashes = {abi_hash(portable(net)), *(abi_hash(portable(other)) for other in changed)}
    assert len(hashes) == 1 + len(changed)


def test_abi_differs_when_the_architecture_does() -> None:
    other = {**CONV_HEAD, "name": "conv-tail"}
    renamed = quantise(float_net(Architecture.from_json(other)))
    everything = quantise(float_net(Architecture.from_json({**CONV_HEAD, "personal": ["*"]})))
    nets = (conv_head(), renamed, everything)
    assert len({abi_hash(portable(net)) for net in nets}) == 3


def _next_zero_point(net: QuantNet, index: int) -> QuantLayer:
    layer = net.layers[index]
    quantity = dataclasses.replace(layer.quantity, zero_point=layer.quantity.zero_point + 1)
    return dataclasses.replace(layer, quantity=quantity)


def _threshold_only() -> Layout:
    layout = person_layout(portable(conv_head()))
    members = tuple(m for m in layout.members if m.tensor == "decision.threshold")
    member = dataclasses.replace(members[0], offset_bytes=16)
    return Layout(header_bytes=16, members=(member,), padding_bytes=12, size_bytes=32)
