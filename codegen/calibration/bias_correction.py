"""Empirical bias correction: what rounding shifts on average is put back into the biases."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from codegen.nets import FloatNet, Layer
from codegen.ops.base import QuantLayer
from codegen.ops.mac import MacOp
from codegen.ops.normalised_decision import NormalisedDecision
from codegen.quantise import quantise
from codegen.reference import run_layer

LEAST_SLOPE = 1 / 8  # of a channel's activation, on average: below it the bias hardly shows


def correct_biases(
    net: FloatNet, activations: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]
) -> FloatNet:
    """The network with biases that take back the mean error of each channel.

    After Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction,
    ICCV 2019, section 4.2 and appendix D, from samples: layer by layer, with those before it
    corrected already, bias[c] += mean(real output - integer output) / mean slope of the
    activation. Behind a ReLU the slope is the share of outputs that are not clamped. Channels
    that are nearly always clamped, or fall with their accumulator, keep their bias, and so does
    the layer that feeds a normalised decision, which must not have one.

    Nothing but biases changes. Whether the outputs gain by it is for the caller to measure.

    Args:
        net: with its ranges.
        activations: every layer's real output on the samples, by layer.
        inputs: the network's inputs on the same samples, int8 [N, ...] by name.
    """
    without_bias = {
        layer.inputs[0] for layer in net.arch.layers if isinstance(layer.op, NormalisedDecision)
    }
    values = dict(inputs)
    layers = quantise(net).layers
    for index, layer in enumerate(net.arch.layers):
        values[layer.name] = run_layer(layers[index], values)
        if not isinstance(layer.op, MacOp) or layer.name in without_bias:
            continue
        net = _corrected(net, layer, layers[index], activations[layer.name], values[layer.name])
        layers = quantise(net).layers
        values[layer.name] = run_layer(layers[index], values)
    return net


def _corrected(
    net: FloatNet, layer: Layer, integer: QuantLayer, real: np.ndarray, got: np.ndarray
) -> FloatNet:
    """The network with one layer's bias corrected; `real` and `got` [N, ..., C]."""
    channels = real.shape[-1]
    rows = np.asarray(real, np.float64).reshape(-1, channels)
    error = (rows - integer.quantity.reals(got).reshape(-1, channels)).mean(axis=0)
    slope = _mean_slope(net, layer, rows)
    moved = slope >= LEAST_SLOPE
    step = np.where(moved, error / np.where(moved, slope, 1.0), 0.0)
    name = f"{layer.name}.bias"
    bias = (np.asarray(net.tensors[name], np.float64) + step).astype(np.float32)
    return dataclasses.replace(net, tensors={**net.tensors, name: bias})


def _mean_slope(net: FloatNet, layer: Layer, outputs: np.ndarray) -> np.ndarray:
    """Mean derivative of the activation by its input, [C], judged from outputs [M, C]."""
    op = layer.op
    assert isinstance(op, MacOp)
    if op.activation.kind == "prelu":
        slope = np.asarray(net.tensors[f"{layer.name}.slope"], np.float64)
        means: np.ndarray = np.where(outputs > 0, 1.0, slope).mean(axis=0)
        return np.where(slope >= 0, means, 0.0)  # else an output does not tell its input's sign
    lo, hi = op.activation.bounds()
    inside = np.ones(outputs.shape, bool)
    if lo is not None:
        inside &= outputs > lo
    if hi is not None:
        inside &= outputs < hi
    shares: np.ndarray = inside.mean(axis=0)
    return shares
