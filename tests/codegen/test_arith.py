"""The integer contract: numpy == torch == a model in Python's own integers == C."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import arith
from tests.c_host import shared_library

LIMIT = 2**31
INT32_EDGES = (0, 1, -1, 2, -2, 2**30, -(2**30), LIMIT - 2, 2 - LIMIT, LIMIT - 1, 1 - LIMIT)
MULTIPLIER_EDGES = (1, 2, 3, 2**16, 2**30 - 1, 2**30, 2**30 + 1, LIMIT - 1)
SHIFTS = tuple(range(31))
CLAMPS = ((-128, 127), (0, 0), (-5, 90), (-128, -128), (127, 127), (-128, 0))
RANDOM_CASES = 200_000

Columns = dict[str, np.ndarray]


def slow_requantise(acc: int, m: int, left_shift: int, zero_point: int, lo: int, hi: int) -> int:
    """The contract, word for word, in exact rational numbers."""
    exact = Fraction(acc * 2**left_shift * m + 2**31, 2**32)
    return min(max(zero_point + math.floor(exact), lo), hi)


accumulators = st.sampled_from(INT32_EDGES) | st.integers(1 - LIMIT, LIMIT - 1)
multipliers = st.sampled_from(MULTIPLIER_EDGES) | st.integers(1, LIMIT - 1)
bytes_ = st.integers(-128, 127)


@settings(max_examples=400)
@given(accumulators, multipliers, st.sampled_from(SHIFTS), bytes_, bytes_, bytes_)
def test_requantise_is_the_slow_model(
    acc: int, m: int, left_shift: int, zero_point: int, one: int, two: int
) -> None:
    acc >>= left_shift  # |acc| * 2**left_shift < 2**31 is what the gate proves
    lo, hi = sorted((one, two))
    expected = slow_requantise(acc, m, left_shift, zero_point, lo, hi)
    for array in (np.array([acc], np.int32), torch.tensor([acc], dtype=torch.int32)):
        multiplier = array * 0 + m
        got = arith.requantise(
            array, multiplier, left_shift=left_shift, zero_point=zero_point, lo=lo, hi=hi
        )
        assert got.tolist() == [expected]


@pytest.mark.parametrize("left_shift", SHIFTS)
def test_requantise_at_every_boundary(left_shift: int) -> None:
    top = (LIMIT - 1) >> left_shift
    for acc, m in product({0, 1, -1, top, -top, top // 2, -(top // 2)}, MULTIPLIER_EDGES):
        got = arith.requantise(
            np.array([acc], np.int32),
            np.array([m], np.int32),
            left_shift=left_shift,
            zero_point=0,
            lo=-128,
            hi=127,
        )
        assert got.tolist() == [slow_requantise(acc, m, left_shift, 0, -128, 127)]


@pytest.mark.parametrize("quotient", range(-130, 130))
def test_ties_round_up(quotient: int) -> None:
    """acc * m = (quotient + 1/2) * 2**32 exactly, and one unit of acc around it."""
    acc = (2 * quotient + 1) * 2**1
    for offset in (-1, 0, 1):
        got = arith.requantise(
            np.array([acc + offset], np.int32),
            np.array([2**30], np.int32),
            left_shift=0,
            zero_point=0,
            lo=-128,
            hi=127,
        )
        expected = quotient + 1 if offset >= 0 else quotient
        assert got.tolist() == [min(max(expected, -128), 127)]


@settings(max_examples=200)
@given(accumulators, multipliers, st.integers(1 - LIMIT, LIMIT - 1) | st.just(0), bytes_)
def test_prelu_chooses_by_the_sign_of_the_accumulator(
    acc: int, m: int, negative: int, zero_point: int
) -> None:
    expected = slow_requantise(acc, m if acc >= 0 else negative, 0, zero_point, -128, 127)
    for make in (np.array, torch.tensor):
        got = arith.requantise_prelu(
            make([acc]),
            make([m]),
            make([negative]),
            left_shift=0,
            zero_point=zero_point,
            lo=-128,
            hi=127,
        )
        assert got.tolist() == [expected]


def test_c_twin_on_boundaries_and_a_large_random_set(tmp_path: Path) -> None:
    library = _library(tmp_path)
    for columns in (_edge_columns(), _random_columns(RANDOM_CASES, seed=3)):
        shift = columns["shift"]
        for name, function, names in (
            ("twin_requantise", _numpy_requantise, ("acc", "m")),
            ("twin_requantise_prelu", _numpy_prelu, ("acc", "m", "negative")),
        ):
            inputs = [columns[n] for n in (*names, "shift", "zero_point", "lo", "hi")]
            got = _call(library, name, inputs, np.int8)
            np.testing.assert_array_equal(got, function(columns), name)
        score = columns["acc"] >> 7
        norm = np.abs(columns["negative"])
        small = (shift % 15).astype(np.uint32)
        got = _call(library, "twin_accept_normalised", [score, norm, columns["m"], small], np.int32)
        wide = score.astype(object) ** 2 * 2 ** small.astype(object)
        exact = (score > 0) & (wide >= columns["m"].astype(object) * norm.astype(object))
        np.testing.assert_array_equal(got, exact.astype(np.int32))
        got = _call(library, "twin_accept_plain", [columns["acc"], columns["negative"]], np.int32)
        np.testing.assert_array_equal(got, columns["acc"] >= columns["negative"])


def test_c_twin_accepts_at_exact_equality(tmp_path: Path) -> None:
    """score**2 * 2**shift == threshold * norm_squared, and one unit either side."""
    library = _library(tmp_path)
    rows = [
        (score, score, score * 2**shift + off, shift)
        for score, shift, off in product((1, 3, 127, 2**12 + 1, 2**20), (0, 1, 10), (-1, 0, 1))
        if 0 < score * 2**shift + off < LIMIT
    ]
    score, norm, threshold, shift = np.array(rows, np.int32).T
    columns = [score, norm, threshold, shift.astype(np.uint32)]
    got = _call(library, "twin_accept_normalised", columns, np.int32)
    exact = [int(s * s * 2**k >= t * n) for s, n, t, k in rows]
    assert got.tolist() == exact
    assert 0 < sum(exact) < len(exact)


def test_numpy_and_torch_agree_on_a_large_random_set() -> None:
    columns = _random_columns(RANDOM_CASES, seed=4)
    on_torch = {name: torch.from_numpy(values.astype(np.int64)) for name, values in columns.items()}
    for left_shift in (0, 1, 7, 30):
        scalars = {"left_shift": left_shift, "zero_point": -3, "lo": -100, "hi": 127}
        acc = columns["acc"] >> left_shift
        got = arith.requantise(torch.from_numpy(acc), on_torch["m"], **scalars)
        np.testing.assert_array_equal(got.numpy(), arith.requantise(acc, columns["m"], **scalars))


@settings(max_examples=60)
@given(st.integers(1, 6), st.integers(1, 300), st.integers(1, 5), st.integers(0, 2**31))
def test_matmul_is_exact(rows: int, depth: int, columns: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    a = generator.integers(-128, 128, (rows, depth)).astype(np.int8)
    b = generator.choice(np.array([-127, 127], np.int8), (depth, columns))
    exact = a.astype(np.int64) @ b.astype(np.int64)
    for left, right in ((a, b), (torch.from_numpy(a), torch.from_numpy(b))):
        got = arith.matmul_exact(left, right)
        assert got.tolist() == exact.tolist()
        assert str(got.dtype).endswith("int32")


@given(st.floats(-1e9, 1e9))
def test_constants_round_half_up(real: float) -> None:
    assert arith.round_half_up(np.array(real)) == math.floor(real + 0.5)


def test_half_rounds_up_on_both_sides_of_zero() -> None:
    assert arith.round_half_up(np.array([-1.5, -0.5, 0.5, 1.5])).tolist() == [-1, 0, 1, 2]
    assert arith.quantise_real(-0.5, 1.0, 0) == 0
    assert arith.quantise_real(1e9, 1.0, 0) == 127
    assert arith.quantise_real(-1e9, 1.0, 0) == -128


@pytest.mark.parametrize("left_shift", [0, 1, 8])
def test_a_multiplier_is_its_ratio_in_units_of_2_to_the_minus_32(left_shift: int) -> None:
    ratios = np.array([2.0**-32, 0.25, 0.3, 0.499999])
    got = arith.quantise_multiplier(ratios, left_shift)
    expected = [math.floor(Fraction(r) * 2 ** (32 - left_shift) + Fraction(1, 2)) for r in ratios]
    assert got.tolist() == expected
    assert arith.quantise_multiplier(np.array([0.5]), 0).tolist() == [LIMIT]  # the gate names it


def _library(folder: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(shared_library(Path(__file__).parent / "c" / "arith_twin.c", folder)))


def _call(
    library: ctypes.CDLL, name: str, inputs: list[np.ndarray], dtype: type[np.generic]
) -> np.ndarray:
    inputs = [
        np.ascontiguousarray(v, np.uint32 if v.dtype == np.uint32 else np.int32) for v in inputs
    ]
    out = np.empty(len(inputs[0]), dtype)
    pointers: list[Any] = [v.ctypes.data_as(ctypes.c_void_p) for v in (*inputs, out)]
    getattr(library, name)(ctypes.c_size_t(len(out)), *pointers)
    return out


def _edge_columns() -> Columns:
    rows = [
        (acc >> shift, m, negative, shift, zero_point, lo, hi)
        for acc, m, negative, shift, zero_point, (lo, hi) in product(
            INT32_EDGES,
            MULTIPLIER_EDGES,
            (0, 1, -1, LIMIT - 1, 1 - LIMIT),
            (0, 1, 8, 30),
            (-128, 0, 127),
            CLAMPS[:3],
        )
    ]
    return _columns(np.array(rows, np.int64))


def _random_columns(count: int, seed: int) -> Columns:
    """Every magnitude as likely as any other, so that small quotients are not lost."""
    generator = np.random.default_rng(seed)

    def wide() -> np.ndarray:
        return generator.integers(1 - LIMIT, LIMIT, count) >> generator.integers(0, 31, count)

    shift = generator.integers(0, 31, count)
    ends = np.array(CLAMPS)[generator.integers(0, len(CLAMPS), count)]
    positive = np.abs(wide()) + 1
    return _columns(
        np.stack(
            [
                wide() >> shift,
                positive.clip(1, LIMIT - 1),
                wide(),
                shift,
                generator.integers(-128, 128, count),
                *ends.T,
            ],
            axis=1,
        )
    )


def _columns(rows: np.ndarray) -> Columns:
    names = ("acc", "m", "negative", "shift", "zero_point", "lo", "hi")
    columns = {name: rows[:, i].astype(np.int32) for i, name in enumerate(names)}
    columns["shift"] = columns["shift"].astype(np.uint32)
    return columns


def _numpy_requantise(columns: Columns) -> np.ndarray:
    return _by_row(columns, lambda c, s: arith.requantise(c["acc"], c["m"], **s))


def _numpy_prelu(columns: Columns) -> np.ndarray:
    return _by_row(
        columns, lambda c, s: arith.requantise_prelu(c["acc"], c["m"], c["negative"], **s)
    )


def _by_row(
    columns: Columns, function: Callable[[Columns, dict[str, Any]], np.ndarray]
) -> np.ndarray:
    """left_shift, lo and hi are constants of a layer: one call for each of their values."""
    out = np.empty(len(columns["acc"]), np.int8)
    code = (columns["shift"].astype(np.int64) << 16) + (columns["lo"] << 8) + columns["hi"]
    order = np.argsort(code, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        part = {name: values[chosen] for name, values in columns.items()}
        left_shift, lo, hi = (int(part[name][0]) for name in ("shift", "lo", "hi"))
        scalars = {"left_shift": left_shift, "lo": lo, "hi": hi, "zero_point": part["zero_point"]}
        out[chosen] = function(part, scalars)
    return out
