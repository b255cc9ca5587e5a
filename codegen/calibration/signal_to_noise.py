"""How much of a signal an approximation keeps, in decibels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from codegen.errors import HvError
from codegen.ops.base import QuantLayer

SNR_LIMIT_DB = 200.0  # beyond this it is the arithmetic of the comparison that one measures


def snr_db(real: np.ndarray, approximated: np.ndarray) -> float:
    """10 log10(sum(real^2) / sum((real - approximated)^2)), over all samples and elements.

    Always a finite number in [-SNR_LIMIT_DB, SNR_LIMIT_DB]: SNR_LIMIT_DB where nothing was lost
    (also of a signal that is all zero), -SNR_LIMIT_DB where an all-zero signal became anything
    else.

    Args:
        real: the signal, any shape.
        approximated: the same shape.

    Raises:
        HvError: different shapes, no elements, or values that are not finite.
    """
    signal, other = (np.asarray(values, np.float64) for values in (real, approximated))
    if signal.shape != other.shape:
        raise HvError(f"a signal of shape {signal.shape} was approximated by one of {other.shape}")
    if signal.size == 0:
        raise HvError("an empty signal has no signal-to-noise ratio")
    if not (np.isfinite(signal).all() and np.isfinite(other).all()):
        raise HvError("a signal with NaN or infinite values has no signal-to-noise ratio")
    power = float((signal**2).sum())
    noise = float(((signal - other) ** 2).sum())
    if noise == 0:
        return SNR_LIMIT_DB
    if power == 0:
        return -SNR_LIMIT_DB
    decibels = 10 * (np.log10(power) - np.log10(noise))
    return float(np.clip(decibels, -SNR_LIMIT_DB, SNR_LIMIT_DB))


def snr_by_output(
    real: Mapping[str, np.ndarray],
    integers: Mapping[str, np.ndarray],
    layers: Iterable[QuantLayer],
    outputs: Iterable[str],
) -> dict[str, float]:
    """snr_db of each output by name.

    Args:
        real: the float network's activations by layer.
        integers: the integer network's, int8 or int32.
        layers: of the integer network: they know what its integers stand for.
        outputs: names of the layers to compare.

    Raises:
        HvError: an output that is no layer, or cannot be compared; it names the output.
    """
    quantities = {layer.name: layer.quantity for layer in layers}
    found = {}
    for name in outputs:
        if name not in quantities or name not in real or name not in integers:
            raise HvError("there is no such output", where=name)
        try:
            found[name] = snr_db(real[name], quantities[name].reals(integers[name]))
        except HvError as error:
            raise HvError(error.what, where=f"output {name}", hint=error.hint) from error
    return found
