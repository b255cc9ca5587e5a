"""Networks that are no verifiers in all three formats: named inputs and outputs, and back again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import check

from codegen import reference
from codegen.export.builder import model_bytes
from codegen.export.float_graph import float_graph
from codegen.export.integer_graph import integer_graph
from codegen.export.qdq_graph import qdq_graph
from codegen.importing.importer import import_graph
from codegen.importing.reading import read_model
from codegen.nets import Architecture, float_forward
from codegen.quantise import quantise
from host_tools.witness import run_witness
from tests.architectures import TWO_INPUTS
from tests.networks import extreme, float_net, samples, two_inputs
from tests.ops.harness import assert_same

pytest.importorskip("onnxruntime", reason="pip install 'hvcodegen[witness]'")

OUTPUTS = ["both", "exact", "features"]


def _real_inputs(net: Any, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # noqa: ANN401
    """What the integers stand for, images channels first, as the real graphs take them."""
    real = {name: net.input_quantities[name].reals(values) for name, values in batch.items()}
    return {
        name: np.ascontiguousarray(
            values.transpose(0, 3, 1, 2) if values.ndim == 4 else values, np.float32
        )
        for name, values in real.items()
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_integers_are_the_bits_of_the_reference(seed: int) -> None:
    net = extreme(two_inputs(), seed) if seed else two_inputs()
    batch = samples(net.arch, 70, seed)
    model = integer_graph(net, every_layer=True)
    check(model)
    got = run_witness(model_bytes(model), batch)
    for name, values in reference.run(net, batch).items():
        assert_same(values, got[name], name)
    assert [output.name for output in integer_graph(net).graph.output] == OUTPUTS


def test_real_numbers_are_those_of_torch() -> None:
    net = float_net(Architecture.from_json(TWO_INPUTS))
    model = float_graph(net)
    check(model)
    assert [output.name for output in model.graph.output] == OUTPUTS
    quant = two_inputs()
    given = _real_inputs(quant, samples(quant.arch, 12, seed=1))
    got = run_witness(model_bytes(model), given)
    house = {
        name: torch.from_numpy(values.transpose(0, 2, 3, 1) if values.ndim == 4 else values)
        for name, values in given.items()
    }
    tensors = {name: torch.from_numpy(values) for name, values in net.tensors.items()}
    for name, values in float_forward(net.arch, tensors, house).items():
        if name in OUTPUTS:
            np.testing.assert_allclose(got[name], values.numpy(), atol=1e-4)


def test_qdq_is_near_and_has_the_outputs_names() -> None:
    net = two_inputs()
    model = qdq_graph(net)
    check(model)
    assert [output.name for output in model.graph.output] == OUTPUTS
    batch = samples(net.arch, 40, seed=2)
    got = run_witness(model_bytes(model), _real_inputs(net, batch))
    outputs = reference.run(net, batch)
    layers = {layer.name: layer for layer in net.layers}
    for name in OUTPUTS:
        step = layers["both"].quantity.scale if name == "exact" else layers[name].quantity.scale
        real = layers[name].quantity.reals(outputs[name]).reshape(len(batch["motion"]), -1)
        error = np.abs(got[name].reshape(real.shape) - real)
        assert error.max() <= 2.5 * step, name  # steps that differ earlier add up
        assert error.mean() <= 0.5 * step, name


def test_what_was_exported_is_imported_with_its_own_scales(tmp_path: Path) -> None:
    """The QDQ form and back: the same integers, but for scales rounded to float32."""
    net = two_inputs()
    file = tmp_path / "two-inputs.onnx"
    onnx.save(qdq_graph(net), file)
    back = import_graph(read_model(file))
    # an int32 output has no scale there that int8 could keep
    again = quantise(dataclasses.replace(back.net, ranges={"exact": (-5.0, 5.0)}))
    for before, tensor in zip(net.arch.inputs, back.inputs, strict=True):
        assert again.input_quantities[tensor.name].zero_point == (
            net.input_quantities[before.name].zero_point
        )
        assert tensor.shape == before.shape
    batch = samples(net.arch, 40, seed=3)
    expected, got = reference.run(net, batch), reference.run(again, batch)
    both, features = expected["both"].astype(int), expected["features"].astype(int)
    names = {tensor.model_name: tensor.name for tensor in back.outputs}
    assert np.abs(got[names["both"]].astype(int) - both).max() <= 1
    assert (got[names["features"]].reshape(features.shape) == features).mean() > 0.99
