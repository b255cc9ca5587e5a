"""The picture itself: every name can be read, whatever the network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from codegen.cli.profile_plot import make_figure, styled
from codegen.cli.profiling import Measured
from codegen.plan import SCRATCH, Buffer, MemoryPlan
from host_tools.cycles.estimate import Cycles
from host_tools.profile import Cost, Flash, LayerCost, Profile, Ram


@pytest.fixture(autouse=True)
def _in_our_style() -> Iterator[None]:
    with styled():
        yield


KINDS = ("conv2d", "depthwise", "pointwise", "add", "dense")


def _cost(index: int, *, estimated: bool) -> Cost:
    cycles = Cycles(zero_wait=1500.0 * index**2 + 9, pessimistic=5000.0 * index**2)
    return Cost(
        macs=1000 * index, instructions=1000 * index**2 + 7, cycles=cycles if estimated else None
    )


def _measured(layers: int, name: str, *, estimated: bool = True) -> Measured:
    """A made-up network whose tensors lie in turns above and below."""
    names = [f"{name}{index}" for index in range(layers)]
    sizes = [4096 >> (index * 8 // layers) for index in range(layers)]
    buffers = [
        Buffer(
            name=name,
            size_bytes=size,
            first=index,
            last=index + 1,
            offset_bytes=0 if index % 2 else 6144,
        )
        for index, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    scratch = Buffer(name=names[0] + SCRATCH, size_bytes=1500, first=0, last=0, offset_bytes=4096)
    ram = Ram(arena=10240, input=3000, static=0, stack=200, stack_used=180, output=16)
    costs = [
        LayerCost(name=name, op=KINDS[index % 5], cost=_cost(index, estimated=estimated))
        for index, name in enumerate(names)
    ]
    return Measured(
        kernels="balanced",
        target="cortex-m4",
        board="a board",
        emulator="qemu",
        compiler="gcc",
        profile=Profile(
            core=None,
            layers=tuple(costs),
            dispatch=_cost(0, estimated=estimated),
            total=_cost(layers, estimated=estimated),
            ram=ram,
            flash=Flash(code=1, weights=2, tables=3),
        ),
        plan=MemoryPlan(
            arena_bytes=10240, buffers=(*buffers, scratch), buffer_of={n: n for n in names}
        ),
    )


def _texts(figure: Figure) -> list[Text]:
    """All that is drawn; an axis keeps marks outside of its limits, too."""
    hidden = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    found = (text for text in figure.findobj(Text) if isinstance(text, Text))
    return [t for t in found if t.get_visible() and t.get_text() and t not in hidden]


@pytest.mark.parametrize("estimated", [True, False])
@pytest.mark.parametrize(
    ("layers", "name"), [(1, "only"), (4, "conv"), (12, "conv"), (40, "a_rather_long_name_")]
)
def test_no_text_lies_on_another_or_outside(layers: int, name: str, estimated: bool) -> None:
    figure = make_figure(_measured(layers, name, estimated=estimated), "a network")
    FigureCanvasAgg(figure).draw()
    boxes = {text: text.get_window_extent() for text in _texts(figure)}
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())
    frame = figure.bbox.padded(1)
    for text, box in boxes.items():
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text.get_text()
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1, text.get_text()


def test_what_the_picture_says() -> None:
    figure = make_figure(_measured(4, "conv"), "a network")
    said = {text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)}
    assert "a network on cortex-m4" in said
    assert "Cycles at zero wait states, 24,009 in all" in said
    assert "Memory: arena 10,240 bytes; above it the caller's input, 3,000" in said
    assert {"conv0", "conv3", "conv0 scratch", "input", "scratch", "1,509"} <= said


def test_without_an_estimate_the_picture_shows_instructions() -> None:
    figure = make_figure(_measured(4, "conv", estimated=False), "a network")
    said = {text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)}
    assert "Instructions, 16,007 in all" in said
    assert "Instructions for each MAC" in said
