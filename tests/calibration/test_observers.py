"""Observers: zero inside, never worse than promised, faults named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.arith import round_half_up
from codegen.calibration.observers import OBSERVERS, TAIL, find_observer, observe
from codegen.errors import HvError
from codegen.ops.base import Quantity

NAMES = [observer.name for observer in OBSERVERS]
each = pytest.mark.parametrize("name", NAMES)


def int8_error(values: np.ndarray, span: tuple[float, float]) -> float:
    """Mean squared error of the contract's int8 on the values themselves."""
    quantity = Quantity.from_range(*span)
    integers = round_half_up(values / quantity.scale) + quantity.zero_point
    return float(np.mean((quantity.reals(integers.clip(-128, 127)) - values) ** 2))


@st.composite
def outputs(draw: st.DrawFn) -> np.ndarray:
    """Float32 outputs of many shapes: bells, tails, one-sided ones, far from zero, outliers."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = (draw(st.integers(1, 6)), draw(st.integers(2, 300)))
    kind = draw(st.sampled_from(["normal", "heavy", "relu", "high", "low", "outlier"]))
    values = generator.normal(size=size)
    values = {
        "normal": values,
        "heavy": generator.standard_t(2, size=size),
        "relu": np.maximum(values, 0),
        "high": values + 9,
        "low": values - 9,
        "outlier": np.where(generator.random(size) < 0.01, 40 * values, values),
    }[kind]
    values = (values * 2.0 ** draw(st.integers(-8, 8))).astype(np.float32)
    values[0, 0] = values.max() + 1  # never all the same
    return values


@each
@given(values=outputs())
@settings(deadline=None, max_examples=40)
def test_zero_is_inside_and_nothing_is_outside_what_was_seen(name: str, values: np.ndarray) -> None:
    lo, hi = observe(name, values, where="x")
    assert min(values.min(), 0) <= lo <= 0 <= hi <= max(values.max(), 0)
    assert lo < hi


@given(values=outputs())
@settings(deadline=None, max_examples=60)
def test_mse_is_never_worse_than_minmax(values: np.ndarray) -> None:
    errors = {name: int8_error(values, observe(name, values, where="x")) for name in NAMES}
    assert errors["mse"] <= errors["minmax"] * (1 + 1e-12)


@each
@given(values=outputs(), shift=st.integers(-6, 6), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_invariances(name: str, values: np.ndarray, shift: int, seed: int) -> None:
    """Powers of two pass through; neither order nor shape matters; zeros move no end."""
    lo, hi = observe(name, values, where="x")
    scaled = observe(name, values * np.float32(2.0**shift), where="x")
    assert scaled == (lo * 2.0**shift, hi * 2.0**shift)
    mixed = np.random.default_rng(seed).permutation(values.ravel())
    assert observe(name, mixed, where="x") == (lo, hi)
    if name != "percentile":
        assert observe(name, np.append(mixed, np.zeros(50)), where="x") == (lo, hi)


def test_mse_finds_the_best_ends_of_a_bell() -> None:
    """Against trying every pair of ends on the values themselves."""
    values = np.random.default_rng(0).laplace(size=100_000)
    span = observe("mse", values, where="x")
    tried = [
        int8_error(values, (values.min() * a, values.max() * b))
        for a in np.linspace(0.5, 1, 6)
        for b in np.linspace(0.5, 1, 6)
    ]
    assert int8_error(values, span) <= min(tried) * 1.01
    assert int8_error(values, span) < 0.9 * int8_error(values, (values.min(), values.max()))


def test_mse_weighs_an_outlier_against_all_others() -> None:
    """N values in [-1, 1] and one R: (R - h)^2 + N ((1 + h) / 255)^2 / 12 has its least where
    R - h = c (1 + h), c = N / (12 * 255^2).
    """
    values = np.random.default_rng(1).uniform(-1, 1, 2_000_000)
    values[0] = 100.0
    c = len(values) / (12 * 255**2)
    lo, hi = observe("mse", values, where="x")
    assert lo == pytest.approx(-1, abs=(hi - lo) / 255)
    assert hi == pytest.approx((100 - c) / (1 + c), rel=0.05)


def test_percentile_cuts_both_tails() -> None:
    values = np.arange(100_001) - 50_000.0
    lo, hi = observe("percentile", values, where="x")
    assert (lo, hi) == pytest.approx((-50_000 * (1 - 2 * TAIL), 50_000 * (1 - 2 * TAIL)))


def test_percentile_of_an_output_that_is_nearly_always_zero() -> None:
    values = np.zeros(100_000)
    values[7] = 2.0
    assert observe("percentile", values, where="x") == (0.0, 2.0)


@each
def test_the_activation_bounds_the_range(name: str) -> None:
    values = np.random.default_rng(2).normal(size=4000) * 9
    lo, hi = observe(name, values, where="x", interval=(0.0, 6.0))
    assert lo == 0.0
    assert 5 < hi <= 6
    assert observe(name, values, where="x", interval=(None, 6.0))[0] < -9


@each
@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, (0.0, 0.0)), (-2.5, (-2.5, 0.0)), (3.0, (0.0, 3.0))]
)
def test_one_number_everywhere(name: str, value: float, expected: tuple[float, float]) -> None:
    assert observe(name, np.full((3, 4), value), where="x") == expected


@each
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((0, 4)), "was never seen"),
        (np.array([1.0, np.nan, np.inf]), "2 of 3 outputs are NaN or infinite"),
    ],
)
def test_a_fault_names_its_layer(name: str, values: np.ndarray, message: str) -> None:
    with pytest.raises(HvError, match=message) as caught:
        observe(name, values, where="layer conv3")
    assert caught.value.where == "layer conv3"


def test_an_unknown_observer_is_answered_with_a_list() -> None:
    with pytest.raises(HvError, match="one of: minmax, percentile, mse"):
        find_observer("entropy")
