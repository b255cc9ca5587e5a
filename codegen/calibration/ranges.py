"""From activations on samples to the ranges and left shifts that `quantise` needs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from codegen.arith import FRACTION_BITS, least_left_shift
from codegen.calibration.observers import Interval, Range, find_observer, observe
from codegen.errors import GateBreach, HvError
from codegen.nets import FloatNet
from codegen.ops.base import Op
from codegen.ops.mac import MacOp
from codegen.quantise import layers_that_ask_a_range, quantise

MANY_VALUES = 10_000  # beyond, the extremes of a layer grow too slowly to matter
FEW_VALUES = 8  # of fewer nothing is concluded
Activations = Mapping[str, np.ndarray]  # real values [N, ...] by layer, and by input


def with_ranges(
    net: FloatNet, activations: Activations, observer: str, *, room: bool = False
) -> FloatNet:
    """The network with observed ranges and the left shifts that these ask for.

    Args:
        net: its ranges and left shifts, if any, are replaced.
        activations: every layer's real output on the samples, and the samples themselves under
            the names of those inputs that have no scale of their own.
        observer: name of one of OBSERVERS.
        room: widen the ranges of layers that were seen in few values, see `widened`.

    Raises:
        HvError: unknown observer, a layer without activations.
        GateBreach: every layer whose activations give no range.
    """
    return with_observed(net, activations, observed_ranges(net, activations, observer), room=room)


def with_observed(
    net: FloatNet, activations: Activations, ranges: Mapping[str, Range], *, room: bool = False
) -> FloatNet:
    """`with_ranges` where the ranges were observed on these activations already."""
    if room:
        intervals = {layer.name: _interval(layer.op) for layer in net.arch.layers}
        ranges = {
            name: widened(found, activations[name].size, intervals.get(name, (None, None)))
            for name, found in ranges.items()
        }
    return with_left_shifts(dataclasses.replace(net, ranges=ranges))


def observed_ranges(net: FloatNet, activations: Activations, observer: str) -> dict[str, Range]:
    """Ranges by name of the inputs given and the layers that ask for one, and of no others.

    What is 0 everywhere, on all samples, gets a range as wide as what it is made of: nothing was
    learnt about it, and this one keeps its multipliers ordinary.
    """
    find_observer(observer)
    names = [layer.name for layer in net.arch.layers]
    missing = [name for name in names if name not in activations]
    if missing:
        raise HvError("there are no activations", where=f"layer {', '.join(missing)}")
    rough = {name: _rough_range(values) for name, values in activations.items()}
    asking = (
        *_inputs_to_observe(net, activations),
        *layers_that_ask_a_range(dataclasses.replace(net, ranges=rough)),
    )
    intervals: dict[str, Interval] = dict.fromkeys(activations, (None, None))
    intervals |= {layer.name: _interval(layer.op) for layer in net.arch.layers}
    ranges: dict[str, Range] = {}
    faults = []
    for name in asking:
        where = f"layer {name}" if name in names else f"input {name}"
        try:
            found = observe(observer, activations[name], where=where, interval=intervals[name])
            is_dead = found == (0.0, 0.0)
            ranges[name] = _range_of_nothing(net, activations, name) if is_dead else found
        except HvError as error:
            faults.append(error)
    if faults:
        raise GateBreach("calibrate", tuple(faults))
    return ranges


def widened(found: Range, values: int, interval: Interval) -> Range:
    """A range with room for what few values did not show.

    The largest of n normal numbers lies near sqrt(2 ln n) deviations: a range seen in n values is
    widened to what MANY_VALUES would have shown, within what the activation clamps to.
    """
    factor = max(1.0, math.sqrt(math.log(MANY_VALUES) / math.log(max(values, FEW_VALUES))))
    lo, hi = (end * factor for end in found)
    least, largest = interval
    return (
        lo if least is None else max(lo, min(least, 0.0)),
        hi if largest is None else min(hi, max(largest, 0.0)),
    )


def still_layers(net: FloatNet, activations: Activations) -> tuple[str, ...]:
    """Inputs and layers with an observed range whose values are one number on all samples."""
    return tuple(name for name in net.ranges if activations[name].min() == activations[name].max())


def with_left_shifts(net: FloatNet) -> FloatNet:
    """The network, each MacOp with the smallest left shift that makes its multipliers fit.

    A multiplier stands for scale_in * scale_weight / scale_out below 1/2; an output range that is
    narrow beside the accumulator asks for more. The network's ranges must be known.
    """
    plain = dataclasses.replace(net, left_shifts={})
    shifts = {
        layer.name: least_left_shift(_multipliers(layer.tensors) / 2.0**FRACTION_BITS)
        for layer in quantise(plain).layers
        if isinstance(layer.op, MacOp) and layer.op.output_dtype == "int8"
    }
    needed = {name: shift for name, shift in shifts.items() if shift}
    return dataclasses.replace(net, left_shifts=needed)


def _inputs_to_observe(net: FloatNet, activations: Activations) -> list[str]:
    """What the caller gives, read or not, and nobody has given a scale."""
    given = net.arch.input_names
    return [name for name in given if name in activations and name not in net.quantities]


def _range_of_nothing(net: FloatNet, activations: Activations, name: str) -> Range:
    """As wide as the inputs of a layer that is always 0; of an input, [-1, 1]."""
    sources = next((layer.inputs for layer in net.arch.layers if layer.name == name), ())
    reaches = [_rough_range(activations[source])[1] for source in sources if source in activations]
    reach = max(reaches, default=1.0)
    return -reach, reach


def _multipliers(tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """Every multiplier of a layer as float64, exact below 2**53."""
    kinds = [values for name, values in tensors.items() if name.endswith("multiplier")]
    return np.concatenate(kinds).astype(np.float64)


def _interval(op: Op) -> Interval:
    """What the activation that is fused into a layer clamps its output to."""
    activation = getattr(op, "activation", None)
    return (None, None) if activation is None else activation.bounds()


def _rough_range(values: np.ndarray) -> Range:
    """Any range in which the network can be quantised, to see who asks for a better one."""
    finite = np.asarray(values)[np.isfinite(values)]
    reach = float(np.abs(finite).max(initial=0.0)) or 1.0
    return -reach, reach
