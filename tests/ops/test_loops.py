"""Index expressions and loops: their C text, evaluated, against numpy's own indices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.ops.loops import (
    Local,
    Loop,
    Term,
    Walk,
    collapse,
    index_text,
    loop_variable,
    nest,
    row_major,
    strides,
)
from codegen.render import environment

_EXTENTS = st.lists(st.integers(1, 4), min_size=0, max_size=5)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_strides_are_numpys(shape: list[int]) -> None:
    array = np.zeros(shape, np.int8)
    for axis, stride in enumerate(strides(tuple(shape))):
        assert shape[axis] == 1 or array.strides[axis] == stride


@pytest.mark.parametrize(
    ("terms", "offset", "text"),
    [
        ([], 0, "0"),
        ([], 7, "7"),
        ([("i", 1)], 0, "i"),
        ([("i", 4)], 0, "i * 4"),
        ([("i", 4)], 2, "(i * 4) + 2"),
        ([("i", 12), ("j", 3), ("k", 1)], 0, "(i * 12) + (j * 3) + k"),
        ([("i", 12), ("j", 1)], -5, "(i * 12) + j - 5"),
        ([("i", -12), ("j", 1)], 24, "j + 24 - (i * 12)"),
        ([("i", -12), ("j", -1)], 35, "35 - (i * 12) - j"),
    ],
)
def test_index_text(terms: list[tuple[str, int]], offset: int, text: str) -> None:
    made = index_text([Term(variable=name, factor=factor) for name, factor in terms], offset)
    assert made == text


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-40, 40)), max_size=5))
def test_collapsed_walks_visit_the_same_elements_in_order(axes: list[tuple[int, int]]) -> None:
    walks = [Walk(extent=extent, stride=stride) for extent, stride in axes]
    assert _visited(collapse(walks)) == _visited(walks)


def test_what_moves_together_becomes_one_axis() -> None:
    contiguous = [Walk(extent=e, stride=s) for e, s in ((2, 12), (1, 99), (3, 4), (4, 1))]
    assert collapse(contiguous) == (Walk(extent=24, stride=1),)
    turned = [Walk(extent=e, stride=s) for e, s in ((4, 1), (2, 12), (3, 4))]
    assert collapse(turned) == (Walk(extent=4, stride=1), Walk(extent=6, stride=4))
    backwards = [Walk(extent=e, stride=s) for e, s in ((3, -4), (4, -1))]
    assert collapse(backwards) == (Walk(extent=12, stride=-1),)


@given(_EXTENTS)
def test_row_major_counts(extents: list[int]) -> None:
    """The text of the index, evaluated in the order of the loops, counts up."""
    loops = nest(extents)
    text = index_text(row_major(loops))
    positions = [
        eval(text, dict(zip((loop.variable for loop in loops), index, strict=True)))
        for index in itertools.product(*(range(extent) for extent in extents))
    ]
    assert positions == list(range(len(positions)))


def test_variables_are_distinct_whatever_the_rank() -> None:
    names = [loop_variable(number) for number in range(12)]
    assert len(set(names)) == 12
    assert names[:3] == ["i", "j", "k"]


def test_nesting_opens_and_closes_with_the_right_indentation() -> None:
    template = environment().from_string(
        '{% from "parts/loops.j2" import nested %}\n'
        "{% call nested(loops) %}\n    a();\n    b();\n{% endcall %}\n"
    )
    assert template.render(loops=()) == "    a();\n    b();\n"
    known = Local(name="row", expression="j + 1")
    loops = (Loop(variable="i", extent=2), Loop(variable="j", extent=3, locals=(known,)))
    assert template.render(loops=loops) == (
        "    for (int32_t i = 0; i < 2; ++i) {\n"
        "        for (int32_t j = 0; j < 3; ++j) {\n"
        "            const int32_t row = j + 1;\n"
        "            a();\n"
        "            b();\n"
        "        }\n"
        "    }\n"
    )


def _visited(walks: list[Walk] | tuple[Walk, ...]) -> list[int]:
    ranges = [[i * walk.stride for i in range(walk.extent)] for walk in walks]
    return [sum(steps) for steps in itertools.product(*ranges)]
