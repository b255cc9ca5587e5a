"""Equalisation: the same function, evener channels, and only where it is allowed."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.calibration.equalise import equalise
from codegen.calibration.ranges import with_ranges
from codegen.calibration.signal_to_noise import snr_by_output
from codegen.nets import Architecture, FloatNet
from codegen.ops.base import Quantity
from codegen.quantise import quantise
from codegen.reference import run_layer
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL
from tests.calibration.samples import (
    CHAIN,
    Samples,
    architecture,
    chain,
    samples,
    unbalanced,
)
from tests.networks import float_net

PAIRS = {"stem": "dw", "dw": "mixed", "mixed": "hidden", "hidden": "head"}


def snr(net: FloatNet, shown: Samples) -> float:
    """Of the head, ranges by minmax."""
    real = shown.run_real(net)
    quantised = quantise(with_ranges(net, real, "minmax"))
    values = dict(shown.inputs(quantised))
    for layer in quantised.layers:
        values[layer.name] = run_layer(layer, values)
    return snr_by_output(real, values, quantised.layers, ["head"])["head"]


def changed_layers(one: FloatNet, two: FloatNet) -> set[str]:
    return {
        name.partition(".")[0]
        for name, values in one.tensors.items()
        if not np.array_equal(values, two.tensors[name])
    }


@given(seed=st.integers(0, 10_000), uneven=st.booleans())
@settings(deadline=None, max_examples=15)
def test_the_function_stays(seed: int, uneven: bool) -> None:
    net = chain(seed)
    net = unbalanced(net, PAIRS, seed) if uneven else net
    shown = samples(net, count=6, seed=seed)
    before, after = shown.run_real(net), shown.run_real(equalise(net, outputs=["head"]))
    reach = np.abs(before["head"]).max()
    np.testing.assert_allclose(after["head"], before["head"], rtol=1e-4, atol=1e-4 * reach)


@pytest.mark.parametrize("seed", [1, 2, 3, 9])
def test_an_unbalanced_network_gains_several_decibels(seed: int) -> None:
    net = unbalanced(chain(seed), PAIRS, seed)
    shown = samples(net)
    assert snr(equalise(net, outputs=["head"]), shown) > snr(net, shown) + 15


def test_an_imbalance_is_undone_whatever_it_was() -> None:
    """The balanced network is one: two imbalances of it end at the same weights."""
    net = chain(4)
    ends = [equalise(unbalanced(net, PAIRS, seed), outputs=["head"]).tensors for seed in (1, 2)]
    for name in ("stem.weight", "dw.weight", "mixed.weight"):
        size = np.abs(ends[0][name]).max()
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=0.05, atol=0.01 * size)


def test_what_is_left_alone() -> None:
    """conv-head branches everywhere; of depthwise-all only two pairs are not clamped."""
    conv = float_net(Architecture.from_json(CONV_HEAD))
    assert changed_layers(conv, equalise(conv, outputs=["head"])) == set()
    net = float_net(Architecture.from_json(DEPTHWISE_ALL))
    after = equalise(net, outputs=["head"])
    assert changed_layers(net, after) == {"mixed", "hidden", "head"}
    assert set(after.ranges) == {"stem", "dw"}  # the others are those of another network
    assert set(net.ranges) == {"stem", "dw", "mixed", "hidden"}
    shown = samples(net)
    np.testing.assert_allclose(
        shown.run_real(after)["head"], shown.run_real(net)["head"], rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("output", ["mixed", "less", "vector"])
def test_an_output_keeps_its_meaning(output: str) -> None:
    net = chain()
    shown = samples(net)
    after = equalise(net, outputs=["head", output])
    np.testing.assert_allclose(
        shown.run_real(after)[output], shown.run_real(net)[output], rtol=1e-4, atol=1e-4
    )


def test_layers_with_scales_of_their_own_are_left_alone() -> None:
    net = chain()
    scales = {"dw": np.full(12, 0.01)}
    own = {"less": Quantity(scale=0.1, zero_point=0)}
    given_scales = dataclasses.replace(net, weight_scales=scales, quantities=own)
    assert changed_layers(net, equalise(given_scales, outputs=[])) == {"hidden", "head"}


@pytest.mark.parametrize("kind", ["relu6", "clip"])
def test_a_clamped_activation_ends_the_chain(kind: str) -> None:
    layers = copy.deepcopy(CHAIN)
    bounds = {"lo": -1.0, "hi": 1.0} if kind == "clip" else {}
    layers[1]["activation"] = {"kind": kind, **bounds}
    layers[2]["activation"] = {"kind": kind, **bounds}
    net = float_net(architecture(layers))
    assert changed_layers(net, equalise(net, outputs=["head"])) == {"stem", "dw", "hidden", "head"}


def test_dead_channels_and_channels_that_live_by_their_bias() -> None:
    """No division by zero, and no channel that becomes a thousand times what it was."""
    net = chain()
    tensors = {name: values.copy() for name, values in net.tensors.items()}
    tensors["stem.weight"][0] = 0
    tensors["stem.bias"][0] = 0
    tensors["stem.weight"][1] = 1e-9
    tensors["stem.bias"][1] = 0.5
    tensors["mixed.weight"][..., 2] = 0
    odd = dataclasses.replace(net, tensors=tensors)
    after = equalise(odd, outputs=["head"])
    assert all(np.isfinite(values).all() for values in after.tensors.values())
    assert np.abs(after.tensors["stem.bias"][1]) < 10
    shown = samples(odd)
    np.testing.assert_allclose(
        shown.run_real(after)["head"], shown.run_real(odd)["head"], rtol=1e-4, atol=1e-4
    )
