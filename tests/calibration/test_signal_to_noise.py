"""The ratio, its conventions, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import reference
from codegen.calibration.signal_to_noise import SNR_LIMIT_DB, snr_by_output, snr_db
from codegen.errors import HvError
from codegen.ops.base import Quantity
from tests.networks import conv_head, images


@pytest.mark.parametrize("decibels", [-20.0, 0.0, 6.0, 60.0])
def test_a_known_ratio(decibels: float) -> None:
    signal = np.random.default_rng(1).normal(size=(7, 5, 3))
    noise = np.random.default_rng(2).normal(size=(7, 5, 3))
    noise *= np.sqrt((signal**2).sum() / (noise**2).sum()) * 10 ** (-decibels / 20)
    assert snr_db(signal, signal + noise) == pytest.approx(decibels)


@given(st.integers(-60, 60))
def test_the_unit_does_not_matter(exponent: int) -> None:
    signal = np.random.default_rng(3).normal(size=50)
    rounded = np.round(signal, 1)
    unit = 2.0**exponent
    assert snr_db(signal * unit, rounded * unit) == pytest.approx(snr_db(signal, rounded))


@pytest.mark.parametrize(
    ("real", "approximated", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], SNR_LIMIT_DB),
        ([0.0, 0.0], [0.0, 0.0], SNR_LIMIT_DB),
        ([0.0, 0.0], [0.0, 1e-9], -SNR_LIMIT_DB),
        ([1.0], [1.0 + 1e-15], SNR_LIMIT_DB),
        ([1e-20], [1.0], -SNR_LIMIT_DB),
    ],
)
def test_the_ends_are_finite(real: list[float], approximated: list[float], expected: float) -> None:
    assert snr_db(np.array(real), np.array(approximated)) == expected


@pytest.mark.parametrize(
    ("real", "approximated", "message"),
    [
        (np.zeros(3), np.zeros((3, 1)), "of shape"),
        (np.zeros(0), np.zeros(0), "empty"),
        (np.array([np.nan]), np.zeros(1), "NaN"),
        (np.zeros(1), np.array([np.inf]), "NaN"),
    ],
)
def test_what_cannot_be_compared(real: np.ndarray, approximated: np.ndarray, message: str) -> None:
    with pytest.raises(HvError, match=message):
        snr_db(real, approximated)


def test_outputs_by_name() -> None:
    """Half a step of noise on every element of an output of known quantity."""
    net = conv_head()
    integers = reference.run(net, images(net.arch, 4, seed=1))
    quantities = {layer.name: layer.quantity for layer in net.layers}
    real = {name: quantities[name].reals(values) for name, values in integers.items()}
    exact = snr_by_output(real, integers, net.layers, ["sum", "head"])
    assert exact == {"sum": SNR_LIMIT_DB, "head": SNR_LIMIT_DB}
    off = real | {"sum": real["sum"] + quantities["sum"].scale / 2}
    power, count = (off["sum"] ** 2).sum(), off["sum"].size
    expected = 10 * np.log10(power / (count * quantities["sum"].scale ** 2 / 4))
    found = snr_by_output(off, integers, net.layers, ["sum"])
    assert found["sum"] == pytest.approx(expected)


def test_an_output_that_is_none_is_named() -> None:
    net = conv_head()
    with pytest.raises(HvError, match="nowhere"):
        snr_by_output({}, {}, net.layers, ["nowhere"])
    integers = reference.run(net, images(net.arch, 2, seed=1))
    with pytest.raises(HvError, match="output decision"):
        snr_by_output({"decision": np.zeros((2, 1))}, integers, net.layers, ["decision"])


def test_a_quantity_says_what_its_integers_stand_for() -> None:
    quantity = Quantity(scale=0.5, zero_point=-3)
    assert quantity.reals(np.array([-128, -3, 127], np.int8)).tolist() == [-62.5, 0.0, 65.0]
