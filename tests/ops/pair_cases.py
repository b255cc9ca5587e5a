"""Benches of operators on two operands: shapes that broadcast, all made from the same image."""

from __future__ import annotations

from typing import Any

from harness import ACTIVATIONS, Json, Shape3
from hypothesis import strategies as st
from strategies import shapes


@st.composite
def pair_benches(draw: Any, kind: str, count: int = 3) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Some layers of `kind`, and before each what makes its operands."""
    shape = draw(shapes)
    cases: list[Json] = []
    for _ in range(count):
        inputs = [_operand(draw, shape, cases, source) for source in draw(_SOURCES)]
        activation = draw(st.sampled_from(ACTIVATIONS[:-1]))  # no PReLU
        cases.append({"op": kind, "inputs": inputs, "activation": activation})
    return shape, cases


_SOURCES = st.sampled_from((("first", "second"), ("second", "first"), ("first", "first")))


def _operand(draw: Any, shape: Shape3, cases: list[Json], name: str) -> str:  # noqa: ANN401
    """The source itself, or with some of its sizes brought down to 1."""
    rows, columns, channels = (draw(st.booleans()) and draw(st.booleans()) for _ in range(3))
    if rows or columns:
        kernel = [shape[0] if rows else 1, shape[1] if columns else 1]
        cases.append({"op": "average_pool", "inputs": [name], "kernel": kernel})
        name = f"case{len(cases) - 1}"
    if channels:
        cases.append({"op": "pointwise", "inputs": [name], "channels": 1})
        name = f"case{len(cases) - 1}"
    return name
