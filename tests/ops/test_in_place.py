"""Layers whose output lies where an input lay: the same bits, on this machine and on the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness import Json, Shape3, assert_same, check_everywhere
from hypothesis import given
from hypothesis import strategies as st
from strategies import compiled, seeds

from codegen import reference
from codegen.nets import Architecture, QuantNet
from codegen.ops import OPS
from codegen.ops.base import Op
from codegen.plan import MemoryPlan, plan_memory
from codegen.scheduled_net import portable
from tests.architectures import IMAGE_SCALE
from tests.networks import extreme, images, quant_net
from tests.on_target import traces_on_target

CLIP: Json = {"kind": "clip", "lo": -0.5, "hi": 1.0}
POOLS = ("max_pool", "average_pool", "inner_average_pool", "dilated_max_pool")


def in_place(shape: Shape3, steps: list[Json], pools: list[Json]) -> Architecture:
    """Layers that each are the last to read what the layer before left, and may overwrite it.

    An input "last" is what the layer before left; "fresh" is an activation of the image's shape
    that nobody else reads, "one" a value for each channel.
    """
    layers: list[Json] = [_pointwise("start", shape)]
    last = "start"
    for index, step in enumerate(steps + pools):
        names = {"last": last, "fresh": f"fresh{index}", "one": f"one{index}"}
        if "fresh" in step["inputs"]:
            layers.append(_pointwise(names["fresh"], shape))
        if "one" in step["inputs"]:
            layers += _one(names["one"], shape)
        last = f"case{index}"
        layers.append({"name": last, **step, "inputs": [names[i] for i in step["inputs"]]})
    layers += [
        {"name": "features", "op": "flatten", "inputs": [last]},
        {"name": "head", "op": "dense", "inputs": ["features"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]
    height, width, channels = shape
    image = {"height": height, "width": width, "channels": channels, "scale": IMAGE_SCALE}
    return Architecture.from_json(
        {"name": "in-place", "image": image, "layers": layers, "personal": ["*"]}
    )


def _pointwise(name: str, shape: Shape3) -> Json:
    return {"name": name, "op": "pointwise", "inputs": ["image"], "channels": shape[2]}


def _one(name: str, shape: Shape3) -> list[Json]:
    return [
        _pointwise(f"{name}_image", shape),
        {"name": f"{name}_mean", "op": "global_pool", "inputs": [f"{name}_image"]},
        {"name": name, "op": "reshape", "inputs": [f"{name}_mean"], "shape": [1, 1, shape[2]]},
    ]


def _steps(shape: Shape3) -> st.SearchStrategy[list[Json]]:
    """Operators on elements, in any order."""
    pairs = st.permutations(("last", "fresh")) | st.just(["last", "last"])
    pairs |= st.permutations(("last", "one"))
    size = st.fixed_dictionaries({"op": st.just("softmax"), "axis": st.integers(0, 2)})
    step = st.one_of(
        st.builds(
            lambda op, inputs: {"op": op, "inputs": list(inputs), "activation": CLIP},
            st.sampled_from(("add", "sub", "mul")),
            pairs,
        ),
        size.map(lambda fields: {**fields, "inputs": ["last"]}),
        st.just({"op": "lookup", "inputs": ["last"], "function": ["tanh", ["x"]]}),
    )
    return st.lists(step, min_size=4, max_size=8)


@st.composite
def _pools(draw: Any, shape: Shape3) -> list[Json]:  # noqa: ANN401
    """Windows that are padded below and on the right at most; then a slice, forwards."""
    size = list(shape[:2])
    pools: list[Json] = []
    for op in draw(st.permutations(POOLS)):
        kernel = [draw(st.integers(1, min(3, extent))) for extent in size]
        stride = [draw(st.integers(1, 2)) for _ in size]
        behind = [draw(st.integers(0, k - 1)) for k in kernel]
        size = [
            (n + b - k) // s + 1 for n, b, k, s in zip(size, behind, kernel, stride, strict=True)
        ]
        fields = {"kernel": kernel, "stride": stride, "padding": [0, 0, *behind]}
        pools.append({"op": op, "inputs": ["last"], **fields})
    extents = (*size, shape[2])
    start = [draw(st.integers(0, extent - 1)) for extent in extents]
    step = [draw(st.integers(1, 3)) for _ in extents]
    count = [
        draw(st.integers(1, (n - 1 - first) // by + 1))
        for n, first, by in zip(extents, start, step, strict=True)
    ]
    moved = {"op": "slice", "inputs": ["last"], "start": start, "size": count, "step": step}
    return [*pools, moved]


@st.composite
def _cases(draw: Any) -> Architecture:  # noqa: ANN401
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6)))
    return in_place(shape, draw(_steps(shape)), draw(_pools(shape)))


@compiled
@given(_cases(), seeds)
def test_same_bits_everywhere(arch: Architecture, seed: int) -> None:
    net = quant_net(arch, shared_seed=seed, person_seed=seed, threshold=0.0)
    _assert_in_place(net, plan_memory(portable(net)))
    check_everywhere((net, extreme(net, seed)), seed)


def _assert_in_place(net: QuantNet, plan: MemoryPlan) -> None:
    """Every case lies where one of its inputs lay."""
    cases = [layer for layer in net.layers if layer.name.startswith("case")]
    assert cases
    for layer in cases:
        offsets = [plan.offset(name) for name in layer.inputs]
        assert plan.offset(layer.name) in offsets, layer.name
        (buffer,) = (buffer for buffer in plan.buffers if buffer.name == layer.name)
        assert plan.in_place_of(buffer)


@pytest.fixture(scope="module")
def all_in_place() -> QuantNet:
    """Every operator that may overwrite an input."""
    steps: list[Json] = [
        {"op": "add", "inputs": ["last", "fresh"]},
        {"op": "sub", "inputs": ["fresh", "last"], "activation": CLIP},
        {"op": "mul", "inputs": ["one", "last"]},
        {"op": "lookup", "inputs": ["last"], "function": ["gelu", ["x"]]},
        {"op": "add", "inputs": ["last", "last"]},
        {"op": "softmax", "inputs": ["last"], "axis": 1},
    ]
    pools: list[Json] = [
        {"op": "max_pool", "inputs": ["last"], "kernel": [2, 2], "stride": [1, 2]},
        {"op": "average_pool", "inputs": ["last"], "kernel": [2, 1], "padding": [0, 0, 1, 0]},
        {"op": "inner_average_pool", "inputs": ["last"], "kernel": [2, 2], "padding": [0, 0, 0, 1]},
        {"op": "dilated_max_pool", "inputs": ["last"], "kernel": [2, 2], "dilation": [2, 2]},
        {
            "op": "slice",
            "inputs": ["last"],
            "start": [1, 0, 0],
            "size": [2, 2, 3],
            "step": [2, 1, 2],
        },
    ]
    net = quant_net(in_place((11, 9, 5), steps, pools), threshold=0.0)
    declared = {op.kind for op in OPS if op.overwrites is not Op.overwrites}
    assert {step["op"] for step in steps + pools} == declared
    return net


def test_every_operator_that_may_overwrite(all_in_place: QuantNet) -> None:
    _assert_in_place(all_in_place, plan_memory(portable(all_in_place)))
    check_everywhere((all_in_place, extreme(all_in_place, 3)), seed=5)


def test_every_tensor_on_the_target(all_in_place: QuantNet, tmp_path: Path) -> None:
    batch = images(all_in_place.arch, 6, seed=4)
    expected = reference.run(all_in_place, batch)
    for where, tensors in traces_on_target(all_in_place, batch, tmp_path):
        for name, values in expected.items():
            assert_same(values, tensors[name], f"{where}, {name}")


def test_what_reads_behind_itself_overwrites_nothing() -> None:
    """Windows that are padded in front, and slices that run backwards."""
    shape = (6, 6, 4)
    padded: Json = {"kernel": [3, 3], "padding": [1, 0, 0, 0]}
    cases: list[Json] = [
        *({"op": op, "inputs": ["last"], **padded} for op in POOLS),
        {
            "op": "slice",
            "inputs": ["last"],
            "start": [0, 1, 0],
            "size": [1, 2, 4],
            "step": [1, -1, 1],
        },
    ]
    for case in cases:
        net = quant_net(in_place(shape, [], [case]), threshold=0.0)
        assert net.layers[1].op.overwrites(net.layers[1].input_shapes) == (), case["op"]
        assert not any(buffer.may_overwrite for buffer in plan_memory(portable(net)).buffers)


def test_a_broadcast_operand_is_not_overwritten() -> None:
    net = quant_net(in_place((3, 3, 2), [{"op": "add", "inputs": ["one", "last"]}], []))
    plan = plan_memory(portable(net))
    (buffer,) = (buffer for buffer in plan.buffers if buffer.name == "case0")
    assert buffer.may_overwrite == ("start",)
