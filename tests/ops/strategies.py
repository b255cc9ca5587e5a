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
def benches(
    draw: Any,  # noqa: ANN401
    case: Callable[[Any, Shape3], Json],
    count: int = 4,
) -> tuple[Shape3, list[Json]]:
    """A shape and several cases that fit it."""
    shape = draw(shapes)
    return shape, [case(draw, shape) for _ in range(count)]
