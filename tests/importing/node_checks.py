"""What must hold of a node test that was imported: meaning, precision, and the same bits in C."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from codegen import reference
from codegen.export.builder import model_bytes
from codegen.export.integer_graph import integer_graph
from codegen.importing.draft import REAL_TYPES
from codegen.nets import Architecture, Input, Layer, QuantNet
from codegen.ops.base import QuantLayer
from codegen.packing import pack_inputs
from host_tools.simulator import Simulator
from host_tools.witness import run_witness
from tests.c_host import emitted
from tests.importing.node_tests import Arrays, Prepared, run_real
from tests.networks import samples
from tests.ops.harness import assert_same, check_layer_step, weight_error

# of the numbers that a test expects: as the onnx package itself compares, but what is rounded to
# few bits, as bfloat16 is, can be no better than that
RELATIVE, ABSOLUTE = 1e-3, 1e-6
COARSE_TYPES = {onnx.TensorProto.BFLOAT16: 2.0**-7, onnx.TensorProto.FLOAT16: 2.0**-9}
NOISE_SAMPLES = 6
ROWS = 2  # samples that node_tests.prepare makes


def check_meaning(prepared: Prepared) -> None:
    """The real-valued network, in float64, answers what the test expects."""
    case = prepared.case
    inputs = {
        t.name: t.to_house(prepared.samples[t.model_name])[:1] for t in prepared.imported.inputs
    }
    real = run_real(prepared.float_net, inputs)
    kinds = {v.name: v.type.tensor_type.elem_type for v in case.model.graph.output}
    for tensor in prepared.imported.outputs:
        wanted = case.expected[tensor.model_name]
        got = tensor.to_model(real[tensor.name])[0]
        # a batch of 1 is not part of a sample
        where = f"{case.name}, output {tensor.model_name}"
        assert got.shape in (wanted.shape, wanted.shape[1:]), where
        np.testing.assert_allclose(
            got.reshape(wanted.shape),
            wanted.astype(np.float64),
            rtol=COARSE_TYPES.get(kinds[tensor.model_name], RELATIVE),
            atol=ABSOLUTE,
            err_msg=where,
        )


def check_precision(prepared: Prepared) -> None:
    """Layer by layer; then a single node's whole against ONNX's own reference.

    What a chain of nodes makes of the roundings on the way depends on its numbers.
    """
    check_layers(prepared)
    if len(prepared.case.model.graph.node) == 1:
        check_whole(prepared)


def check_layers(prepared: Prepared) -> None:
    """Every layer is within one rounding of real arithmetic on its own integer inputs.

    That is half a step of its output, and of a layer with weights half a weight step for every
    unit of input (tests.ops.harness).
    """
    values: dict[str, np.ndarray] = {**prepared.integers, **prepared.outputs}
    for layer in prepared.net.layers:
        check_layer_step(layer, prepared.float_net.tensors, values)


def check_whole(prepared: Prepared) -> None:
    """Against ONNX's reference at the real numbers that the integer inputs stand for."""
    feeds = {
        t.model_name: _model_reals(prepared, t.name, t.to_model) for t in prepared.imported.inputs
    }
    shapes = {t.model_name: t.model_shape for t in prepared.imported.inputs}
    for row in range(ROWS):
        given = {name: values[row].reshape(shapes[name]) for name, values in feeds.items()}
        wanted = _evaluate(prepared.case.model, given)
        for tensor in prepared.imported.outputs:
            got = _model_reals(prepared, tensor.name, tensor.to_model)[row]
            want = wanted[tensor.model_name].astype(np.float64).reshape(got.shape)
            _check_output(prepared, find(prepared.net, tensor.name), got, want)


def _check_output(prepared: Prepared, layer: QuantLayer, got: np.ndarray, want: np.ndarray) -> None:
    where = f"{prepared.case.name}, output {layer.name}"
    if layer.op.output_dtype == "int32":
        np.testing.assert_array_equal(got, want, err_msg=where)
        return
    lowest, highest = layer.quantity.reals(np.array([-128, 127]))
    steps = np.abs(got - want.clip(lowest, highest)).max() / layer.quantity.scale
    allowed = _allowed_error(prepared, layer) / layer.quantity.scale
    assert steps <= allowed * (1 + 1e-9), f"{where}: {steps:.3f} steps, allowed {allowed:.3f}"


