"""pad: room around a tensor: a constant, the edge repeated, or the inside mirrored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from array_api_compat import array_namespace, device

from codegen.arith import Array, quantise_real
from codegen.errors import HvError
from codegen.ops.base import (
    KernelContext,
    Quantised,
    QuantiseRequest,
    QuantityKeeper,
    QuantLayer,
    Shape,
    shape_text,
)
from codegen.ops.gather import take
from codegen.ops.loops import (
    Local,
    Loop,
    Term,
    index_text,
    loop_variable,
    row_major,
    strides,
)

if TYPE_CHECKING:
    import torch

Mode = Literal["constant", "reflect", "edge"]
_FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True, kw_only=True)
class PadContext(KernelContext):
    """Holes of pad.c.j2."""

    input_elements: int
    output_elements: int
    loops: tuple[Loop, ...]
    inside: str  # condition under which the input is read; empty: always
    fill: int  # what is written elsewhere
    source: str  # index of the input
    target: str  # index of the output


@dataclass(frozen=True, kw_only=True)
class Margin:
    """An axis and what is put around it.

    Attributes:
        extent: elements of the input.
        before: elements put in front.
        after: elements put behind.
    """

    extent: int
    before: int
    after: int

    @property
    def total(self) -> int:
        """Elements of the output."""
        return self.before + self.extent + self.after

    @property
    def is_padded(self) -> bool:
        """Whether anything is put anywhere."""
        return self.total != self.extent


@dataclass(frozen=True, kw_only=True)
class Pad(QuantityKeeper):
    """`before` and `after` along each axis in the house's order; `value` is a real number."""

    kind: ClassVar[str] = "pad"

    before: Shape
    after: Shape
    mode: Mode
    value: float = 0.0

    def __post_init__(self) -> None:
        """One entry per axis; a value belongs to a constant."""
        if not len(self.before) == len(self.after) > 0 or min(*self.before, *self.after) < 0:
            raise HvError(
                f"pad needs before and after for every axis, none negative, got {self.before} "
                f"and {self.after}"
            )
        if self.mode not in ("constant", "reflect", "edge"):
            raise HvError(f"unknown mode {self.mode!r}", hint="one of constant, reflect, edge")
        if type(self.value) not in (int, float) or not abs(self.value) <= _FLOAT32_MAX:
            raise HvError(f"pad with {self.value!r}: no number of float32")
        if self.value and self.mode != "constant":
            raise HvError(f"a value belongs to mode constant, not to {self.mode}")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Everything put together."""
        if len(inputs[0]) != len(self.before):
            raise HvError(f"pad of {len(self.before)} axes cannot take shape {inputs[0]}")
        margins = self.margins(inputs[0])
        if self.mode == "reflect" and any(max(m.before, m.after) >= m.extent for m in margins):
            raise HvError(
                f"pad cannot mirror {self.before} and {self.after} elements of {inputs[0]}",
                hint="fewer than the axis has: the edge itself is not repeated",
            )
        return tuple(margin.total for margin in margins)

    def margins(self, shape: Shape) -> tuple[Margin, ...]:
        """The axes of an input of this shape."""
        return tuple(
            Margin(extent=extent, before=before, after=after)
            for extent, before, after in zip(shape, self.before, self.after, strict=True)
        )

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, *shape] -> [N, *padded]."""
        padded: torch.Tensor = self._padded(inputs[0], self.value)
        return padded

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The same integers, and the integer of the constant."""
        quantity = request.input_quantities[0]
        fill = quantise_real(self.value, quantity.scale, quantity.zero_point)
        constants = {"fill": fill} if self.mode == "constant" else {}
        return Quantised(quantity=quantity, constants=constants, tensors={})

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers, surrounded."""
        return self._padded(inputs[0], layer.constants.get("fill", 0))

    def kernel_context(self, layer: QuantLayer, function: str) -> PadContext:
        """See templates/kernels/pad.c.j2."""
        margins = _collapse(self.margins(layer.input_shapes[0]))
        loops = tuple(_loop(self.mode, number, margin) for number, margin in enumerate(margins))
        variables = [loop.locals[-1].name if loop.locals else loop.variable for loop in loops]
        steps = strides(tuple(margin.extent for margin in margins))
        is_constant = self.mode == "constant"
        return PadContext(
            layer=layer.name,
            function=function,
            summary=f"pad, {self.mode}{f' {self.value:g}' if is_constant else ''}, "
            f"{shape_text(layer.input_shapes[0])} -> {shape_text(layer.output_shape)}",
            input_elements=math.prod(layer.input_shapes[0]),
            output_elements=math.prod(layer.output_shape),
            loops=loops,
            inside=_inside(variables, margins) if is_constant else "",
            fill=layer.constants.get("fill", 0),
            source=index_text(
                [Term(variable=v, factor=step) for v, step in zip(variables, steps, strict=True)]
            ),
            target=index_text(row_major(loops)),
        )

    def _padded(self, x: Array, fill: float) -> Array:
        """Every axis gathered; for a constant, what came from outside is replaced."""
        xp = array_namespace(x)
        margins = self.margins(tuple(x.shape[1:]))
        for axis, margin in enumerate(margins):
            x = take(x, [_source(self.mode, margin, i) for i in range(margin.total)], axis)
        if self.mode != "constant":
            return x
        inside = xp.ones((1,) * x.ndim, dtype=xp.bool, device=device(x))
        for axis, margin in enumerate(margins):
            flags = [0 <= i - margin.before < margin.extent for i in range(margin.total)]
            along = [-1 if other == axis + 1 else 1 for other in range(x.ndim)]
            flags = xp.reshape(xp.asarray(flags, device=device(x)), tuple(along))
            inside = xp.logical_and(inside, flags)
        return xp.where(inside, x, xp.asarray(fill, dtype=x.dtype, device=device(x)))


