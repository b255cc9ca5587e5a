"""One step: a network and its memory plan become a program, every fact of the C computed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from codegen.kernels.dsp import DSP_FRAMES, DSP_HEADERS, DSP_SOURCES
from codegen.layout import Layout, abi_hash, person_layout, shared_layout
from codegen.lifetimes import ROWS, row_counters
from codegen.lower_rows import Advance, advances, row_pointers
from codegen.nets import IMAGE, Architecture, QuantNet
from codegen.ops.base import KernelContext, Quantity, QuantLayer, Shape, element_bytes
from codegen.ops.mac import MacOp
from codegen.packing import member_offsets, packed_bytes
from codegen.plan import ALIGNMENT_BYTES, MemoryPlan
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target

RESULT_BYTES = 12  # hv_result_t: score, norm_squared, accepted


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
        kept_bytes: how much of it the arena holds at once: all, or the rows of a streamed layer.
        shape: shape of its output.
        dtype: element type of its output.
        macs: multiply-accumulates.
        context: what its kernel's templates see.
        kernel: what computes it, in words.
        template: its kernel's C.
        assembly: its kernel's assembly, or None.
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
    kept_bytes: int
    shape: Shape
    dtype: str
    macs: int
    context: KernelContext
    kernel: str
    template: str
    assembly: str | None


@dataclass(frozen=True, kw_only=True)
class ScratchArea:
    """A layer's working memory in the arena."""

    offset_name: str
    offset_bytes: int
    size_bytes: int
    layer: str


@dataclass(frozen=True, kw_only=True)
class Port:
    """A tensor that the caller of a network gives or gets: a member of a struct.

    Attributes:
        name: the member's name, that of the input or of the layer.
        shape: without a batch.
        dtype: int8 or int32.
        quantity: what its integers stand for.
        offset_bytes: where it lies in the struct.
        size_bytes: its size.
        offset_name: of an output, the macro of its place in the arena; "" for an input.
    """

    name: str
    shape: Shape
    dtype: str
    quantity: Quantity
    offset_bytes: int
    size_bytes: int
    offset_name: str = ""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Program:
    """Everything the kernel's C is rendered from; nothing in it depends on the person.

    `inputs` and `outputs` are empty for a verifier: it is given an image and gives a verdict.
    """

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
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    input_bytes: int  # what the caller gives for one sample
    input_at: int | None  # where the arena has room for it; None: nowhere
    output_bytes: int  # what the caller gets
    headers: tuple[str, ...]  # of firmware/runtime, that some kernels need
    sources: tuple[str, ...]  # likewise
    frames: Mapping[str, int]  # stack of each function in assembly, bytes
    rows_at: int | None  # where the arena counts rows; None: the input does not come in rows
    input_rows: int
    input_row_bytes: int
    advances: tuple[Advance, ...]  # of the streamed layers and the input, the deepest first

    @property
    def repeat_from(self) -> int:
        """The first layer that is a person's, if it and those behind it leave what they read.

        Then the next person on the same image needs these layers alone. 0: the whole network.
        """
        personal = {member.tensor.rpartition(".")[0] for member in self.person.members}
        first = min((step.index for step in self.steps if step.name in personal), default=0)
        tail = self.steps[first:]
        shared = {step.name: step for step in self.steps[:first]}
        read = {name for step in tail for name in step.inputs if name not in _names(tail)}
        if first < max(self.streamed, 1) or not read <= shared.keys():
            return 0
        names = _names(tail)
        written = [_area(step) for step in tail if step.function is not None]
        written += [_area(area) for area in self.scratch if area.layer in names]
        kept = [_area(shared[name]) for name in read]
        return 0 if any(_overlap(one, other) for one in written for other in kept) else first

    @property
    def streamed(self) -> int:
        """How many layers, the first ones, are computed row by row."""
        return max(len(self.advances) - 1, 0)

    @property
    def input_bytes_outside(self) -> int:
        """What the caller gives and the arena has no room for: a row, or everything."""
        if self.streamed:
            return self.input_row_bytes
        return self.input_bytes if self.input_at is None else 0

    @property
    def assembly(self) -> str | None:
        """Name of the file of the kernels' assembly, if there is any."""
        has_any = any(step.assembly for step in self.steps)
        return f"{self.prefix}_kernels.S" if has_any else None