def _allowed_error(prepared: Prepared, last: QuantLayer) -> float:
    """One step of the output; half a step of every layer before it; what rounded weights cost.

    The output's own rounding is half a step. The other half is for a constant operand that is
    rounded too, and for clamping at the ends of a range that was observed in float32. Where a node
    became several layers (Gemm with a matrix as offset: a product, then a sum) those before the
    last pass on their own half step; the last one does not enlarge it.
    """
    values = {**prepared.integers, **prepared.outputs}
    error = last.quantity.scale
    for layer in prepared.net.layers:
        if layer.name != last.name and not layer.op.keeps_quantity:
            error += layer.quantity.scale / 2
        error += float(np.max(weight_error(layer, prepared.float_net.tensors, values)))
    return error


def _evaluate(model: onnx.ModelProto, feeds: Arrays) -> dict[str, np.ndarray]:
    """ONNX's own reference in float64."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    for tensor in wide.graph.initializer:
        if tensor.data_type in REAL_TYPES:
            array = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    session = ReferenceEvaluator(wide)
    return dict(zip(session.output_names, session.run(None, dict(feeds)), strict=True))


def find(net: QuantNet, name: str) -> QuantLayer:
    return next(layer for layer in net.layers if layer.name == name)


def _model_reals(prepared: Prepared, name: str, to_model) -> np.ndarray:  # noqa: ANN001
    """What integers of an input or output stand for, in the model's order."""
    if name in prepared.integers:
        return to_model(prepared.net.input_quantities[name].reals(prepared.integers[name]))
    layer, values = find(prepared.net, name), prepared.outputs[name]
    if layer.op.output_dtype == "int32":
        return to_model(values)
    return to_model(layer.quantity.reals(values))


def merged(nets: Sequence[QuantNet]) -> QuantNet:
    """Networks side by side in one, so that one compilation covers them: names get numbers."""
    layers: list[QuantLayer] = []
    quantities = {}
    inputs: list[Input] = []
    outputs: list[str] = []
    for number, net in enumerate(nets):
        names = prefixed(net, number)
        inputs += [Input(name=names[i.name], shape=i.shape) for i in net.arch.inputs]
        quantities |= {names[k]: q for k, q in net.input_quantities.items()}
        outputs += [names[name] for name in net.arch.outputs]
        layers += [
            dataclasses.replace(
                layer, name=names[layer.name], inputs=tuple(names[i] for i in layer.inputs)
            )
            for layer in net.layers
        ]
    arch = Architecture(
        name="node-tests",
        inputs=tuple(inputs),
        layers=tuple(Layer(name=k.name, op=k.op, inputs=k.inputs) for k in layers),
        outputs=tuple(outputs),
    )
    arch.validate()
    return QuantNet(arch=arch, layers=tuple(layers), input_quantities=quantities)


def prefixed(net: QuantNet, number: int) -> dict[str, str]:
    """What a network's inputs and layers are called among others."""
    names = (*net.arch.input_names, *(layer.name for layer in net.layers))
    return {name: f"t{number}_{index}" for index, name in enumerate(names)}


def check_bits(group: Sequence[Prepared], folder: Path) -> None:
    """Every tensor, on the test's data and on noise: reference, C on this machine, ONNX Runtime."""
    net = merged([prepared.net for prepared in group])
    batch = {}
    for number, prepared in enumerate(group):
        names = prefixed(prepared.net, number)
        noise = samples(prepared.net.arch, NOISE_SAMPLES, seed=number)
        for name, values in prepared.integers.items():
            batch[names[name]] = np.concatenate([values, noise[name]])
    expected = reference.run(net, batch)
    emitted(net, folder)
    in_c = Simulator(folder).trace(pack_inputs(net.arch, batch))
    in_runtime = run_witness(model_bytes(integer_graph(net, every_layer=True)), batch)
    for number, prepared in enumerate(group):
        for own, name in prefixed(prepared.net, number).items():
            if own in prepared.outputs:
                where = f"{prepared.case.name}, layer {own}"
                assert_same(expected[name], in_c[name], f"host C, {where}")
                assert_same(expected[name], in_runtime[name], f"ONNX Runtime, {where}")
                assert_same(
                    prepared.outputs[own],
                    expected[name][: len(prepared.outputs[own])],
                    f"merged, {where}",
                )
