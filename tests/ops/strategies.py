"""Hypothesis strategies: shapes and geometries that the operators are tried with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from tests.ops.harness import ACTIVATIONS, Json, Shape3

Sources = tuple[str, ...]

# a few examples, and no search for a smaller one: each try costs a compilation
compiled = settings(max_examples=4, phases=(Phase.explicit, Phase.generate))

seeds = st.integers(0, 2**31)
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
activations = st.sampled_from(ACTIVATIONS)
sources = st.sampled_from(("image", "first"))


@st.composite
def windows(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401 - hypothesis' draw
    """Kernel, stride and padding that fit an image; every side padded on its own."""
    sides = [_side(draw, size) for size in shape[:2]]
    (kernel_y, stride_y, top, bottom), (kernel_x, stride_x, left, right) = sides
    return {
        "kernel": [kernel_y, kernel_x],
        "stride": [stride_y, stride_x],
        "padding": [top, left, bottom, right],
    }


@st.composite
def factorised(draw: Any, elements: int) -> tuple[int, ...]:  # noqa: ANN401
    """A shape of one to five axes with so many elements."""
    shape = [1] * draw(st.integers(1, 5))
    rest, factor = elements, 2
    while rest > 1:
        while rest % factor:
            factor += 1
        shape[draw(st.integers(0, len(shape) - 1))] *= factor
        rest //= factor
    return tuple(shape)


@st.composite
def slices(draw: Any, shape: tuple[int, ...]) -> Json:  # noqa: ANN401
    """start, size and step along every axis, forwards and backwards, never outside."""
    starts, sizes, steps = [], [], []
    for extent in shape:
        start = draw(st.integers(0, extent - 1))
        step = draw(st.sampled_from((1, 1, 2, 3, -1, -2, -4)))
        room = (extent - 1 - start if step > 0 else start) // abs(step)
        starts.append(start)
        sizes.append(draw(st.integers(1, room + 1)))
        steps.append(step)
    return {"start": starts, "size": sizes, "step": steps}


@st.composite
def pads(draw: Any, shape: tuple[int, ...]) -> Json:  # noqa: ANN401
    """Every mode; each side padded on its own, or not at all."""
    mode = draw(st.sampled_from(("constant", "reflect", "edge")))
    sides = [
        [draw(st.integers(0, min(3, extent - 1) if mode == "reflect" else 3)) for extent in shape]
        for _ in range(2)
    ]
    value = draw(st.sampled_from((0.0, -0.37, 1.5, 1e30, -1e30))) if mode == "constant" else 0.0
    return {"before": sides[0], "after": sides[1], "mode": mode, "value": value}


@st.composite
def resizes(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    """Rows and columns in any order, repeated or left out."""
    rows, columns = (
        draw(st.lists(st.integers(0, extent - 1), min_size=1, max_size=9)) for extent in shape[:2]
    )
    return {"rows": rows, "columns": columns}


def _side(draw: Any, size: int) -> tuple[int, int, int, int]:  # noqa: ANN401
    kernel = draw(st.integers(1, 5))
    before = draw(st.integers(0, kernel - 1))
    after = draw(st.integers(max(0, min(kernel - size - before, kernel - 1)), kernel - 1))
    if size + before + after < kernel:
        kernel, before, after = size, min(before, size - 1), min(after, size - 1)
    return kernel, draw(st.integers(1, 3)), before, after


@st.composite
def dilated_windows(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    """As windows(), with gaps between the taps where the padded image has room for them."""
    fields = draw(windows(shape))
    top, left, bottom, right = fields["padding"]
    room = (shape[0] + top + bottom - 1, shape[1] + left + right - 1)
    largest = [
        max(1, min(3, space // max(kernel - 1, 1)))
        for space, kernel in zip(room, fields["kernel"], strict=True)
    ]
    return {**fields, "dilation": [draw(st.integers(1, limit)) for limit in largest]}


def meeting_windows(shape: Shape3) -> st.SearchStrategy[Json]:
    """Of dilated_windows(), those that always have a tap in the image."""
    return dilated_windows(shape).filter(
        lambda fields: all(
            d < size or k == 1
            for d, size, k in zip(fields["dilation"], shape, fields["kernel"], strict=False)
        )
    )


@st.composite
def enlarging_windows(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    """Kernel, stride, dilation, output_padding and padding that leave an output."""
    sides = [_enlarging_side(draw, size) for size in shape[:2]]
    names = ("kernel", "stride", "dilation", "output_padding")
    fields: Json = {name: [side[at] for side in sides] for at, name in enumerate(names)}
    (*_, top, bottom), (*_, left, right) = sides
    return {**fields, "padding": [top, left, bottom, right]}


def _enlarging_side(draw: Any, size: int) -> tuple[int, ...]:  # noqa: ANN401
    kernel, stride, dilation = (draw(st.integers(1, largest)) for largest in (4, 3, 3))
    extra = draw(st.integers(0, stride - 1))
    cut = stride * (size - 1) + dilation * (kernel - 1) + extra  # one row or column less
    before = draw(st.integers(0, min(cut, 6)))
    after = draw(st.integers(0, min(cut - before, 6)))
    return kernel, stride, dilation, extra, before, after


@st.composite
def grouped_channels(draw: Any, shape: Shape3, source: str) -> Json:  # noqa: ANN401
    """groups and channels that fit an image, and a source of its shape."""
    groups = draw(st.sampled_from([n for n in range(1, shape[2] + 1) if shape[2] % n == 0]))
    return {"inputs": [source], "groups": groups, "channels": groups * draw(st.integers(1, 3))}


@st.composite
def benches(
    draw: Any,  # noqa: ANN401
    case: Callable[[Any, Shape3], Json],
    count: int = 4,
    of: st.SearchStrategy[Shape3] = shapes,
) -> tuple[Shape3, list[Json]]:
    """A shape and several cases that fit it."""
    shape = draw(of)
    return shape, [case(draw, shape) for _ in range(count)]