def _names(steps: Iterable[Step]) -> set[str]:
    return {step.name for step in steps}


def _area(what: Step | ScratchArea) -> range:
    """Where it lies in the arena."""
    return range(what.offset_bytes, what.offset_bytes + what.size_bytes)


def _overlap(one: range, other: range) -> bool:
    return max(one.start, other.start) < min(one.stop, other.stop)


def lower(scheduled: ScheduledNet, plan: MemoryPlan) -> Program:
    """Computes names, offsets, calls and kernel contexts."""
    net = scheduled.net
    prefix = net.arch.prefix
    upper = prefix.upper()
    outputs = _output_ports(net)
    return Program(
        architecture=net.arch,
        target=scheduled.target,
        prefix=prefix,
        upper=upper,
        abi=abi_hash(scheduled),
        steps=tuple(_step(scheduled, plan, index, layer) for index, layer in enumerate(net.layers)),
        scratch=tuple(
            ScratchArea(
                offset_name=_scratch_name(upper, layer.name),
                offset_bytes=plan.scratch_offset(layer.name),
                size_bytes=scheduled.scratch_bytes(layer),
                layer=layer.name,
            )
            for layer in net.layers
            if scheduled.scratch_bytes(layer)
        ),
        plan=plan,
        alignment_bytes=ALIGNMENT_BYTES,
        person=person_layout(scheduled),
        shared=shared_layout(scheduled),
        macs=net.arch.macs(),
        inputs=_input_ports(net),
        outputs=outputs,
        rows_at=plan.offset_of(ROWS) if row_counters(scheduled) else None,
        input_rows=net.arch.inputs[0].shape[0],
        input_row_bytes=net.arch.inputs[0].size_bytes // net.arch.inputs[0].shape[0],
        advances=advances(scheduled, plan),
        input_bytes=packed_bytes(net.arch),
        input_at=plan.offset(net.arch.inputs[0].name)
        if scheduled.inputs_in_arena and not scheduled.stream
        else None,
        output_bytes=member_offsets([port.size_bytes for port in outputs])[1] or RESULT_BYTES,
        headers=_united(
            [*(scheduled.kernel(layer).headers for layer in net.layers), _stream_headers(scheduled)]
        ),
        sources=_united(
            [*(scheduled.kernel(layer).sources for layer in net.layers), _stream_sources(scheduled)]
        ),
        frames=_library_frames(scheduled)
        | {
            f"{prefix}_{layer.name}_{name}": size_bytes
            for layer in net.layers
            for name, size_bytes in scheduled.kernel(layer)
            .frames(scheduled.computed(layer))
            .items()
        },
    )


def _stream_headers(scheduled: ScheduledNet) -> tuple[str, ...]:
    return DSP_HEADERS if scheduled.stream else ()


def _stream_sources(scheduled: ScheduledNet) -> tuple[str, ...]:
    return DSP_SOURCES if scheduled.stream else ()


def _library_frames(scheduled: ScheduledNet) -> dict[str, int]:
    own = dict(DSP_FRAMES) if scheduled.stream else {}
    return own | {
        name: size_bytes
        for layer in scheduled.net.layers
        for name, size_bytes in scheduled.kernel(layer).library_frames.items()
    }


