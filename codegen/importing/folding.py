"""What follows a layer with weights and can become part of it: scales, offsets, activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codegen.arith import INT8_MIN
from codegen.errors import HvError
from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.ops.base import Activation

BYTE_OFFSET = 128  # zero point of symmetric uint8 weights
BATCH_NORM_AXIS = 1  # of whatever rank
INFINITE = 3e38  # what older exporters write for no bound is larger


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A linear layer.

    Attributes:
        weight: float64, the output channel first.
        bias: float64 [C].
        scales: float64 [C] if the weights came quantised and nothing has changed them, else None.
    """

    weight: np.ndarray
    bias: np.ndarray
    scales: np.ndarray | None = None

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> Weights:
        """The layer followed by * scale + offset, both [C]."""
        shaped = scale.reshape(-1, *(1,) * (self.weight.ndim - 1))
        unchanged = bool((scale == 1).all())
        return Weights(
            weight=self.weight if unchanged else self.weight * shaped,
            bias=self.bias * scale + offset,
            scales=self.scales if unchanged else None,
        )


@dataclass(frozen=True, kw_only=True)
class Folded:
    """A linear layer with all that was folded into it.

    Attributes:
        weights: of the layer.
        activation: fused into it.
        slope: float64 [C] of a PReLU, else None.
        tensor: the tensor that it makes, the last one's of what was folded.
    """

    weights: Weights
    activation: Activation
    slope: np.ndarray | None
    tensor: str

    def tensors(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        """The layer's float tensors, `weight` in the order of the operator."""
        made = {"weight": weight, "bias": self.weights.bias}
        if self.slope is not None:
            made["slope"] = self.slope
        return made


def fold(context: Context, weights: Weights, tensor: str, channel_axis: int) -> Folded:
    """Takes in what follows the layer that makes `tensor`; `channel_axis` is the model's axis."""
    while (node := context.only_reader(tensor)) is not None:
        affine = affine_of(context, node, tensor, channel_axis)
        if affine is None:
            break
        weights = weights.scaled(*affine)
        context.consume(node)
        tensor = node.outputs[0]
    channels = len(weights.bias)
    activation, slope, tensor = fuse_activation(context, tensor, channels, channel_axis)
    return Folded(weights=weights, activation=activation, slope=slope, tensor=tensor)


def unfolded(weights: Weights, tensor: str) -> Folded:
    """A layer that takes in nothing."""
    return Folded(weights=weights, activation=Activation(), slope=None, tensor=tensor)


def fuse_activation(
    context: Context, tensor: str, channels: int | None, channel_axis: int = 0
) -> tuple[Activation, np.ndarray | None, str]:
    """The activation that alone reads `tensor`: activation, slope, the tensor it makes.

    Args:
        context: the import.
        tensor: what the layer makes.
        channels: of the layer; None where it cannot carry a PReLU.
        channel_axis: the model's axis of the channels.
    """
    none = Activation(), None, tensor
    node = context.only_reader(tensor)
    if node is None:
        return none
    if node.op_type == "Relu":
        activation, slope = Activation(kind="relu"), None
    elif node.op_type == "Clip":
        found = clip_activation(context, node)
        if found is None:
            return none
        activation, slope = found, None
    elif channels is not None and node.op_type in ("LeakyRelu", "PRelu"):
        slope = _slopes(context, node, channels, channel_axis)
        if slope is None:
            return none
        activation = Activation(kind="prelu")
    else:
        return none
    context.consume(node)
    return activation, slope, node.outputs[0]


def clip_activation(context: Context, node: Node) -> Activation | None:
    """A Clip between two constants as an activation."""
    lo, hi = clip_bounds(context, node)
    if (lo, hi) == (0.0, 6.0):
        return Activation(kind="relu6")
    if lo is None or hi is None or not lo < hi:
        return Activation(kind="relu") if lo == 0.0 and hi is None else None
    return Activation(kind="clip", lo=lo, hi=hi)


def clip_bounds(context: Context, node: Node) -> tuple[float | None, float | None]:
    """Attributes before opset 11, inputs since then; None or infinite: open."""
    ends: list[float | None] = []
    for index, name in ((1, "min"), (2, "max")):
        end = node.attribute(name)
        if context.has_input(node, index):
            end = context.required_constant(node, index, f"{name}imum").reshape(-1)[0]
        is_open = end is None or not abs(float(end)) < INFINITE
        ends.append(None if is_open else float(end))
    return ends[0], ends[1]


def affine_of(
    context: Context, node: Node, tensor: str, channel_axis: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scale and offset [C] of a node that does only that to each channel of `tensor`, or None."""
    if node.op_type == "BatchNormalization":
        fits = _reads_first(node, tensor) and channel_axis == BATCH_NORM_AXIS
        return batch_norm(context, node) if fits else None
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    other = 1 if _reads_first(node, tensor) else 0
    values = context.constant(node, other)
    shape = context.shape(tensor)
    if values is None or context.shape(node.outputs[0]) != shape:
        return None
    if other == 0 and node.op_type in ("Sub", "Div"):
        return None
    channel = along_axis(values, shape, channel_axis)
    if channel is None:
        return None
    ones, zeros = np.ones(shape[channel_axis]), np.zeros(shape[channel_axis])
    if node.op_type == "Div" and not channel.all():
        return None
    return {
        "Add": (ones, zeros + channel),
        "Sub": (ones, zeros - channel),
        "Mul": (ones * channel, zeros),
        "Div": (ones / np.where(channel == 0, 1, channel), zeros),
    }[node.op_type]


def batch_norm(context: Context, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of a BatchNormalization in inference form; float64 [C]."""
    if node.attribute("training_mode", 0) or sum(map(bool, node.outputs)) > 1:
        raise Unsupported("it is in training form", "export the model after model.eval()")
    names = ("scale", "offset", "mean", "variance")
    gamma, beta, mean, variance = (
        context.required_constant(node, index, name).astype(np.float64)
        for index, name in enumerate(names, 1)
    )
    scale = gamma / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    return scale, beta - mean * scale


def bias_of(context: Context, node: Node) -> np.ndarray | None:
    """The third input of a layer with weights, float64; None if it has none.

    One that came quantised is taken from its integers: float64 keeps every bit of an int32, which
    the model's float32 does not.
    """
    if not context.has_input(node, 2):
        return None
    own = context.own_integers(node.inputs[2])
    if own is not None:
        return np.asarray(own.differences * own.aligned(own.scale), np.float64)
    return context.required_constant(node, 2, "bias").astype(np.float64)


def along_axis(values: np.ndarray, shape: tuple[int, ...], axis: int) -> np.ndarray | None:
    """A constant along one axis of `shape`, float64 [shape[axis]]; None if it varies elsewhere."""
    values = np.asarray(values, np.float64)
    if values.size == 1:
        return np.full(shape[axis], values.reshape(-1)[0])
    if values.ndim > len(shape):
        return None
    padded = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
    if padded.shape[axis] != shape[axis] or padded.size != shape[axis]:
        return None
    return padded.reshape(-1)


def symmetric_scales(
    context: Context, tensor: str, channels: int, channel_axis: int
) -> np.ndarray | None:
    """Scales [C] of weights that came symmetric and with a scale per output channel or in all.

    Of any others the house chooses scales itself, and the import remarks on it.
    """
    own = context.own_integers(tensor)
    if own is None:
        return None
    middle = BYTE_OFFSET if own.integers.dtype == np.uint8 else 0
    axis = own.axis % max(own.integers.ndim, 1)
    if (own.zero_point != middle).any() or (own.scale.size > 1 and axis != channel_axis):
        context.remark(
            f"weights {tensor}: their zero point is not {middle} or their scales do not run along "
            "the output channel; they get scales per channel that do"
        )
        return None
    lowest = int((own.integers.astype(np.int64) - middle == INT8_MIN).sum())
    if lowest:
        context.remark(f"weights {tensor}: {lowest} of -128 become -127, weights are symmetric")
    return np.broadcast_to(own.scale.astype(np.float64).reshape(-1), (channels,)).copy()


def _slopes(context: Context, node: Node, channels: int, channel_axis: int) -> np.ndarray | None:
    if node.op_type == "LeakyRelu":
        return np.full(channels, float(node.attribute("alpha", 0.01)))
    slope = context.constant(node, 1)
    if slope is None:
        raise HvError("its slope is computed by the model", hint="a PRelu needs constant slopes")
    return along_axis(slope, context.shape(node.inputs[0]), channel_axis)


def _reads_first(node: Node, tensor: str) -> bool:
    return node.inputs[0] == tensor
