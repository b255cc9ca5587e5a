"""Broadcasting: shapes as numpy has them, few loops, indices that find the element."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from codegen.ops.add import Add
from codegen.ops.elementwise import BroadcastAxis, collapsed_axes
from codegen.ops.loops import nested_index


@st.composite
def _shapes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:  # noqa: ANN401
    """Two shapes of one rank, 1 to 7, that broadcast."""
    first, second = [], []
    for _ in range(draw(st.integers(1, 7))):
        size = draw(st.integers(1, 3))
        first.append(draw(st.sampled_from((size, size, 1))))
        second.append(draw(st.sampled_from((size, size, 1))) if first[-1] > 1 else size)
    return tuple(first), tuple(second)


@settings(max_examples=150)
@given(_shapes())
def test_indices_find_what_numpy_broadcasts(shapes: tuple[tuple[int, ...], ...]) -> None:
    first, second = shapes
    result = Add().output_shape((first, second))
    assert result == np.broadcast_shapes(first, second)
    axes = collapsed_axes(first, second)
    texts = [
        nested_index([axis.loop for axis in axes if axis.first_moves]),
        nested_index([axis.loop for axis in axes if axis.second_moves]),
        nested_index([axis.loop for axis in axes]),
    ]
    found = [_indices(axes, text) for text in texts]
    expected = [
        np.broadcast_to(np.arange(np.prod(shape)).reshape(shape), result).reshape(-1).tolist()
        for shape in (first, second, result)
    ]
    assert found == expected


def _indices(axes: tuple[BroadcastAxis, ...], text: str) -> list[int]:
    """What the C's loops would visit: Python reads these texts as C does."""
    ranges = [range(axis.loop.extent) for axis in axes]
    names = [axis.loop.variable for axis in axes]
    return [
        eval(text, {}, dict(zip(names, values, strict=True)))
        for values in itertools.product(*ranges)
    ]


@pytest.mark.parametrize(
    ("first", "second", "loops"),
    [
        ((4, 5, 3), (4, 5, 3), 1),
        ((1, 1), (1, 1), 1),
        ((4, 5, 3), (1, 1, 3), 2),
        ((4, 5, 3), (4, 5, 1), 2),
        ((4, 1, 3), (1, 5, 3), 3),
        ((4, 1, 5, 1), (4, 1, 5, 1), 1),
        ((2, 3, 1, 4), (1, 1, 1, 4), 2),
    ],
)
def test_as_few_loops_as_possible(
    first: tuple[int, ...], second: tuple[int, ...], loops: int
) -> None:
    assert len(collapsed_axes(first, second)) == loops


def test_indices_are_written_as_the_house_writes_them() -> None:
    axes = collapsed_axes((4, 1, 3), (1, 5, 3))
    assert nested_index([axis.loop for axis in axes]) == "(((i * 5) + j) * 3) + k"
    assert nested_index([axis.loop for axis in axes if axis.second_moves]) == "(j * 3) + k"
    assert nested_index([]) == "0"


@pytest.mark.parametrize(("first", "second"), [((2, 3), (3,)), ((2, 3), (3, 3)), ((4,), (2,))])
def test_what_does_not_broadcast_is_refused(
    first: tuple[int, ...], second: tuple[int, ...]
) -> None:
    with pytest.raises(HvError, match="needs two shapes of equal rank"):
        Add().output_shape((first, second))
