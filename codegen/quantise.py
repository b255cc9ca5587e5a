"""One step: a real-valued network becomes integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from codegen.errors import GateBreach, HvError
from codegen.inputs import Image, Input
from codegen.nets import FloatNet, Layer, QuantNet
from codegen.ops.base import QuantiseRequest, Quantity, QuantLayer


def quantise(net: FloatNet) -> QuantNet:
    """Quantises layer by layer; deterministic, numpy only.

    Raises:
        GateBreach: tensors missing, of the wrong shape, or not finite.
        HvError: a layer cannot be expressed in the integer contract.
    """
    _check_tensors(net)
    return _quantised(net, set())


def layers_that_ask_a_range(net: FloatNet) -> tuple[str, ...]:
    """Names of the layers whose integers follow from an observed range, in the layers' order.

    The operators themselves decide, by asking `QuantiseRequest.output_quantity`.

    Args:
        net: with a range for every layer, observed or rough.
    """
    asked: set[str] = set()
    _quantised(net, asked)
    return tuple(layer.name for layer in net.arch.layers if layer.name in asked)


@dataclass(frozen=True, kw_only=True)
class _Request(QuantiseRequest):
    """Notes who asks for a range."""

    asked: set[str]

    def output_quantity(self, lo: float | None = None, hi: float | None = None) -> Quantity:
        if self.own_quantity is None:
            self.asked.add(self.name)
        return super().output_quantity(lo, hi)


def _quantised(net: FloatNet, asked: set[str]) -> QuantNet:
    given = {source.name: _input_quantity(net, source) for source in net.arch.inputs}
    done: dict[str, QuantLayer] = {}
    for layer in net.arch.layers:
        request = _request(net, layer, done, given, asked)
        result = layer.op.quantise(request)
        done[layer.name] = QuantLayer(
            name=layer.name,
            op=layer.op,
            inputs=layer.inputs,
            input_shapes=request.input_shapes,
            output_shape=layer.op.output_shape(request.input_shapes),
            input_quantities=request.input_quantities,
            quantity=result.quantity,
            constants=dict(result.constants),
            tensors=_in_spec_order(layer, request, result.tensors),
        )
    return QuantNet(arch=net.arch, layers=tuple(done.values()), input_quantities=given)


def _input_quantity(net: FloatNet, source: Image | Input) -> Quantity:
    if isinstance(source, Image):
        return source.quantity
    if source.name in net.quantities:
        return net.quantities[source.name]
    if source.name not in net.ranges:
        raise HvError(
            "no observed range",
            where=f"input {source.name}",
            hint="calibrate the network on some samples first",
        )
    return Quantity.from_range(*net.ranges[source.name])


def _request(
    net: FloatNet,
    layer: Layer,
    done: Mapping[str, QuantLayer],
    given: Mapping[str, Quantity],
    asked: set[str],
) -> QuantiseRequest:
    shapes = net.arch.input_shapes(layer)
    return _Request(
        asked=asked,
        name=layer.name,
        input_shapes=shapes,
        input_quantities=tuple(
            done[name].quantity if name in done else given[name] for name in layer.inputs
        ),
        output_range=net.ranges.get(layer.name),
        own_quantity=net.quantities.get(layer.name),
        weight_scales=net.weight_scales.get(layer.name),
        left_shift=net.left_shifts.get(layer.name, 0),
        tensors={
            name: net.tensors[f"{layer.name}.{name}"] for name in layer.op.float_tensors(shapes)
        },
        producers=tuple(done.get(name) for name in layer.inputs),
        threshold=net.threshold,
    )


def _in_spec_order(
    layer: Layer, request: QuantiseRequest, tensors: object
) -> dict[str, np.ndarray]:
    made: dict[str, np.ndarray] = dict(tensors)  # type: ignore[call-overload]
    return {name: made[name] for name in layer.op.tensor_specs(request.input_shapes)}


def _check_tensors(net: FloatNet) -> None:
    faults = []
    for name, shape in net.arch.float_tensor_shapes().items():
        if name not in net.tensors:
            faults.append(HvError("the tensor is missing", where=name))
            continue
        values = net.tensors[name]
        if values.shape != shape:
            faults.append(HvError(f"shape {values.shape}, expected {shape}", where=name))
        bad = int((~np.isfinite(values)).sum())
        if bad:
            faults.append(
                HvError(
                    f"{bad} of {values.size} values are NaN or infinite",
                    where=name,
                    hint="the weights are damaged, or the training that made them diverged",
                )
            )
    for name, (lo, hi) in net.ranges.items():
        if not (np.isfinite(lo) and np.isfinite(hi) and lo <= hi):
            faults.append(HvError(f"observed range ({lo}, {hi}) is no interval", where=name))
    if not np.isfinite(net.threshold):
        faults.append(HvError(f"the threshold is {net.threshold}", where="threshold"))
    if faults:
        raise GateBreach("quantise", tuple(faults))
