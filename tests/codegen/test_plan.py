"""Memory plans of random graphs: what a layer reads is still what was written there."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import GateBreach
from codegen.lower import lower
from codegen.nets import IMAGE, Architecture, QuantNet
from codegen.ops.base import QuantLayer
from codegen.plan import ALIGNMENT_BYTES, Buffer, MemoryPlan, check_plan, plan_memory
from codegen.scheduled_net import ScheduledNet, portable
from tests.architectures import IMAGE_SCALE
from tests.networks import conv_head, depthwise_all, quant_net, two_inputs
from tests.ops.harness import check_everywhere

Json = dict[str, Any]
SIDE, CHANNELS = 4, 3
SHAPE = [SIDE, SIDE, CHANNELS]


@st.composite
def graphs(draw: Any) -> Architecture:  # noqa: ANN401
    """Any wiring: branches, joins, aliases of aliases, results nobody reads."""
    layers: list[Json] = [
        {"name": "l0", "op": "pointwise", "inputs": ["image"], "channels": CHANNELS}
    ]
    images = ["l0"]
    vectors: list[str] = []
    for index in range(1, draw(st.integers(1, 12))):
        name = f"l{index}"
        op = draw(
            st.sampled_from(
                (
                    *("pointwise", "conv2d", "max_pool", "add", "mul", "lookup"),
                    *("flatten", "alias", "image", "join"),
                )
            )
        )
        source = draw(st.sampled_from(images))
        if op == "flatten" or (op == "alias" and not vectors):
            layers.append({"name": name, "op": "flatten", "inputs": [source]})
            vectors.append(name)
            continue
        if op == "alias":
            layers.append(
                {"name": name, "op": "flatten", "inputs": [draw(st.sampled_from(vectors))]}
            )
            vectors.append(name)
            continue
        if op == "image":  # an alias again, of a vector or of an image
            source = draw(st.sampled_from(images + vectors))
            layers.append({"name": name, "op": "reshape", "inputs": [source], "shape": SHAPE})
            images.append(name)
            continue
        if op == "join":  # read by nobody; all that it reads must live until then
            sources = draw(st.lists(st.sampled_from(images), min_size=1, max_size=4))
            layers.append({"name": name, "op": "concat", "inputs": sources, "axis": 2})
            continue
        layers.append({"name": name, **_image_layer(op, source, draw(st.sampled_from(images)))})
        images.append(name)
    last = draw(st.sampled_from(images))
    layers += [
        {"name": "features", "op": "flatten", "inputs": [last]},
        {"name": "head", "op": "dense", "inputs": ["features"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "normalised_decision", "inputs": ["head", "features"]},
    ]
    image = {"height": SIDE, "width": SIDE, "channels": CHANNELS, "scale": IMAGE_SCALE}
    return Architecture.from_json(
        {"name": "graph", "image": image, "layers": layers, "personal": ["*"]}
    )


def _image_layer(op: str, one: str, two: str) -> Json:
    window = {"kernel": [3, 3], "padding": [1, 1, 1, 1]}
    layers: dict[str, Json] = {
        "pointwise": {"op": "pointwise", "inputs": [one], "channels": CHANNELS},
        "conv2d": {"op": "conv2d", "inputs": [one], "channels": CHANNELS, **window},
        "max_pool": {"op": "max_pool", "inputs": [one], **window},
        "add": {"op": "add", "inputs": [one, two]},
        "mul": {"op": "mul", "inputs": [one, two]},
        "lookup": {"op": "lookup", "inputs": [one], "function": ["tanh", ["x"]]},
    }
    return layers[op]


@settings(max_examples=80)
@given(graphs())
def test_what_is_read_is_what_was_written(arch: Architecture) -> None:
    """Runs the plan on bytes tagged with their writer; knows nothing of lifetimes."""
    net = quant_net(arch)
    plan = plan_memory(portable(net))
    check_plan(plan)
    _simulate(net, plan)


def _simulate(net: QuantNet, plan: MemoryPlan) -> None:
    owner = np.full(plan.arena_bytes, -1)
    written: dict[str, int] = {}
    for step in lower(portable(net), plan).steps:
        layer = net.layers[step.index]
        for name in layer.inputs:
            if name != IMAGE:
                source = next(other for other in net.layers if other.name == name)
                size = int(np.prod(source.output_shape)) * (4 if name == "head" else 1)
                start = plan.offset(name)
                assert (owner[start : start + size] == written[name]).all(), (step.name, name)
        scratch = layer.op.scratch_bytes(layer.input_shapes)
        if step.function is None:
            written[step.name] = written[layer.inputs[0]]
            continue
        pieces = [(step.offset_bytes, step.size_bytes)]
        if scratch:
            pieces.insert(0, (plan.scratch_offset(step.name), scratch))
        for start, size in pieces:
            assert start % ALIGNMENT_BYTES == 0
            assert start >= 0
            assert start + size <= plan.arena_bytes
            in_place = _in_place(layer, plan) if start == step.offset_bytes else ()
            still_read = [written[n] for n in layer.inputs if n != IMAGE and n not in in_place]
            assert not np.isin(owner[start : start + size], still_read).any(), step.name
            owner[start : start + size] = (
                1000 + step.index if scratch and start != step.offset_bytes else step.index
            )
        assert (owner[step.offset_bytes : step.offset_bytes + step.size_bytes] == step.index).all()
        written[step.name] = step.index
    end = plan.offset("decision")
    assert (owner[end : end + 12] == written["decision"]).all()


def _in_place(layer: QuantLayer, plan: MemoryPlan) -> list[str]:
    """Inputs where the output begins, and the operator bears it."""
    allowed = layer.op.overwrites(layer.input_shapes)
    return [
        name
        for index, name in enumerate(layer.inputs)
        if index in allowed and name != IMAGE and plan.offset(name) == plan.offset(layer.name)
    ]


@settings(max_examples=60)
@given(graphs(), st.integers(0, 1000))
def test_a_planted_overlap_is_caught(arch: Architecture, choice: int) -> None:
    plan = plan_memory(portable(quant_net(arch)))
    pairs = [
        (i, j)
        for i, one in enumerate(plan.buffers)
        for j, two in enumerate(plan.buffers)
        if i != j and one.lives_with(two)
        if one.name not in two.may_overwrite and two.name not in one.may_overwrite
    ]
    i, j = pairs[choice % len(pairs)]
    moved = dataclasses.replace(plan.buffers[i], offset_bytes=plan.buffers[j].offset_bytes)
    with pytest.raises(GateBreach, match="overlaps"):
        check_plan(_with_buffer(plan, i, moved))


def test_misaligned_and_outside_are_caught_together() -> None:
    plan = plan_memory(portable(conv_head()))
    last = len(plan.buffers) - 1
    stray = dataclasses.replace(plan.buffers[last], offset_bytes=plan.arena_bytes - 4)
    with pytest.raises(GateBreach) as caught:
        check_plan(_with_buffer(plan, last, stray))
    message = str(caught.value)
    assert "leaves the arena" in message
    if stray.offset_bytes % ALIGNMENT_BYTES:
        assert "is not aligned" in message
        assert len(caught.value.breaches) >= 2
    negative = dataclasses.replace(plan.buffers[0], offset_bytes=-16)
    with pytest.raises(GateBreach, match="leaves the arena"):
        check_plan(_with_buffer(plan, 0, negative))


def _aliases() -> QuantNet:
    """l0 has four names, and is read under the first and the last after others came between."""
    image = {"height": SIDE, "width": SIDE, "channels": CHANNELS, "scale": IMAGE_SCALE}
    layers: list[Json] = [
        {"name": "l0", "op": "pointwise", "inputs": ["image"], "channels": CHANNELS},
        {"name": "flat", "op": "flatten", "inputs": ["l0"]},
        {"name": "wide", "op": "reshape", "inputs": ["flat"], "shape": [SIDE * SIDE, CHANNELS]},
        {"name": "again", "op": "reshape", "inputs": ["wide"], "shape": SHAPE},
        {"name": "l1", **_image_layer("pointwise", "again", "")},
        {"name": "l2", **_image_layer("conv2d", "l1", "")},
        {"name": "l3", "op": "add", "inputs": ["l2", "l0"]},
        {"name": "l4", **_image_layer("conv2d", "l3", "")},
        {"name": "l5", "op": "add", "inputs": ["l4", "again"]},
        {"name": "features", "op": "flatten", "inputs": ["l5"]},
        {"name": "head", "op": "dense", "inputs": ["features"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]
    return quant_net(
        Architecture.from_json(
            {"name": "aliases", "image": image, "layers": layers, "personal": ["*"]}
        )
    )


def test_a_chain_of_aliases_lives_until_its_last_name_is_read() -> None:
    net = _aliases()
    plan = plan_memory(portable(net))
    assert {plan.buffer_of[name] for name in ("flat", "wide", "again")} == {"l0"}
    assert len({plan.offset(name) for name in ("l0", "flat", "wide", "again")}) == 1
    names = [layer.name for layer in net.layers]
    buffer = next(buffer for buffer in plan.buffers if buffer.name == "l0")
    assert (buffer.first, buffer.last) == (0, names.index("l5"))
    _simulate(net, plan)
    check_everywhere((net,), seed=1)


@pytest.mark.parametrize("intruder", ["l1", "l3", "l4"])
def test_writing_over_an_alias_that_is_still_read_is_noticed(intruder: str) -> None:
    """The simulation above can fail: each layer that comes between, put onto the chain's bytes."""
    net = _aliases()
    plan = plan_memory(portable(net))
    index = next(i for i, buffer in enumerate(plan.buffers) if buffer.name == intruder)
    moved = dataclasses.replace(plan.buffers[index], offset_bytes=plan.offset("l0"))
    with pytest.raises(AssertionError):
        _simulate(net, _with_buffer(plan, index, moved))


