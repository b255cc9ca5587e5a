"""Part of lowering: the calls that compute rows of streamed layers, and when they can be made."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.nets import IMAGE
from codegen.ops.base import QuantLayer
from codegen.plan import MemoryPlan
from codegen.scheduled_net import ScheduledNet
from codegen.streaming import Slide, Stream, row_window


@dataclass(frozen=True, kw_only=True)
class Ready:
    """An input has the rows that row y needs: rows[count] >= y * stride + reach."""

    count: int
    stride: int
    reach: int


@dataclass(frozen=True, kw_only=True)
class Advance:
    """One more row of a streamed tensor.

    Attributes:
        name: the layer, or the input.
        index: number of the layer; the number of all layers for the input.
        count: which counter of rows is its own.
        ready: what a row of the layer waits for.
        top: rows of padding before the first one.
        last: count behind the last row of the tensor.
        end: count behind the padding below.
        offset_bytes: where the tensor lies in the arena.
        row_bytes: size of a row.
        slid_bytes: what moves one row up when a row comes; 0: it has one row, or all.
        newest_bytes: where the newest row lies in it; of the boundary row 0 does.
        is_whole: whether row y simply lies at y.
        padding: two padding values as one int16.
    """

    name: str
    index: int
    count: int
    ready: tuple[Ready, ...]
    top: int
    last: int
    end: int
    offset_bytes: int
    row_bytes: int
    slid_bytes: int
    newest_bytes: int
    is_whole: bool
    padding: int


def advances(scheduled: ScheduledNet, plan: MemoryPlan) -> tuple[Advance, ...]:
    """Of each streamed layer and of the input, the deepest first; none if nothing is streamed."""
    stream = scheduled.stream
    if stream is None:
        return ()
    layers = [layer for layer in scheduled.net.layers if layer.name in stream.layers]
    found = [_advance(stream, plan, layer, number) for number, layer in enumerate(layers)]
    source = _advance_of(
        stream.slides[stream.source],
        name=stream.source,
        index=len(scheduled.net.layers),
        count=0,
        ready=(),
        offset_bytes=plan.offset_of(stream.source),
        is_whole=False,
    )
    return (*reversed(found), source)


def row_pointers(scheduled: ScheduledNet, layer: QuantLayer) -> tuple[str, ...]:
    """C expressions: where the window of row y begins in each input, and where the row goes."""
    stream = scheduled.stream
    assert stream is not None
    upper = scheduled.net.arch.prefix.upper()
    window = row_window(layer.op)
    pointers = []
    for name in layer.inputs:
        slide = stream.slides[name]
        # the newest of rows[n] rows is the last one kept
        ahead = slide.top - window.top + slide.rows
        row = _sum(_product("y", window.stride), ahead)
        place = f"(({row}) - rows[{_count(stream, name)}]) * {slide.row_bytes}u"
        pointers.append(_view(name, f"{upper}_AT_{name.upper()} + ({place})"))
    slide = stream.slides[layer.name]
    place = f"{upper}_AT_{layer.name.upper()}"
    if layer.name == stream.boundary:
        place += f" + (y * {slide.row_bytes}u)"
    elif slide.rows > 1:
        place += f" + {(slide.rows - 1) * slide.row_bytes}u"
    return (*pointers, f"hv_at_int8(arena, {place})")


def _view(name: str, place: str) -> str:
    return f"&arena[{place}]" if name == IMAGE else f"hv_at_int8(arena, {place})"


def _product(variable: str, factor: int) -> str:
    return variable if factor == 1 else f"({variable} * {factor}u)"


def _sum(term: str, number: int) -> str:
    return f"{term} + {number}u" if number else term


def _count(stream: Stream, name: str) -> int:
    return 0 if name == stream.source else 1 + stream.layers.index(name)


def _advance(stream: Stream, plan: MemoryPlan, layer: QuantLayer, number: int) -> Advance:
    window = row_window(layer.op)
    return _advance_of(
        stream.slides[layer.name],
        name=layer.name,
        index=number,
        count=1 + number,
        ready=tuple(
            Ready(
                count=_count(stream, name),
                stride=window.stride,
                reach=window.height - window.top + stream.slides[name].top,
            )
            for name in dict.fromkeys(layer.inputs)
        ),
        offset_bytes=plan.offset_of(layer.name),
        is_whole=layer.name == stream.boundary,
    )


def _advance_of(
    slide: Slide,
    *,
    name: str,
    index: int,
    count: int,
    ready: tuple[Ready, ...],
    offset_bytes: int,
    is_whole: bool,
) -> Advance:
    kept = 0 if is_whole else (slide.rows - 1) * slide.row_bytes
    return Advance(
        name=name,
        index=index,
        count=count,
        ready=ready,
        top=slide.top,
        last=slide.top + slide.height,
        end=slide.end,
        offset_bytes=offset_bytes,
        row_bytes=slide.row_bytes,
        slid_bytes=kept,
        newest_bytes=kept,
        is_whole=is_whole,
        padding=slide.pad_value * 256 + slide.pad_value % 256,
    )
