"""conv_transpose: geometry and values on numpy, torch and C; against torch.nn and real numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activations, benches, compiled, enlarging_windows, grouped_channels, seeds

from codegen.errors import HvError
from codegen.ops.base import Activation
from codegen.ops.conv_transpose import ConvTranspose
from tests.networks import quant_net

Pair = tuple[int, int]


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {
        "op": "conv_transpose",
        "activation": draw(activations),
        **draw(grouped_channels(shape, "second")),
        **draw(enlarging_windows(shape)),
    }


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=30)
@given(st.data(), st.sampled_from((1, 2, 4)))
def test_real_numbers_match_torch_nn(data: Any, groups: int) -> None:  # noqa: ANN401
    """torch pads both sides alike, so the result is cut by hand."""
    fields = data.draw(enlarging_windows((5, 6, 4)))
    fields = {name: tuple(values) for name, values in fields.items()}
    top, left, bottom, right = fields.pop("padding")
    conv = torch.nn.ConvTranspose2d(
        4,
        8,
        fields["kernel"],
        stride=fields["stride"],
        output_padding=fields["output_padding"],
        dilation=fields["dilation"],
        groups=groups,
    ).double()
    x = torch.randn(2, 5, 6, 4, dtype=torch.float64)
    op = ConvTranspose(
        channels=8,
        groups=groups,
        padding=(top, left, bottom, right),
        activation=Activation(kind="relu"),
        **fields,
    )
    depth = 4 // groups
    by_group = conv.weight.unflatten(0, (groups, depth)).permute(0, 2, 3, 4, 1).flatten(0, 1)
    tensors = {"weight": by_group, "bias": conv.state_dict()["bias"]}
    full = conv(x.permute(0, 3, 1, 2)).relu().permute(0, 2, 3, 1)
    expected = full[:, top : full.shape[1] - bottom, left : full.shape[2] - right, :]
    torch.testing.assert_close(op.float_forward(tensors, (x,)), expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"groups": 3}, "do not fall into 3 groups"),
        ({"padding": [10, 0, 3, 0], "stride": [2, 2]}, "leaves nothing of the output"),
        ({"padding": [0, 0, 0, 7]}, "leaves nothing of the output"),
        ({"padding": [0, -1, 0, 0]}, "not negative"),
        ({"output_padding": [0, -1]}, "not negative"),
        ({"output_padding": [1, 0]}, "must be smaller than the stride"),
        ({"output_padding": [2, 3], "stride": [3, 3]}, "must be smaller than the stride"),
        ({"stride": [1, 0]}, "must be positive"),
        ({"dilation": [1, 0]}, "must be positive"),
        ({"inputs": ["vector"]}, "needs an image"),
        ({"inputs": ["image"]}, "cannot read camera bytes"),
    ],
)
def test_what_does_not_fit_is_refused(fields: Json, message: str) -> None:
    case = {"op": "conv_transpose", "inputs": ["first"], "channels": 6, "kernel": [3, 3], **fields}
    with pytest.raises(HvError, match=message):
        bench((5, 5, 4), [case])


def test_shapes_and_costs() -> None:
    fields = {
        "kernel": [3, 4],
        "stride": [2, 3],
        "padding": [1, 0, 0, 2],
        "output_padding": [1, 0],
        "dilation": [1, 2],
    }
    case = {"op": "conv_transpose", "inputs": ["first"], "channels": 6, "groups": 2, **fields}
    arch = bench((5, 4, 4), [case])
    layer = arch.layers[3]
    assert arch.shapes()["case0"] == (2 * 4 + 1 + 2 + 1 - 1, 3 * 3 + 2 * 3 + 1 - 2, 6)
    assert layer.op.macs(arch.input_shapes(layer)) == 11 * 14 * 6 * 12 * 2
    assert layer.op.scratch_bytes(arch.input_shapes(layer)) == 2 * 12 * 2


def test_a_zero_point_fills_the_gaps() -> None:
    """With another value in them the folded bias would be wrong: outputs of no pixel tell."""
    case = {"op": "conv_transpose", "inputs": ["second"], "channels": 2, "kernel": [1, 1]}
    net = quant_net(bench((3, 3, 2), [{**case, "stride": [2, 2]}]))
    layer = net.layers[3]
    zero_point = layer.input_quantities[0].zero_point
    assert zero_point != 0
    windows = layer.op.windows(_pixels(), zero_point)  # type: ignore[attr-defined]
    assert (windows[:, 1::2] == zero_point).all()
    assert (windows[:, :, 1::2] == zero_point).all()
    assert (windows[:, ::2, ::2, 0] == _pixels()).all()
    other = dataclasses.replace(
        layer,
        input_quantities=(dataclasses.replace(layer.input_quantities[0], zero_point=0),),
    )
    outputs = [layer.op.reference(which, (_pixels(),)) for which in (layer, other)]
    assert (outputs[0][:, ::2, ::2] == outputs[1][:, ::2, ::2]).all()
    assert (outputs[0][:, 1::2] != outputs[1][:, 1::2]).any()


def _pixels() -> Any:  # noqa: ANN401
    import numpy as np

    return np.random.default_rng(1).integers(-128, 128, (2, 3, 3, 2)).astype(np.int8)
