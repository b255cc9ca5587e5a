"""Seven networks from PyTorch go the whole way: near the float model, bit-exact everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.calibration.signal_to_noise import snr_db
from codegen.ops.base import Quantity
from tests.importing.zoo.figures import (
    EXACT_SAMPLES,
    compare_everywhere,
    differences,
    float_error,
    load,
    measure,
    model_of,
    run_integers,
)
from tests.importing.zoo.quantiser import quantise_with_onnxruntime, run_onnxruntime
from tests.importing.zoo.sources import (
    CALIBRATION_SAMPLES,
    HELD_OUT_SAMPLES,
    SEED_OF_CALIBRATION,
    SEED_OF_TEST,
    SOURCES,
    Source,
    export,
    find_source,
)

LEAST_SNR_DB = 20.0
MARGIN_DB = 1.5
"""That ONNX Runtime's quantiser may be better. The networks are trained where the test runs, each
processor has its own, and what is chosen hangs on 60 samples: 1.1 dB were seen."""
FLOAT_ERROR = 1e-4
QDQ_STEPS = 1.0
NEAR_DB = 30.0  # of ONNX Runtime on a file of its own quantiser
PLACES = 3  # this machine, the emulated target, ONNX Runtime


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_whole_way(source: Source, tmp_path: Path) -> None:
    calibration = source.samples(SEED_OF_CALIBRATION, CALIBRATION_SAMPLES)
    held_out = source.samples(SEED_OF_TEST, HELD_OUT_SAMPLES)
    model = tmp_path / f"{source.name}.onnx"
    export(source.module(), held_out[0], model, dynamo=False)
    figures = measure(model, calibration, held_out, tmp_path)
    print(figures)
    assert figures.differences == ()
    assert len(figures.places) == PLACES
    assert figures.tensors_compared >= EXACT_SAMPLES * 5
    assert figures.float_error <= FLOAT_ERROR
    assert figures.snr_db >= LEAST_SNR_DB
    assert figures.snr_db >= figures.their_snr_db - MARGIN_DB
    assert figures.export_error <= FLOAT_ERROR
    assert figures.qdq_steps <= QDQ_STEPS
    assert figures.instructions > figures.macs / 2  # at most two products an instruction (SMLAD)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_newer_exporter_means_the_same(source: Source, tmp_path: Path) -> None:
    samples = source.samples(SEED_OF_TEST, 4)
    files = [tmp_path / "first.onnx", tmp_path / "again.onnx"]
    for file in files:
        export(source.module(), samples[0], file, dynamo=True)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert float_error(files[0], samples) <= FLOAT_ERROR


@pytest.mark.parametrize(
    ("name", "nearly_all"),
    [
        ("resnet8", 0.99),
        ("autoencoder", 0.99),
        ("motion", 0.85),  # averages of two are often ties: up here, to even there
    ],
)
def test_a_model_that_came_quantised_keeps_its_scales(
    name: str, nearly_all: float, tmp_path: Path
) -> None:
    source = find_source(name)
    samples = source.samples(SEED_OF_TEST, EXACT_SAMPLES)
    model, quantised = tmp_path / "real.onnx", tmp_path / f"{name}.onnx"
    export(source.module(), samples[0], model, dynamo=False)
    calibration = source.samples(SEED_OF_CALIBRATION, CALIBRATION_SAMPLES)
    quantise_with_onnxruntime(model, quantised, calibration)
    subject = load(quantised, None, tmp_path)
    net = subject.quant_net
    kept = {layer.quantity for layer in net.layers}
    assert kept | set(net.input_quantities.values()) == _quantities_of(quantised)
    assert differences(compare_everywhere(subject, samples, tmp_path)) == ()
    (output,) = model_of(subject).imported.outputs
    (wanted,) = run_onnxruntime(quantised, samples).values()
    got = output.to_model(run_integers(subject, samples)[output.name])
    scale = next(layer.quantity.scale for layer in net.layers if layer.name == output.name)
    steps = np.abs(got - wanted.reshape(got.shape)) / scale
    near = [float((steps < count + 0.5).mean()) for count in range(3)]
    print(f"{name}: within 0, 1, 2 steps {near}, at most {steps.max():.1f}")
    assert near[2] >= nearly_all
    assert snr_db(wanted.reshape(got.shape), got) >= NEAR_DB


def _quantities_of(model: Path) -> set[Quantity]:
    """Scales and zero points of the activations in a QDQ file, read without our importer."""
    proto = onnx.load(model)
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}
    return {
        Quantity(scale=float(constants[node.input[1]]), zero_point=int(constants[node.input[2]]))
        for node in proto.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] not in constants
    }
