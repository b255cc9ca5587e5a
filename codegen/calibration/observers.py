"""Range observers: from a layer's real outputs to the range that its int8 should cover."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codegen.errors import HvError
from codegen.ops.base import Quantity

Range = tuple[float, float]
Interval = tuple[float | None, float | None]  # what an activation clamps to; None: open

TAIL = 1e-4  # share of values that `percentile` cuts off at either end
BINS = 2048  # eight to a step of int8
_COARSE = 2.0 ** (-np.arange(33) / 4)  # 1 down to 1/256
_FINE = 2.0 ** (np.arange(-8, 9) / 32)  # within a coarse step of the best


@dataclass(frozen=True, kw_only=True)
class Observer:
    """A way to choose a range. `choose` gets float64 values that are finite and differ."""

    name: str
    choose: Callable[[np.ndarray], Range]


def find_observer(name: str) -> Observer:
    """The observer, or an error that lists what there is."""
    for observer in OBSERVERS:
        if observer.name == name:
            return observer
    known = ", ".join(observer.name for observer in OBSERVERS)
    raise HvError(f"unknown observer {name!r}", hint=f"one of: {known}")


def observe(
    name: str, values: np.ndarray, *, where: str, interval: Interval = (None, None)
) -> Range:
    """The range of a layer's output that int8 should cover; zero is always inside.

    Of an output that is the same number everywhere, the range from zero to that number.

    Args:
        name: of the observer.
        values: real outputs [N, ...] of the layer on the samples.
        where: "layer conv0" or "input image", for the errors.
        interval: what the layer's activation clamps to; the range does not leave it but for zero.

    Raises:
        HvError: unknown observer; values not finite, or absent.
    """
    observer = find_observer(name)
    flat = np.asarray(values, np.float64).ravel()
    bad = int((~np.isfinite(flat)).sum())
    if bad:
        raise HvError(
            f"{bad} of {flat.size} outputs are NaN or infinite",
            where=where,
            hint="look at the samples and the weights before this layer",
        )
    flat = np.clip(flat, *interval) if interval != (None, None) else flat
    if flat.size == 0:
        raise HvError(
            "the output was never seen: no range can be chosen",
            where=where,
            hint="give samples like those the network will see",
        )
    if flat.min() == flat.max():
        return min(float(flat[0]), 0.0), max(float(flat[0]), 0.0)
    lo, hi = observer.choose(flat)
    return min(lo, 0.0), max(hi, 0.0)


def quantile_range(values: np.ndarray, tail: float) -> Range:
    """The range without the share `tail` of the values at either end."""
    lo, hi = np.quantile(values, [tail, 1 - tail])
    return float(lo), float(hi)


def _minmax(values: np.ndarray) -> Range:
    return float(values.min()), float(values.max())


def _percentile(values: np.ndarray) -> Range:
    """Without the rarest values; of an output that is nearly always zero, everything."""
    lo, hi = quantile_range(values, TAIL)
    return (lo, hi) if min(lo, 0.0) < max(hi, 0.0) else _minmax(values)


def _mse(values: np.ndarray) -> Range:
    """The range whose int8 has the least mean squared error, found on a histogram.

    Both ends shrink independently, in steps of 2^(1/32). The last word is an exact comparison
    with the full range on the values themselves.
    """
    lo, hi = _minmax(values)
    full = best = min(lo, 0.0), max(hi, 0.0)
    values = values[values != 0]  # zero is represented exactly whatever the range
    points, counts = _histogram(values, full)
    for factors in (_COARSE, _FINE):
        best = _least_error(points, counts, best, factors, full)
    exact = [_squared_error(values, candidate) for candidate in (full, best)]
    return best if exact[1] < exact[0] else full


def _histogram(values: np.ndarray, span: Range) -> tuple[np.ndarray, np.ndarray]:
    """Centres and counts of the bins of `span` that are not empty."""
    counts, edges = np.histogram(values, BINS, range=span)
    seen = counts > 0
    return ((edges[:-1] + edges[1:]) / 2)[seen], counts[seen].astype(np.float64)


def _least_error(
    points: np.ndarray, counts: np.ndarray, around: Range, factors: np.ndarray, limit: Range
) -> Range:
    """The best of the ranges whose ends are those of `around` times any two factors."""
    lows = np.unique(np.maximum(around[0] * factors, limit[0]))
    highs = np.unique(np.minimum(around[1] * factors, limit[1]))
    candidates = [(float(lo), float(hi)) for lo in lows for hi in highs[::-1]]
    errors = [_squared_error(points, candidate, counts) for candidate in candidates]
    return candidates[int(np.argmin(errors))]


def _squared_error(values: np.ndarray, span: Range, counts: np.ndarray | None = None) -> float:
    """Sum of squared differences between values and their int8, by the contract's rounding."""
    quantity = Quantity.from_range(*span)
    differences = quantity.reals(quantity.integers(values)) - values
    squares = differences * differences
    return float(squares.sum() if counts is None else counts @ squares)


OBSERVERS: tuple[Observer, ...] = (
    Observer(name="minmax", choose=_minmax),
    Observer(name="percentile", choose=_percentile),
    Observer(name="mse", choose=_mse),
)
