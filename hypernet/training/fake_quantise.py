"""Quantisation-aware training: the forward pass is the integer contract itself, bit for bit.

Every step quantises the weights with `codegen.quantise`, so weights, biases, multipliers and
clamps are those that a kernel would get. Values between layers are *centred* integers, q - zero
point, held in floats: padding is then 0, zero points drop out of the sums, and PyTorch's fast
convolutions give the contract's accumulators, exactly, as long as no partial sum can reach 2^24 in
float32 (2^53 in float64). That is checked per layer from the actual weights. Requantisation is
exact in float64 while accumulator times multiplier stays below 2^53; beyond, it is
`codegen.arith`'s own. Operators without weights run their own `reference`.

Backward goes straight through every rounding (Bengio et al., 2013) and stops where an output was
clamped (Jacob et al., 2018). Batch norm is folded before; its statistics have to be frozen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from codegen.arith import FRACTION_BITS, INT8_MAX, INT8_MIN, WEIGHT_MAX, requantise_prelu
from codegen.nets import IMAGE, Architecture, FloatNet, QuantNet
from codegen.ops.base import Activation, QuantLayer
from codegen.ops.mac import MacOp
from codegen.quantise import quantise

Ranges = Mapping[str, tuple[float, float]]
Integers = dict[str, Tensor]
Ends = tuple[int, int, int]  # lo and hi of an output, and its zero point
_ANY_THRESHOLD = 0.5  # the decision's; the body does not depend on it


def integer_network(
    architecture: Architecture, theta: Mapping[str, Tensor], ranges: Ranges
) -> QuantNet:
    """What a device would run.

    Args:
        architecture: of f.
        theta: every tensor of it, in real numbers.
        ranges: of every layer's output.
    """
    tensors = {name: tensor.detach().float().cpu().numpy() for name, tensor in theta.items()}
    net = FloatNet(arch=architecture, tensors=tensors, ranges=ranges, threshold=_ANY_THRESHOLD)
    return quantise(net)


def quantised_head(weight: Tensor) -> Tensor:
    """Last layers as their integers say, in real numbers: float [..., F]; straight through.

    The same as `codegen.quantise` makes of a head without bias.
    """
    with torch.no_grad():
        real = weight.double()
        scale = real.abs().amax(dim=-1, keepdim=True).clamp(min=1e-30) / WEIGHT_MAX
        integers = torch.floor(real / scale + 0.5).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        rounded = (integers * scale).to(weight.dtype)
    return straight_through(weight, rounded)


def straight_through(real: Tensor, integer: Tensor) -> Tensor:
    """`integer`, exactly, with the gradient of `real`."""
    return integer + (real - real.detach())


class IntegerBody:
    """The body of one or several integer networks, differentiable in their real weights.

    The networks share architecture and ranges, so all that is not weights is the same.
    """

    def __init__(self, nets: Sequence[QuantNet], device: torch.device) -> None:
        """Checks how exact every layer's sums have to be."""
        self._layers = {
            layer.name: _Plan.of([net.layers[place] for net in nets], device)
            for place, layer in enumerate(nets[0].layers)
        }
        self._image = nets[0].input_quantities[IMAGE]

    def integers(self) -> Integers:
        """What differs between the networks, stacked [nets, ...], by "layer.tensor"."""
        return {
            f"{name}.{tensor_name}": tensor
            for name, plan in self._layers.items()
            for tensor_name, tensor in plan.integers.items()
        }

    def image(self, real: Tensor) -> Tensor:
        """Camera bytes nearest to an augmented image, centred: float32, whole numbers."""
        scale, zero = self._image.scale, self._image.zero_point
        q = torch.floor(real / scale + 0.5) + zero
        return q.clamp(INT8_MIN, INT8_MAX) - zero

    def run(
        self,
        names: Sequence[str],
        theta: Mapping[str, Tensor],
        integers: Mapping[str, Tensor],
        values: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Runs layers of one network.

        Args:
            names: of the layers, in order.
            theta: real weights, where gradients go.
            integers: `integers()` of this one network.
            values: centred integers of what the layers read.

        Returns:
            `values` and the layers' outputs, centred integers in float32.
        """
        values = dict(values)
        for name in names:
            plan = self._layers[name]
            own = {key: theta[f"{name}.{key}"] for key in plan.parameters}
            whole = {key: integers[f"{name}.{key}"] for key in plan.integers}
            values[name] = plan.run(own, whole, tuple(values[i] for i in plan.layer.inputs))
        return values

    def real(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """What a layer's centred integers stand for."""
        return values[name] * self._layers[name].layer.quantity.scale


@dataclass(frozen=True, kw_only=True, eq=False)
class _Plan:
    """How one layer is computed.

    Attributes:
        layer: of the first network; what is the same in all is read from it.
        integers: stacked weights of all: weight, bias (centred), scale (of the weights), and the
            two multipliers as real numbers.
        wide: sums need float64.
        whole: requantisation needs int64.
    """

    layer: QuantLayer
    integers: Integers
    wide: bool = False
    whole: bool = False

    @classmethod
    def of(cls, layers: Sequence[QuantLayer], device: torch.device) -> _Plan:
        """From the same layer of all networks."""
        first = layers[0]
        if not isinstance(first.op, MacOp) or first.op.output_dtype != "int8":
            return cls(layer=first, integers={})
        every = [_layer_integers(layer) for layer in layers]
        stacked = {name: np.stack([own[name] for own in every]) for name in every[0]}
        zero = first.input_quantities[0].zero_point
        reach = max(INT8_MAX - zero, zero - INT8_MIN)
        flat = np.moveaxis(stacked["weight"], _axis(first.op), 1)
        sums = np.abs(flat).reshape(*flat.shape[:2], -1).sum(axis=2)
        bound = np.abs(stacked["bias"]) + reach * sums
        products = bound * np.maximum(stacked["positive"], np.abs(stacked["negative"]))
        wide = bool(bound.max() >= 2**24) or device.type != "cpu"  # a GPU may sum in TF32
        floats = np.float64 if wide else np.float32
        kinds = {"weight": floats, "bias": floats, "scale": np.float32}
        return cls(
            layer=first,
            integers={
                name: torch.from_numpy(array.astype(kinds.get(name, np.float64))).to(device)
                for name, array in stacked.items()
            },
            wide=wide,
            whole=bool(products.max() * 2.0**FRACTION_BITS + 2**31 >= 2**53),
        )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the real tensors that take gradients."""
        return tuple(self.layer.op.float_tensors(self.layer.input_shapes)) if self.integers else ()

    def run(self, own: Integers, whole: Integers, inputs: tuple[Tensor, ...]) -> Tensor:
        """Centred integers to centred integers."""
        return self._mac(own, whole, inputs[0]) if self.integers else self._reference(inputs)

    def _mac(self, own: Integers, whole: Integers, x: Tensor) -> Tensor:
        layer, op = self.layer, self.layer.op
        assert isinstance(op, MacOp)
        shape = [1] * own["weight"].dim()
        shape[op.channel_axis] = -1
        scale, source = whole["scale"], layer.input_quantities[0].scale
        weight = straight_through(own["weight"] / scale.view(shape), whole["weight"])
        bias = straight_through(own["bias"] / (scale * source), whole["bias"])
        linear = dataclasses.replace(op, activation=Activation())
        acc = linear.float_forward({"weight": weight, "bias": bias}, (x.to(weight.dtype),))
        ends = (layer.constants["lo"], layer.constants["hi"], layer.quantity.zero_point)
        slope = own.get("slope")
        result: Tensor = _Requantise.apply(  # type: ignore[no-untyped-call]
            acc, slope, whole["positive"], whole["negative"], ends, self.whole
        )
        return result

    def _reference(self, inputs: tuple[Tensor, ...]) -> Tensor:
        """The operator's own integers, and its real function's gradient."""
        layer = self.layer
        quantity = layer.quantity
        with torch.no_grad():
            q = [
                (x + own.zero_point).to(torch.int8)
                for x, own in zip(inputs, layer.input_quantities, strict=True)
            ]
            exact = layer.op.reference(layer, tuple(q)).to(torch.float32) - quantity.zero_point
        reals = [x * own.scale for x, own in zip(inputs, layer.input_quantities, strict=True)]
        soft = layer.op.float_forward({}, tuple(reals)) / quantity.scale
        lo, hi = INT8_MIN - quantity.zero_point, INT8_MAX - quantity.zero_point
        return straight_through(soft.clamp(lo, hi), exact)


def _axis(op: MacOp) -> int:
    """The output channel's axis in stacked weights."""
    return op.channel_axis if op.channel_axis < 0 else op.channel_axis + 1


def _layer_integers(layer: QuantLayer) -> dict[str, np.ndarray]:
    """One layer's numbers as float64; bias without the input's folded zero point."""
    assert isinstance(layer.op, MacOp)
    weight = layer.tensors["weight"].astype(np.float64)
    rows = np.moveaxis(weight, layer.op.channel_axis, 0).reshape(len(layer.tensors["bias"]), -1)
    unit = 2.0 ** (layer.constants["left_shift"] - FRACTION_BITS)
    positive = layer.tensors["multiplier"].astype(np.float64) * unit
    negative = layer.tensors.get("negative_multiplier", layer.tensors["multiplier"])
    source = layer.input_quantities[0]
    return {
        "weight": weight,
        "bias": layer.tensors["bias"] + source.zero_point * rows.sum(axis=1),
        "scale": positive * layer.quantity.scale / source.scale,
        "positive": positive,
        "negative": negative.astype(np.float64) * unit,
    }


class _Requantise(torch.autograd.Function):
    """Accumulators, channels last, to centred integers: codegen.arith.requantise_prelu."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        acc: Tensor,
        slope: Tensor | None,
        positive: Tensor,
        negative: Tensor,
        ends: Ends,
        whole: bool,
    ) -> Tensor:
        lo, hi, zero = ends
        if whole:
            return _requantise_whole(acc, positive, negative, ends)
        real = acc.double()
        if slope is None:
            real = real * positive
        else:
            real = real.clamp(min=0) * positive + real.clamp(max=0) * negative
        return torch.floor(real + 0.5).clamp(lo - zero, hi - zero).float()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        acc, slope, positive, negative, ctx.ends, _ = inputs
        ctx.save_for_backward(acc, slope, positive, negative, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        acc, slope, positive, negative, output = ctx.saved_tensors
        lo, hi, zero = ctx.ends
        passed = torch.ops.aten.hardtanh_backward(gradient, output, lo - zero, hi - zero)
        if slope is None:
            return (passed * positive.to(passed.dtype)).to(acc.dtype), *(None,) * 5
        kind = passed.dtype
        above = torch.ops.aten.threshold_backward(passed, acc.to(kind), 0)
        below = passed - above
        gradient_acc = above * positive.to(kind) + below * negative.to(kind)
        axes = list(range(acc.dim() - 1))
        gradient_slope = (below * acc.to(kind)).sum(axes) * positive.to(kind)
        return gradient_acc.to(acc.dtype), gradient_slope, *(None,) * 4


def _requantise_whole(acc: Tensor, positive: Tensor, negative: Tensor, ends: Ends) -> Tensor:
    """The same by the contract's own function, where float64 would round."""
    unit = 2.0**FRACTION_BITS
    multipliers = [(own * unit).to(torch.int64) for own in (positive, negative)]
    lo, hi, zero = ends
    made: Tensor = requantise_prelu(
        acc.to(torch.int64), *multipliers, left_shift=0, zero_point=zero, lo=lo, hi=hi
    )
    return made.float() - zero