def _united(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _input_ports(net: QuantNet) -> tuple[Port, ...]:
    if net.arch.is_verifier:
        return ()
    offsets, _ = member_offsets([given.size_bytes for given in net.arch.inputs])
    return tuple(
        Port(
            name=given.name,
            shape=given.shape,
            dtype="int8",
            quantity=net.input_quantities[given.name],
            offset_bytes=offset,
            size_bytes=given.size_bytes,
        )
        for given, offset in zip(net.arch.inputs, offsets, strict=True)
    )


def _output_ports(net: QuantNet) -> tuple[Port, ...]:
    if net.arch.is_verifier:
        return ()
    by_name = {layer.name: layer for layer in net.layers}
    layers = [by_name[name] for name in net.arch.outputs]
    sizes = [_output_bytes(layer) for layer in layers]
    offsets, _ = member_offsets(sizes)
    return tuple(
        Port(
            name=layer.name,
            shape=layer.output_shape,
            dtype=layer.op.output_dtype,
            quantity=layer.quantity,
            offset_bytes=offset,
            size_bytes=size,
            offset_name=_offset_name(net.arch.prefix.upper(), layer.name),
        )
        for layer, size, offset in zip(layers, sizes, offsets, strict=True)
    )


def _output_bytes(layer: QuantLayer) -> int:
    return math.prod(layer.output_shape) * element_bytes(layer.op.output_dtype)


def _step(scheduled: ScheduledNet, plan: MemoryPlan, index: int, layer: QuantLayer) -> Step:
    net, kernel, stream = scheduled.net, scheduled.kernel(layer), scheduled.stream
    computed = scheduled.computed(layer)
    prefix = net.arch.prefix
    function = f"{prefix}_{layer.name}"
    context = kernel.context(computed, function)
    return Step(
        index=index,
        name=layer.name,
        kind=layer.op.kind,
        inputs=layer.inputs,
        function=None if layer.op.is_alias else function,
        arguments=() if layer.op.is_alias else _arguments(scheduled, layer),
        offset_name=_offset_name(prefix.upper(), layer.name),
        offset_bytes=plan.offset(layer.name),
        size_bytes=_output_bytes(layer),
        kept_bytes=stream.slides[layer.name].size_bytes
        if stream and layer.name in stream.slides
        else _output_bytes(layer),
        shape=layer.output_shape,
        dtype=layer.op.output_dtype,
        macs=layer.op.macs(layer.input_shapes),
        context=dataclasses.replace(context, note=_note(net, layer)),
        kernel=kernel.describe(),
        template=kernel.template(computed),
        assembly=kernel.assembly(computed),
    )


def _arguments(scheduled: ScheduledNet, layer: QuantLayer) -> tuple[str, ...]:
    """Inputs, output, scratch, tensors: the order every kernel's parameters have."""
    net, kernel = scheduled.net, scheduled.kernel(layer)
    prefix = net.arch.prefix
    if scheduled.is_streamed(layer.name):
        arguments = list(row_pointers(scheduled, layer))
    else:
        arguments = [_pointer(net, name) for name in (*layer.inputs, layer.name)]
    if scheduled.scratch_bytes(layer):
        view = f"hv_at_{kernel.scratch_view}"
        arguments.append(f"{view}(arena, {_scratch_name(prefix.upper(), layer.name)})")
    for tensor in kernel.stored_specs(scheduled.computed(layer)):
        personal = scheduled.is_personal(f"{layer.name}.{tensor}")
        owner = "person->" if personal else f"{prefix}_shared."
        arguments.append(f"{owner}{layer.name}_{tensor}")
    return tuple(arguments)


def _pointer(net: QuantNet, name: str) -> str:
    if name == IMAGE:
        return IMAGE
    if name in net.arch.input_names:
        return f"inputs->{name}"
    op = next(layer.op for layer in net.layers if layer.name == name)
    view = "result" if op.is_decision else op.output_dtype
    return f"hv_at_{view}(arena, {_offset_name(net.arch.prefix.upper(), name)})"


def _note(net: QuantNet, layer: QuantLayer) -> str:
    """What is proved about the layer's arithmetic."""
    given = "image" if net.arch.is_verifier else "input"
    if not isinstance(layer.op, MacOp):
        return f"No intermediate value can leave its type, whatever the {given}."
    if net.arch.is_personal_layer(layer.name):
        return "|acc| < 2^31 for every image: proved for each person when the weights are emitted."
    bound = int(layer.op.accumulator_bounds(layer).max())
    return f"|acc| <= {bound} for every {given}, from these weights."


def _offset_name(upper: str, layer: str) -> str:
    return f"{upper}_AT_{layer.upper()}"


def _scratch_name(upper: str, layer: str) -> str:
    return f"{upper}_AT_{layer.upper()}_SCRATCH"