@pytest.mark.parametrize("make", [conv_head, depthwise_all])
def test_buffers_are_reused(make: Any) -> None:  # noqa: ANN401
    """An arena of all buffers side by side would do, and would be a waste."""
    plan = plan_memory(portable(make()))
    assert plan.arena_bytes < sum(buffer.size_bytes for buffer in plan.buffers)
    assert plan == plan_memory(portable(make()))


def _with_buffer(plan: MemoryPlan, index: int, buffer: Any) -> MemoryPlan:  # noqa: ANN401
    buffers = (*plan.buffers[:index], buffer, *plan.buffers[index + 1 :])
    return dataclasses.replace(plan, buffers=buffers)


def _with_overlap(plan: MemoryPlan) -> tuple[int, Buffer]:
    """A buffer that lies in the place of another, and its index."""
    return next((i, b) for i, b in enumerate(plan.buffers) if plan.in_place_of(b))


@pytest.mark.parametrize(
    "change",
    [
        {"may_overwrite": ()},  # the operator does not bear it
        {"first": 1},  # its layer is not the last that reads the other
        {"size_bytes": 117},  # larger than what it lies in
    ],
)
def test_the_one_overlap_that_may_be_is_refused_otherwise(change: Any) -> None:  # noqa: ANN401
    plan = plan_memory(portable(conv_head()))
    index, buffer = _with_overlap(plan)
    assert (buffer.name, plan.in_place_of(buffer)) == ("sum", "conv1")
    with pytest.raises(GateBreach, match="overlaps"):
        check_plan(_with_buffer(plan, index, dataclasses.replace(buffer, **change)))


