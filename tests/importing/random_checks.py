"""What must hold of a random model: meaning, precision, and (node_checks.check_bits) bits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch

from codegen import reference
from codegen.calibration.signal_to_noise import snr_by_output, snr_db
from codegen.errors import GateBreach, HvError
from codegen.importing.importer import ImportedNet, Tensor, import_graph
from codegen.importing.reading import read_model
from codegen.nets import FloatNet, QuantNet
from codegen.ops.base import for_every_sample
from codegen.plan import plan_memory
from codegen.scheduled_net import portable
from tests.importing.node_checks import check_layers
from tests.importing.node_tests import Case, Prepared, prepare_imported, run_real
from tests.importing.random_graphs import RandomModel, session_of
from tests.ops.harness import assert_same

SAMPLES = 12
RELATIVE, ABSOLUTE = 1e-3, 1e-4
LEAST_SNR_DB = 15.0
# a simulation with other roundings of the same sizes is off by this much, and seldom more
SNR_SPREAD_DB = 6.0

Arrays = Mapping[str, np.ndarray]


def prepare(name: str, model: RandomModel, folder: Path, *, seed: int) -> Prepared:
    """Reads, imports, calibrates with min-max, quantises, proves; runs what it was calibrated on.

    Raises:
        HvError: the product's own words.
    """
    path = folder / f"{name}.onnx"
    path.write_bytes(model.proto.SerializeToString())
    imported = import_graph(read_model(path))
    case = Case(name=name, model=model.proto, feeds={}, expected={})
    ready = prepare_imported(case, imported, flat(imported, model.samples(SAMPLES, seed)))
    plan_memory(portable(ready.net))
    return ready


def flat(imported: ImportedNet, samples: Arrays) -> dict[str, np.ndarray]:
    """Samples without a batch of 1, as the import takes them."""
    return {
        t.model_name: samples[t.model_name].reshape(-1, *t.sample_shape) for t in imported.inputs
    }


def runtime_answers(
    proto: onnx.ModelProto, samples: Arrays, *, optimised: bool = False
) -> dict[str, np.ndarray]:
    """What ONNX Runtime answers to [N, *shape], sample by sample, [N, ...] by output."""
    session = session_of(proto, optimised=optimised)
    count = len(next(iter(samples.values())))
    rows = [session.run(None, {k: v[row] for k, v in samples.items()}) for row in range(count)]
    names = [output.name for output in session.get_outputs()]
    return {
        name: np.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def check_model(model: RandomModel, prepared: Prepared, *, seed: int) -> None:
    """All that needs no compiler."""
    check_meaning(model, prepared, seed=seed)
    check_layers(prepared)
    check_torch(prepared)
    check_signal(prepared, seed=seed)


def check_meaning(model: RandomModel, prepared: Prepared, *, seed: int) -> None:
    """The real-valued network answers what ONNX Runtime answers to the model."""
    wanted = runtime_answers(model.proto, model.samples(SAMPLES, seed))
    inputs = {t.name: t.to_house(prepared.samples[t.model_name]) for t in prepared.imported.inputs}
    real = run_real(prepared.float_net, inputs)
    assert [t.model_name for t in prepared.imported.outputs] == list(wanted)
    for tensor in prepared.imported.outputs:
        want = wanted[tensor.model_name].astype(np.float64)
        got = answer(tensor, real[tensor.name]).reshape(want.shape)
        where = f"{prepared.case.name}, output {tensor.model_name}"
        np.testing.assert_allclose(got, want, rtol=RELATIVE, atol=ABSOLUTE, err_msg=where)


def answer(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """An output in the model's order, in the model's shape."""
    assert tensor.to_model(values).shape == (len(values), *tensor.sample_shape)
    return tensor.to_model(values)


def check_torch(prepared: Prepared) -> None:
    """The reference on torch has the bits of the one on numpy."""
    given = {name: torch.from_numpy(values) for name, values in prepared.integers.items()}
    for name, values in reference.run(prepared.net, given).items():
        where = f"torch, {prepared.case.name}, layer {name}"
        assert_same(prepared.outputs[name], values.numpy(), where)


def check_signal(prepared: Prepared, *, seed: int) -> None:
    """Each output keeps its signal: 15 dB, or what rounding must cost this very network.

    A random network may amplify: it subtracts tensors that are almost the same, or makes a narrow
    range out of a wide one. What that costs is simulated: the real-valued network with every
    layer's output rounded to the layer's own steps.
    """
    net = prepared.net
    names = [n for n in net.arch.outputs if _is_real(net, n)]
    inputs = {t.name: t.to_house(prepared.samples[t.model_name]) for t in prepared.imported.inputs}
    real = run_real(prepared.float_net, inputs)
    found = snr_by_output(real, prepared.outputs, net.layers, names)
    if min(found.values(), default=LEAST_SNR_DB) >= LEAST_SNR_DB:
        return
    noisy = rounded_network(prepared.float_net, net, inputs, seed)
    for name, snr in found.items():
        least = min(LEAST_SNR_DB, snr_db(real[name], noisy[name]) - SNR_SPREAD_DB)
        assert snr >= least, f"{prepared.case.name}, output {name}: {snr:.1f} dB of {least:.1f}"


def _is_real(net: QuantNet, name: str) -> bool:
    layer = next(layer for layer in net.layers if layer.name == name)
    return layer.op.output_dtype == "int8"


def rounded_network(
    net: FloatNet, quantised: QuantNet, inputs: Arrays, seed: int
) -> dict[str, np.ndarray]:
    """Real arithmetic, but noise of half a step up and down on inputs and rounding layers."""
    generator = np.random.default_rng(seed)

    def rounded(values: np.ndarray, scale: float) -> np.ndarray:
        return values + generator.uniform(-0.5, 0.5, values.shape) * scale

    values = {k: rounded(x, quantised.input_quantities[k].scale) for k, x in inputs.items()}
    for layer in quantised.layers:
        own = {
            name: torch.from_numpy(np.array(net.tensors[f"{layer.name}.{name}"], np.float64))
            for name in layer.op.float_tensors(layer.input_shapes)
        }
        if "weight" in own:
            own["weight"] = own["weight"] + torch.from_numpy(
                rounded(np.zeros(own["weight"].shape), float(own["weight"].abs().max()) / 127)
            )
        given = tuple(torch.from_numpy(values[name]) for name in layer.inputs)
        made = layer.op.float_forward(own, given)
        if not layer.inputs:
            made = for_every_sample(made, SAMPLES)
        result = made.numpy().astype(np.float64)
        keeps = layer.op.keeps_quantity or layer.op.output_dtype != "int8"
        values[layer.name] = result if keeps else rounded(result, layer.quantity.scale)
    return values


def check_refusal(model: RandomModel, error: HvError) -> None:
    """It names nodes of the model."""
    faults = error.breaches if isinstance(error, GateBreach) else (error,)
    names = {node.name for node in model.proto.graph.node}
    for fault in faults:
        assert any(f"node {name}," in fault.what for name in names), str(error)
        assert fault.what.partition(": ")[2], str(error)
