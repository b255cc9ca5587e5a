"""What conv2d, depthwise, pointwise and dense share: weights, accumulators, requantisation."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codegen.arith import (
    MULTIPLIER_LIMIT,
    WEIGHT_MAX,
    Array,
    quantise_multiplier,
    requantise,
    requantise_prelu,
    round_half_up,
)
from codegen.errors import HvError
from codegen.ops.base import (
    Activation,
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
    TensorSpec,
)

BIAS_LIMIT = 2**29  # a bias may use a quarter of the accumulator: the gate decides the rest


@dataclass(frozen=True, kw_only=True)
class FinishContext(KernelContext):
    """What every multiply-accumulate kernel needs to finish an output."""

    prelu: bool
    left_shift: int
    zero_point: int
    lo: int
    hi: int


@dataclass(frozen=True, kw_only=True)
class MacContext(FinishContext):
    """The same for a kernel that may read the camera's bytes."""

    input_type: str  # "uint8_t" when the layer reads the camera's bytes, else "int8_t"
    input_offset: int  # subtracted from what is read: 128 for camera bytes, else 0


@dataclass(frozen=True, kw_only=True)
class MacOp(Op):
    """An operator that multiplies by weights, sums into int32 and requantises."""

    activation: Activation = field(default_factory=Activation)

    @abstractmethod
    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """House layout: output channel first, but depthwise [kh, kw, C]."""

    @property
    def channel_axis(self) -> int:
        """The output channel's axis in the weights."""
        return 0

    def output_channels(self, inputs: tuple[Shape, ...]) -> int:
        """Number of accumulators per output position."""
        return self.weight_shape(inputs)[self.channel_axis]

    def float_tensors(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """weight, bias and, for PReLU, slope."""
        channels = (self.output_channels(inputs),)
        shapes = {"weight": self.weight_shape(inputs), "bias": channels}
        if self.activation.kind == "prelu":
            shapes["slope"] = channels
        return shapes

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """Integer tensors, int32 first so that a struct of them needs no padding."""
        channels = (self.output_channels(inputs),)
        specs = {"bias": TensorSpec(dtype="int32", shape=channels, meaning="accumulator's start")}
        if self.output_dtype == "int8":
            specs["multiplier"] = TensorSpec(
                dtype="int32", shape=channels, meaning="requantisation, units of 2^-32"
            )
        if self.activation.kind == "prelu":
            specs["negative_multiplier"] = TensorSpec(
                dtype="int32", shape=channels, meaning="the same below zero, units of 2^-32"
            )
        specs["weight"] = TensorSpec(
            dtype="int8", shape=self.weight_shape(inputs), meaning="weights"
        )
        return specs

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Symmetric weights per output channel; the input's zero point goes into the bias."""
        source = request.input_quantities[0]
        weight = np.asarray(request.tensors["weight"], np.float64)
        bias = np.asarray(request.tensors["bias"], np.float64)
        scales = request.weight_scales
        if scales is None:
            scales = self._weight_scales(weight, bias, source.scale)
        if self.output_dtype == "int32":  # nothing rescales a channel: all have one scale
            scales = np.full_like(scales, scales.max())
        q_weight = round_half_up(weight / self._per_channel(scales)).clip(-WEIGHT_MAX, WEIGHT_MAX)
        acc_scales = source.scale * scales
        q_bias = round_half_up(bias / acc_scales) - source.zero_point * self._sums(q_weight)
        tensors = {"bias": q_bias, "weight": q_weight}
        if self.output_dtype == "int32":
            quantity = Quantity(scale=float(acc_scales[0]), zero_point=0)
            return Quantised(quantity=quantity, constants={}, tensors=_as_stored(tensors))
        quantity = self._output_quantity(request)
        ratio = acc_scales / quantity.scale
        tensors["multiplier"] = np.maximum(quantise_multiplier(ratio, request.left_shift), 1)
        if self.activation.kind == "prelu":
            slope = np.asarray(request.tensors["slope"], np.float64)
            tensors["negative_multiplier"] = quantise_multiplier(ratio * slope, request.left_shift)
        lo, hi = self.activation.clamp(quantity)
        constants = {"left_shift": request.left_shift, "lo": lo, "hi": hi}
        return Quantised(quantity=quantity, constants=constants, tensors=_as_stored(tensors))

    def finish(self, layer: QuantLayer, acc: Array) -> Array:
        """Turns int32 accumulators, channels last, into the layer's output."""
        if self.output_dtype == "int32":
            return acc
        tensors, constants = layer.tensors, layer.constants
        if self.activation.kind == "prelu":
            return requantise_prelu(
                acc,
                tensors["multiplier"],
                tensors["negative_multiplier"],
                left_shift=constants["left_shift"],
                zero_point=layer.quantity.zero_point,
                lo=constants["lo"],
                hi=constants["hi"],
            )
        return requantise(
            acc,
            tensors["multiplier"],
            left_shift=constants["left_shift"],
            zero_point=layer.quantity.zero_point,
            lo=constants["lo"],
            hi=constants["hi"],
        )

    def accumulator_bounds(self, layer: QuantLayer) -> np.ndarray:
        """Per channel |bias| + 128 * sum(|w|), shifted: int64 [C]. No input can exceed it."""
        bias = np.abs(layer.tensors["bias"].astype(np.int64))
        reach = 128 * self._sums(np.abs(layer.tensors["weight"].astype(np.int64)))
        bounds: np.ndarray = (bias + reach) << layer.constants.get("left_shift", 0)
        return bounds

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Accumulators that may leave int32, multipliers out of range, weights of -128."""
        found = [
            HvError(
                f"the accumulator of channel {c} can reach {int(bound)}, int32 ends at {2**31 - 1}",
                where=f"layer {layer.name}, channel {c}",
                hint="the weights or the bias of this channel are too large for their scale",
            )
            for c, bound in enumerate(self.accumulator_bounds(layer))
            if bound >= 2**31
        ]
        lowest = {"multiplier": 1, "negative_multiplier": 1 - MULTIPLIER_LIMIT}
        for name in lowest.keys() & layer.tensors.keys():
            values = layer.tensors[name].astype(np.int64)
            for c in np.flatnonzero((values < lowest[name]) | (values >= MULTIPLIER_LIMIT)):
                found.append(
                    HvError(
                        f"{name} {int(values[c])} is outside [{lowest[name]}, 2**31)",
                        where=f"layer {layer.name}, channel {int(c)}",
                        hint="give this layer a left shift, or a wider output range",
                    )
                )
        if int(layer.tensors["weight"].min()) < -WEIGHT_MAX:
            found.append(
                HvError("a weight is -128: weights are symmetric", where=f"layer {layer.name}")
            )
        return found

    def mac_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of MacContext for a layer."""
        reads_image = layer.inputs[0] == "image"
        return {
            "input_type": "uint8_t" if reads_image else "int8_t",
            "input_offset": 128 if reads_image else 0,
            **self.finish_context(layer),
        }

    def finish_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of FinishContext for a layer."""
        return {
            "prelu": self.activation.kind == "prelu",
            "left_shift": layer.constants.get("left_shift", 0),
            "zero_point": layer.quantity.zero_point,
            "lo": layer.constants.get("lo", 0),
            "hi": layer.constants.get("hi", 0),
        }

    def _output_quantity(self, request: QuantiseRequest) -> Quantity:
        return request.output_quantity(*self.activation.bounds())

    def _weight_scales(self, weight: np.ndarray, bias: np.ndarray, source: float) -> np.ndarray:
        """One scale per channel; a channel of tiny weights yields to its bias."""
        axes = tuple(a for a in range(weight.ndim) if a != self.channel_axis % weight.ndim)
        largest = np.abs(weight).max(axis=axes)
        scales = np.maximum(largest / WEIGHT_MAX, np.abs(bias) / (source * BIAS_LIMIT))
        return np.where(scales > 0, scales, 1.0 / WEIGHT_MAX)

    def _per_channel(self, values: np.ndarray) -> np.ndarray:
        """Shapes [C] so that it broadcasts over the weights."""
        return values if self.channel_axis == -1 else values.reshape(-1, *self._ones())

    def _ones(self) -> tuple[int, ...]:
        return (1, 1, 1)

    def _sums(self, weight: np.ndarray) -> np.ndarray:
        axes = tuple(a for a in range(weight.ndim) if a != self.channel_axis % weight.ndim)
        sums: np.ndarray = weight.sum(axis=axes, dtype=np.int64)
        return sums


def _as_stored(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """int64 work arrays to int32 and int8; what does not fit stays int64 for the gate to name."""
    stored = {}
    for name, values in tensors.items():
        limits = np.iinfo(np.int8 if name == "weight" else np.int32)
        fits = values.min() >= limits.min and values.max() <= limits.max
        stored[name] = values.astype(limits.dtype) if fits else values
    return stored
