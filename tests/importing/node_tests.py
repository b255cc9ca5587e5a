"""The node tests of the onnx package as models of ours: constants baked in, imported, quantised.

A node test gives everything as an input, weights and sizes too; what we need as a constant of the
file becomes one here. Nothing else is changed, and what the product refuses it refuses by itself.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from codegen import reference
from codegen.calibration.ranges import with_ranges
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.importing.draft import REAL_TYPES
from codegen.importing.handlers import HANDLERS
from codegen.importing.importer import ImportedNet, import_graph
from codegen.importing.reading import read_model
from codegen.nets import FloatNet, QuantNet, float_forward
from codegen.quantise import quantise

NODE_TESTS = Path(__file__).with_name("node_tests.txt")

# What the reader itself does away with; a test of nothing but these counts if they name a tensor.
READ_AWAY = frozenset({"Identity", "Dropout"})
HARMLESS = frozenset({"Constant", "Cast", "CastLike", "Shape"})

# Which of an operator's inputs are computed by a network, and not weights, sizes or bounds.
FIRST = (0,)
COMPUTED: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(("Add", "Sub", "Mul"), (0, 1)),
    **dict.fromkeys(("Concat", "Max", "Min"), range(100)),
}

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A node test: the model with its constants, what is given, what is expected."""

    name: str
    model: onnx.ModelProto
    feeds: Arrays
    expected: Arrays


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A case that was imported and quantised.

    Attributes:
        case: the node test.
        imported: its real-valued network.
        net: the same in integers.
        samples: by the model's input names, [N, ...], the first one the test's own.
        integers: the same as the integer network reads them.
        outputs: every layer's integers.
    """

    case: Case
    imported: ImportedNet
    float_net: FloatNet
    net: QuantNet
    samples: Arrays
    integers: Arrays
    outputs: Arrays


@lru_cache(maxsize=1)
def node_tests() -> tuple[tuple[Case, ...], Mapping[str, int]]:
    """Every test of supported operators in alphabetical order; how many tests of each other one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    cases = []
    others: Counter[str] = Counter()
    for test in tests:
        operators = _operators(test.model.graph)
        foreign = operators - set(HANDLERS) - READ_AWAY - HARMLESS
        if foreign or operators <= HARMLESS:
            others.update(foreign or operators)
            continue
        cases.append(_case(test.name, test.model, *test.data_sets[0]))
    return tuple(sorted(cases, key=lambda case: case.name)), others


def prepare(case: Case, folder: Path) -> Prepared:
    """Reads the model from a file, imports, calibrates, quantises, checks, runs.

    Raises:
        HvError: the product's own words.
    """
    path = folder / f"{case.name}.onnx"
    path.write_bytes(case.model.SerializeToString())
    imported = import_graph(read_model(path))
    return prepare_imported(case, imported, _samples(imported, case.feeds))


def prepare_imported(case: Case, imported: ImportedNet, samples: Arrays) -> Prepared:
    """The same of what was imported already, on these samples by the model's input names."""
    inputs = {t.name: t.to_house(samples[t.model_name]) for t in imported.inputs}
    float_net = with_ranges(imported.net, run_real(imported.net, inputs), "minmax")
    net = quantise(float_net)
    check_network(net)
    integers = {name: net.input_quantities[name].integers(x) for name, x in inputs.items()}
    return Prepared(
        case=case,
        imported=imported,
        float_net=float_net,
        net=net,
        samples=samples,
        integers=integers,
        outputs=reference.run(net, integers),
    )


def run_real(net: FloatNet, inputs: Arrays) -> dict[str, np.ndarray]:
    """Inputs and every layer's output in float64."""
    tensors = {k: torch.from_numpy(np.array(v, np.float64)) for k, v in net.tensors.items()}
    given = {k: torch.from_numpy(np.ascontiguousarray(v, np.float64)) for k, v in inputs.items()}
    made = float_forward(net.arch, tensors, given, net.quantities)
    return {name: values.numpy() for name, values in {**given, **made}.items()}


def reason(error: HvError) -> str:
    """What is wrong with a test's only node, in a line."""
    errors = error.breaches if isinstance(error, GateBreach) else (error,)
    texts = [re.sub(r"^node .*?, operator (\S+): ", r"\1: ", each.what) for each in errors]
    return "; ".join(dict.fromkeys(" ".join(text.split()) for text in texts))


def _operators(graph: onnx.GraphProto) -> set[str]:
    return {f"{n.domain}::{n.op_type}" if n.domain else n.op_type for n in graph.node}


def _case(name: str, model: onnx.ModelProto, inputs: Sequence, outputs: Sequence) -> Case:
    """The case with every input that no node computes with as an initializer."""
    baked = onnx.ModelProto()
    baked.CopyFrom(model)
    graph = baked.graph
    given = {v.name: _array(x) for v, x in zip(graph.input, inputs, strict=True)}
    computed = {
        tensor
        for node in graph.node
        for place in COMPUTED.get(node.op_type, FIRST)
        for tensor in node.input[place : place + 1]
    }
    reals = {v.name for v in graph.input if v.type.tensor_type.elem_type in REAL_TYPES} & computed
    computed = reals or computed  # integers beside them are sizes, whatever reads them
    constants = [name for name, values in given.items() if name not in computed]
    kept = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(kept)
    graph.initializer.extend(numpy_helper.from_array(given[n], n) for n in constants)
    expected = {v.name: _array(x) for v, x in zip(graph.output, outputs, strict=True)}
    feeds = {value.name: given[value.name] for value in kept}
    return Case(name=name, model=baked, feeds=feeds, expected=expected)


def _array(values: object) -> np.ndarray:
    if isinstance(values, onnx.TensorProto):
        return numpy_helper.to_array(values)
    return np.asarray(values, dtype=object if isinstance(values, list) else None)


def _samples(imported: ImportedNet, feeds: Arrays) -> dict[str, np.ndarray]:
    """The test's data and the same at half its size: no output is one number all over."""
    samples = {}
    for tensor in imported.inputs:
        values = feeds[tensor.model_name].astype(np.float64).reshape(1, *tensor.sample_shape)
        samples[tensor.model_name] = np.concatenate([values, values / 2])
    return samples
