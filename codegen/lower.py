"""One step: a network and its memory plan become a program, every fact of the C computed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from codegen.layout import Layout, abi_hash, person_layout, shared_layout
from codegen.nets import IMAGE, Architecture, QuantNet
from codegen.ops.base import KernelContext, QuantLayer, Shape
from codegen.ops.mac import MacOp
from codegen.plan import ALIGNMENT_BYTES, MemoryPlan
from codegen.targets import Target


@dataclass(frozen=True, kw_only=True)
class Step:
    """One layer of the program.

    Attributes:
        index: its number, as hv_<arch>_layer() takes it.
        name: the layer's name.
        kind: the operator.
        inputs: names of what it reads.
        function: the C function, or None for an alias.
        arguments: the C expressions of the call.
        offset_name: the macro that holds the output's offset.
        offset_bytes: where its output lies in the arena.
        size_bytes: size of its output.
        shape: shape of its output.
        dtype: element type of its output.
        macs: multiply-accumulates.
        context: what its kernel's template sees.
    """

    index: int
    name: str
    kind: str
    inputs: tuple[str, ...]
    function: str | None
    arguments: tuple[str, ...]
    offset_name: str
    offset_bytes: int
    size_bytes: int
    shape: Shape
    dtype: str
    macs: int
    context: KernelContext


@dataclass(frozen=True, kw_only=True)
class ScratchArea:
    """A layer's working memory in the arena."""

    offset_name: str
    offset_bytes: int
    size_bytes: int
    layer: str


@dataclass(frozen=True, kw_only=True)
class Program:
    """Everything the kernel's C is rendered from; nothing in it depends on the person."""

    architecture: Architecture
    target: Target
    prefix: str
    upper: str
    abi: bytes
    steps: tuple[Step, ...]
    scratch: tuple[ScratchArea, ...]
    plan: MemoryPlan
    alignment_bytes: int
    person: Layout
    shared: Layout
    macs: int


def lower(net: QuantNet, plan: MemoryPlan, target: Target) -> Program:
    """Computes names, offsets, calls and kernel contexts."""
    prefix = net.arch.prefix
    upper = prefix.upper()
    return Program(
        architecture=net.arch,
        target=target,
        prefix=prefix,
        upper=upper,
        abi=abi_hash(net),
        steps=tuple(_step(net, plan, index, layer) for index, layer in enumerate(net.layers)),
        scratch=tuple(
            ScratchArea(
                offset_name=_scratch_name(upper, layer.name),
                offset_bytes=plan.scratch_offset(layer.name),
                size_bytes=layer.op.scratch_bytes(layer.input_shapes),
                layer=layer.name,
            )
            for layer in net.layers
            if layer.op.scratch_bytes(layer.input_shapes)
        ),
        plan=plan,
        alignment_bytes=ALIGNMENT_BYTES,
        person=person_layout(net),
        shared=shared_layout(net),
        macs=net.arch.macs(),
    )


def _step(net: QuantNet, plan: MemoryPlan, index: int, layer: QuantLayer) -> Step:
    prefix = net.arch.prefix
    function = f"{prefix}_{layer.name}"
    element_bytes = 1 if layer.op.output_dtype == "int8" else 4
    context = layer.op.kernel_context(layer, function)
    return Step(
        index=index,
        name=layer.name,
        kind=layer.op.kind,
        inputs=layer.inputs,
        function=None if layer.op.is_alias else function,
        arguments=() if layer.op.is_alias else _arguments(net, layer),
        offset_name=_offset_name(prefix.upper(), layer.name),
        offset_bytes=plan.offset(layer.name),
        size_bytes=int(np.prod(layer.output_shape)) * element_bytes,
        shape=layer.output_shape,
        dtype=layer.op.output_dtype,
        macs=layer.op.macs(layer.input_shapes),
        context=dataclasses.replace(context, note=_note(net, layer)),
    )


def _arguments(net: QuantNet, layer: QuantLayer) -> tuple[str, ...]:
    """Inputs, output, scratch, tensors: the order every kernel's parameters have."""
    prefix = net.arch.prefix
    arguments = [_pointer(net, name) for name in layer.inputs]
    arguments.append(_pointer(net, layer.name))
    if layer.op.scratch_bytes(layer.input_shapes):
        arguments.append(f"hv_at_int16(arena, {_scratch_name(prefix.upper(), layer.name)})")
    for tensor in layer.tensors:
        personal = net.arch.is_personal(f"{layer.name}.{tensor}")
        owner = "person->" if personal else f"{prefix}_shared."
        arguments.append(f"{owner}{layer.name}_{tensor}")
    return tuple(arguments)


def _pointer(net: QuantNet, name: str) -> str:
    if name == IMAGE:
        return IMAGE
    op = next(layer.op for layer in net.layers if layer.name == name)
    view = "result" if op.is_decision else op.output_dtype
    return f"hv_at_{view}(arena, {_offset_name(net.arch.prefix.upper(), name)})"


def _note(net: QuantNet, layer: QuantLayer) -> str:
    """What is proved about the layer's arithmetic."""
    if not isinstance(layer.op, MacOp):
        return "No intermediate value can leave its type, whatever the image."
    if any(net.arch.is_personal(f"{layer.name}.{name}") for name in layer.tensors):
        return "|acc| < 2^31 for every image: proved for each person when the weights are emitted."
    bound = int(layer.op.accumulator_bounds(layer).max())
    return f"|acc| <= {bound} for every image, from these weights."


def _offset_name(upper: str, layer: str) -> str:
    return f"{upper}_AT_{layer.upper()}"


def _scratch_name(upper: str, layer: str) -> str:
    return f"{upper}_AT_{layer.upper()}_SCRATCH"