@pytest.mark.parametrize("shift", [-16, 16])
def test_in_place_means_at_the_same_offset(shift: int) -> None:
    plan = plan_memory(portable(conv_head()))
    index, buffer = _with_overlap(plan)
    moved = dataclasses.replace(buffer, offset_bytes=buffer.offset_bytes + shift)
    with pytest.raises(GateBreach, match="overlaps sum while both live"):
        check_plan(_with_buffer(plan, index, moved))


def test_what_is_read_later_is_not_overwritten() -> None:
    """`l3` is the last to read l2, not l0; `l5` is the last to read both of its inputs."""
    wanted = {"l3": ("l2",), "l5": ("l4", "l0")}
    buffers = {buffer.name: buffer for buffer in plan_memory(portable(_aliases())).buffers}
    for name, names in wanted.items():
        assert buffers[name].may_overwrite == names


def test_nothing_runs_in_place_of_an_input_or_an_output() -> None:
    layers: list[Json] = [
        {"name": "l0", "op": "lookup", "inputs": ["given"], "function": ["tanh", ["x"]]},
        {"name": "l1", "op": "lookup", "inputs": ["l0"], "function": ["tanh", ["x"]]},
        {"name": "l2", "op": "lookup", "inputs": ["l1"], "function": ["tanh", ["x"]]},
    ]
    given_inputs = [{"name": "given", "shape": [5, 7]}]
    data = {"name": "row", "inputs": given_inputs, "layers": layers, "outputs": ["l0", "l2"]}
    net = quant_net(Architecture.from_json(data))
    for inputs_in_arena in (False, True):
        plan = plan_memory(with_inputs(net, inside=inputs_in_arena))
        may = {buffer.name: buffer.may_overwrite for buffer in plan.buffers}
        assert (may["l0"], may["l1"], may["l2"]) == ((), (), ("l1",))


@settings(max_examples=30)
@given(graphs())
def test_the_image_may_lie_in_the_arena(arch: Architecture) -> None:
    """It lives until its last reader, and nothing is written over it before."""
    net = quant_net(arch)
    plan = plan_memory(with_inputs(net, inside=True))
    image = next(buffer for buffer in plan.buffers if buffer.name == IMAGE)
    readers = [step for step, layer in enumerate(net.layers) if IMAGE in layer.inputs]
    assert (image.first, image.last) == (0, max(readers))
    assert image.size_bytes == arch.image.size_bytes
    assert plan.offset(IMAGE) == image.offset_bytes
    check_plan(plan)
    index = plan.buffers.index(image)
    first = next(buffer for buffer in plan.buffers if buffer.name == net.layers[0].name)
    with pytest.raises(GateBreach, match="overlaps"):
        check_plan(
            _with_buffer(plan, index, dataclasses.replace(image, offset_bytes=first.offset_bytes))
        )


def test_the_inputs_are_outside_unless_they_are_asked_for() -> None:
    net = two_inputs()
    outside, inside = plan_memory(portable(net)), plan_memory(with_inputs(net, inside=True))
    assert not {"picture", "motion"} & {buffer.name for buffer in outside.buffers}
    assert {"picture", "motion"} <= {buffer.name for buffer in inside.buffers}
    sizes = {buffer.name: buffer.size_bytes for buffer in inside.buffers}
    assert (sizes["picture"], sizes["motion"]) == (60, 7)
    assert inside.offset("motion") != inside.offset("picture")


def with_inputs(net: QuantNet, *, inside: bool) -> ScheduledNet:
    return dataclasses.replace(portable(net), inputs_in_arena=inside)
