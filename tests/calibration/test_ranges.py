"""Ranges for those that ask, left shifts for those that need one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.arith import LEFT_SHIFT_MAX, MULTIPLIER_LIMIT, least_left_shift, quantise_multiplier
from codegen.calibration.ranges import (
    FEW_VALUES,
    MANY_VALUES,
    observed_ranges,
    still_layers,
    widened,
    with_left_shifts,
    with_ranges,
)
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import Architecture
from codegen.ops.base import Quantity
from codegen.quantise import layers_that_ask_a_range, quantise
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL, Json
from tests.calibration.samples import architecture, chain, samples
from tests.networks import float_net


@pytest.mark.parametrize(
    ("data", "asking"),
    [
        (CONV_HEAD, ["conv0", "conv1", "sum"]),
        (DEPTHWISE_ALL, ["stem", "dw", "mixed", "mean", "pooled", "hidden"]),
    ],
    ids=lambda data: data["name"] if isinstance(data, dict) else "",
)
def test_only_those_that_ask_get_a_range(data: Json, asking: list[str]) -> None:
    net = float_net(Architecture.from_json(data))
    real = samples(net).run_real(net)
    ranged = with_ranges(dataclasses.replace(net, ranges={"gone": (0, 1)}), real, "minmax")
    assert list(ranged.ranges) == asking
    check_network(quantise(ranged))
    for name, (lo, hi) in ranged.ranges.items():
        assert (lo, hi) == (min(real[name].min(), 0.0), max(real[name].max(), 0.0))


def test_a_layer_with_a_scale_of_its_own_asks_for_nothing() -> None:
    net = chain()
    own = dataclasses.replace(net, quantities={"dw": Quantity(scale=0.25, zero_point=3)})
    ranged = with_ranges(own, samples(net).run_real(net), "minmax")
    assert "dw" not in ranged.ranges
    assert quantise(ranged).layers[1].quantity == Quantity(scale=0.25, zero_point=3)


def test_nobody_is_asked_twice_and_the_network_is_left_as_it_was() -> None:
    net = float_net(Architecture.from_json(CONV_HEAD))
    before = quantise(net)
    assert layers_that_ask_a_range(net) == ("conv0", "conv1", "sum")
    for one, two in zip(before.layers, quantise(net).layers, strict=True):
        assert one.quantity == two.quantity
        assert one.constants == two.constants


def test_an_input_without_a_scale_is_observed_too() -> None:
    """Where the caller gives its samples under its name; not where its scale is given."""
    net = chain()
    shown = samples(net)
    real = {**shown.run_real(net), "image": np.array([[-2.0, 3.0]])}
    assert with_ranges(net, real, "minmax").ranges["image"] == (-2.0, 3.0)
    own = dataclasses.replace(net, quantities={"image": Quantity(scale=0.1, zero_point=0)})
    assert "image" not in with_ranges(own, real, "minmax").ranges
    with pytest.raises(GateBreach, match="input image"):
        with_ranges(net, {**real, "image": np.full((2, 3), np.nan)}, "minmax")


def test_every_layer_without_a_range_is_named_at_once() -> None:
    net = chain()
    real = dict(samples(net).run_real(net))
    for name in ("stem", "mixed"):
        real[name] = real[name].copy()
        real[name][0, 0, 0, 0] = np.nan
    with pytest.raises(GateBreach) as caught:
        with_ranges(net, real, "mse")
    assert [breach.where for breach in caught.value.breaches] == ["layer stem", "layer mixed"]


@pytest.mark.parametrize("observer", ["minmax", "percentile", "mse"])
def test_what_is_always_zero_gets_a_range_as_wide_as_what_it_reads(observer: str) -> None:
    net = chain()
    real = {**samples(net).run_real(net), "image": np.zeros((4, 6, 6, 3))}
    real["dw"] = np.full_like(real["dw"], 0)
    ranged = with_ranges(net, real, observer)
    assert ranged.ranges["image"] == (-1.0, 1.0)
    reach = float(real["stem"].max())
    assert ranged.ranges["dw"] == (-reach, reach)
    check_network(quantise(ranged))
    assert still_layers(ranged, real) == ("image", "dw")


def test_missing_activations_are_named() -> None:
    net = chain()
    real = {k: v for k, v in samples(net).run_real(net).items() if k not in ("dw", "hidden")}
    with pytest.raises(HvError, match="layer dw, hidden"):
        observed_ranges(net, real, "minmax")


@given(st.lists(st.floats(-(2.0**20), 2.0**20), min_size=1, max_size=5))
def test_the_least_left_shift_fits_and_the_next_smaller_does_not(ratios: list[float]) -> None:
    values = np.array(ratios)
    shift = least_left_shift(values)
    assert (np.abs(quantise_multiplier(values, shift)) < MULTIPLIER_LIMIT).all()
    if shift:
        largest = quantise_multiplier(np.abs(values).max(), shift - 1)
        assert largest >= MULTIPLIER_LIMIT


@pytest.mark.parametrize(
    ("ratio", "shift"),
    [(0.0, 0), (0.25, 0), (0.5 - 2.0**-32, 0), (0.5 - 2.0**-34, 1), (0.5, 1), (1.0, 2), (-3.0, 3)],
)
def test_left_shifts_at_the_boundaries(ratio: float, shift: int) -> None:
    assert least_left_shift(np.array(ratio)) == shift


@pytest.mark.parametrize("ratio", [2.0**40, float("inf")])
def test_a_ratio_beyond_any_shift_is_left_to_the_gate(ratio: float) -> None:
    assert least_left_shift(np.array(ratio)) == LEFT_SHIFT_MAX


def test_a_narrow_output_gets_a_left_shift() -> None:
    """An output clipped to a thousandth: multipliers far above one half."""
    net = float_net(
        architecture(
            (
                {
                    "name": "narrow",
                    "op": "pointwise",
                    "inputs": ["image"],
                    "channels": 4,
                    "activation": {"kind": "clip", "lo": -0.001, "hi": 0.001},
                },
                {"name": "vector", "op": "flatten", "inputs": ["narrow"]},
                {
                    "name": "head",
                    "op": "dense",
                    "inputs": ["vector"],
                    "channels": 1,
                    "output": "int32",
                },
            ),
            channels=2,
        )
    )
    ranged = with_ranges(net, samples(net).run_real(net), "minmax")
    assert ranged.left_shifts["narrow"] > 0
    check_network(quantise(ranged))
    less = {"narrow": ranged.left_shifts["narrow"] - 1}
    with pytest.raises(GateBreach, match="multiplier"):
        check_network(quantise(dataclasses.replace(ranged, left_shifts=less)))
    assert with_left_shifts(ranged) == ranged


def test_room_follows_the_largest_of_normal_numbers() -> None:
    """From 60 numbers, the range with room holds nearly all of 10,000; the plain one does not."""
    generator = np.random.default_rng(2)
    outside = {"plain": 0, "room": 0}
    for _ in range(50):
        few, many = generator.standard_normal(60), generator.standard_normal(10_000)
        lo, hi = float(few.min()), float(few.max())
        outside["plain"] += int(((many < lo) | (many > hi)).sum())
        lo, hi = widened((lo, hi), few.size, (None, None))
        outside["room"] += int(((many < lo) | (many > hi)).sum())
    assert outside["room"] * 10 < outside["plain"]


def test_room_ends_at_the_activation_and_with_many_values() -> None:
    assert widened((0.0, 5.9), 10, (0.0, 6.0)) == (0.0, 6.0)
    lo, hi = widened((-1.0, 2.0), 10, (None, None))
    assert lo < -1.0
    assert hi == -2 * lo
    for values in (MANY_VALUES, 10 * MANY_VALUES):
        assert widened((-1.0, 2.0), values, (None, None)) == (-1.0, 2.0)
    assert widened((-1.0, 2.0), 1, (None, None)) == widened((-1.0, 2.0), FEW_VALUES, (None, None))
