"""Random models, quantised by ONNX Runtime and imported with the scales that it chose."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from codegen import reference
from codegen.calibration.ranges import with_ranges
from codegen.gates import check_network
from codegen.importing.graph import Graph
from codegen.importing.importer import ImportedNet, import_graph
from codegen.importing.reading import read_model
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import layers_that_ask_a_range, quantise
from tests.importing.node_checks import find
from tests.importing.node_tests import Arrays, run_real
from tests.importing.random_checks import SAMPLES, flat, rounded_network, runtime_answers
from tests.importing.random_graphs import REFUSALS, NotHere, RandomModel

# ONNX Runtime's optimised kernels of these are off by more: rounded tables, windows cut otherwise,
# and products of 8 bits whose sums of two saturate at 16 on processors without VNNI
EXACT_ALONE = frozenset({"AveragePool", "Conv", "Gemm", "MatMul", "Softmax"})
MOST_STEPS = 3.0
AMPLIFIED = 4.0  # times what rounding does in a simulation: its worst is not everybody's worst


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Arrays) -> None:
        rows = range(len(next(iter(samples.values()))))
        self.left = [{name: values[row] for name, values in samples.items()} for row in rows]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def quantised_model(model: RandomModel, folder: Path, *, seed: int) -> Path:
    """ONNX Runtime's static quantisation in the QDQ form; the options follow from the seed.

    Raises:
        NotHere: its quantiser breaks down over this model, or cannot run what it made.
    """
    chance = random.Random(seed)
    plain, path = folder / f"plain{seed}.onnx", folder / f"qdq{seed}.onnx"
    plain.write_bytes(model.proto.SerializeToString())
    try:
        quantize_static(
            plain,
            path,
            _Samples(model.samples(SAMPLES, seed)),
            quant_format=QuantFormat.QDQ,
            activation_type=chance.choice((QuantType.QInt8, QuantType.QUInt8)),
            weight_type=QuantType.QInt8,
            per_channel=chance.random() < 0.5,
            extra_options={
                "ActivationSymmetric": chance.random() < 0.3,
                "UseQDQContribOps": chance.random() < 0.2,
            },
        )
    except (AssertionError, IndexError, ValueError, *REFUSALS) as error:
        raise NotHere from error
    return path


def check_quantised(model: RandomModel, folder: Path, *, seed: int) -> bool:
    """The network has the file's quantities and answers as ONNX Runtime does.

    Returns:
        Whether the file had a scale for everything; the rest is calibrated.
    """
    path = quantised_model(model, folder, seed=seed)
    proto = onnx.load(path)
    samples = model.samples(SAMPLES, seed)
    try:
        optimised = seed % 2 == 1 and EXACT_ALONE.isdisjoint(model.operators)
        wanted = runtime_answers(proto, samples, optimised=optimised)
    except REFUSALS as error:
        raise NotHere from error
    graph = read_model(path)
    imported = import_graph(graph)
    given = flat(imported, samples)
    inputs = {t.name: t.to_house(given[t.model_name]) for t in imported.inputs}
    is_whole = _has_all_scales(imported.net)
    real_net = imported.net
    if not is_whole:
        real_net = with_ranges(real_net, run_real(real_net, inputs), "minmax")
    net = quantise(real_net)
    check_network(net)
    _check_quantities(imported, graph, net)
    _check_answers(imported, real_net, net, inputs, wanted, is_whole=is_whole)
    return is_whole


def _has_all_scales(net: FloatNet) -> bool:
    names = [*net.arch.input_names, *(layer.name for layer in net.arch.layers)]
    rough = dataclasses.replace(net, ranges=dict.fromkeys(names, (-1.0, 1.0)))
    inputs = set(net.arch.input_names) <= set(net.quantities)
    return inputs and not layers_that_ask_a_range(rough)


def _check_quantities(imported: ImportedNet, graph: Graph, net: QuantNet) -> None:
    """Inputs and outputs have exactly those of the file."""
    for tensor, source in zip(imported.inputs, graph.inputs, strict=True):
        own = graph.quantities.get(source.tensor)
        assert own is None or net.input_quantities[tensor.name] == own, tensor.name
    for tensor, made in zip(imported.outputs, graph.outputs, strict=True):
        own = graph.quantities.get(made.tensor)
        assert own is None or find(net, tensor.name).quantity == own, tensor.name


def _check_answers(
    imported: ImportedNet,
    real_net: FloatNet,
    net: QuantNet,
    inputs: Arrays,
    wanted: Arrays,
    *,
    is_whole: bool,
) -> None:
    """Within three steps; where the model lacks scales, what our roundings add counts too."""
    integers = {name: net.input_quantities[name].integers(x) for name, x in inputs.items()}
    outputs = reference.run(net, integers)
    real = run_real(real_net, inputs)
    noisy = rounded_network(real_net, net, inputs, seed=1)
    for tensor in imported.outputs:
        layer, want = find(net, tensor.name), wanted[tensor.model_name]
        got = tensor.to_model(layer.quantity.reals(outputs[layer.name])).reshape(want.shape)
        noise = 0.0 if is_whole else float(np.abs(real[tensor.name] - noisy[tensor.name]).max())
        allowed = MOST_STEPS + AMPLIFIED * noise / layer.quantity.scale
        steps = float(np.abs(got - want).max()) / layer.quantity.scale
        assert steps <= allowed + 0.01, (
            f"{tensor.model_name}: {steps:.1f} steps, allowed {allowed:.1f}"
        )