def _source(mode: Mode, margin: Margin, index: int) -> int:
    """Where an index of the output reads, as the kernel does it; inside in every mode."""
    last = margin.extent - 1
    offset = index - margin.before
    if mode == "reflect":
        offset = abs(offset)
        return offset if offset <= last else 2 * last - offset
    return min(max(offset, 0), last)


def _collapse(margins: tuple[Margin, ...]) -> tuple[Margin, ...]:
    """Neighbours without padding become one axis; an axis of one element goes."""
    merged: list[Margin] = []
    for margin in margins:
        if margin.total == 1:
            continue
        if merged and not margin.is_padded and not merged[-1].is_padded:
            extent = merged.pop().extent * margin.extent
            merged.append(Margin(extent=extent, before=0, after=0))
        else:
            merged.append(margin)
    return tuple(merged)


def _loop(mode: Mode, number: int, margin: Margin) -> Loop:
    """A loop over the output; its last local, if it has any, is the index of the input."""
    index = variable = loop_variable(number)
    steps = _steps(mode, margin)
    found = []
    for name, step in zip((*("off", "near")[: len(steps) - 1], "from"), steps, strict=False):
        found.append(Local(name=f"{name}_{variable}", expression=step.format(i=index)))
        index = found[-1].name
    return Loop(variable=variable, extent=margin.total, locals=tuple(found))


def _steps(mode: Mode, margin: Margin) -> list[str]:
    """From an index of the output to one of the input; {i} is what the step before made."""
    last = margin.extent - 1
    folds = mode != "constant"
    mirrors = mode == "reflect"
    steps = []
    if margin.before:
        steps.append(f"{{i}} - {margin.before}")
    if margin.before and folds:
        steps.append(f"({{i}} < 0) ? {'-{i}' if mirrors else '0'} : {{i}}")
    if margin.after and folds:
        behind = f"({2 * last} - {{i}})" if mirrors else str(last)
        steps.append(f"({{i}} < {margin.extent}) ? {{i}} : {behind}")
    return steps


def _inside(variables: list[str], margins: tuple[Margin, ...]) -> str:
    conditions = []
    for variable, margin in zip(variables, margins, strict=True):
        if margin.before:
            conditions.append(f"{variable} >= 0")
        if margin.after:
            conditions.append(f"{variable} < {margin.extent}")
    if len(conditions) < 2:
        return "".join(conditions)
    return " && ".join(f"({condition})" for condition in conditions)
