"""resize: nearest neighbours, against numpy's indexing and torch's own interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_moves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, resizes, seeds

from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.ops.base import QuantLayer
from codegen.ops.resize import Resize
from tests.networks import quant_net, with_tensor


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    source = draw(st.sampled_from(("first", "second")))
    return {"op": "resize", "inputs": [source], **draw(resizes(shape))}


def _numpys(layer: QuantLayer, x: np.ndarray) -> np.ndarray:
    assert isinstance(layer.op, Resize)
    return x[:, np.array(layer.op.rows)][:, :, np.array(layer.op.columns)]


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=25)
@given(benches(_case), seeds)
def test_is_numpys_indexing(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_moves(bench(*cases), seed, _numpys)


@pytest.mark.parametrize("factor", [2, 3])
def test_whole_factors_match_torchs_interpolation(factor: int) -> None:
    x = torch.randn(2, 3, 4, 5)
    rows, columns = (tuple(i // factor for i in range(n * factor)) for n in (3, 4))
    got = Resize(rows=rows, columns=columns).float_forward({}, (x,))
    expected = torch.nn.functional.interpolate(x.permute(0, 3, 1, 2), scale_factor=factor)
    torch.testing.assert_close(got.permute(0, 3, 1, 2), expected)


def test_tables_that_are_not_the_fields_are_refused() -> None:
    """The kernel trusts the tables, so nobody may bring others."""
    net = quant_net(
        bench((3, 4, 2), [{"op": "resize", "inputs": ["first"], "rows": [0, 2], "columns": [3]}])
    )
    check_network(net)
    for name, values in (("rows", [0, 3]), ("rows", [0, 1]), ("columns", [-1])):
        broken = with_tensor(net, f"case0.{name}", np.array(values, np.int32))
        with pytest.raises(GateBreach, match=f"{name} are not those of the architecture"):
            check_network(broken)


def test_impossible_sizes_are_refused() -> None:
    def case(rows: object, columns: object, source: str = "first") -> Json:
        return {"op": "resize", "inputs": [source], "rows": rows, "columns": columns}

    faults = [
        (case([0, 3], [0]), "reads rows 0 to 3 of 3"),
        (case([0], [-1, 2]), "reads columns -1 to 2 of 4"),
        (case([], [0]), "without rows"),
        (case([0], []), "without columns"),
        (case([0], [0], "vector"), "resize needs an image"),
        (case([0], [0.5]), "columns cannot be"),
        (case([0], [0], "image"), "cannot read camera bytes"),
    ]
    for fault, message in faults:
        with pytest.raises(HvError, match=message):
            bench((3, 4, 2), [fault])
