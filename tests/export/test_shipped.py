"""The shipped checkpoints' networks in all three formats, for a person who does not exist."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import check, run_model

from codegen import reference
from codegen.enrolment_gate import float_scores, integer_scores
from codegen.export.builder import model_bytes
from codegen.export.float_graph import float_graph
from codegen.export.integer_graph import integer_graph
from codegen.export.qdq_graph import qdq_graph
from codegen.nets import FloatNet
from codegen.quantise import quantise
from host_tools.compare import compare
from host_tools.witness import run_witness
from hypernet.checkpoint import load_checkpoint, shipped
from hypernet.enrol import network_for
from tests.networks import images

pytest.importorskip("onnxruntime", reason="pip install 'hvcodegen[witness]'")


@pytest.fixture(scope="module", params=shipped())
def net(request: pytest.FixtureRequest) -> FloatNet:
    embedding = np.random.default_rng(1).normal(size=(1, 128)).astype(np.float32)
    checkpoint = load_checkpoint(request.param)
    crop = images(checkpoint.architecture, 1, 2)
    return network_for(embedding / np.linalg.norm(embedding), crop, checkpoint)


def test_the_integer_graph_gives_every_tensor_bit_by_bit(net: FloatNet) -> None:
    quant = quantise(net)
    batch = images(net.arch, 16, 1)
    model = integer_graph(quant, every_layer=True)
    check(model)
    comparison = compare(
        reference.run(quant, batch), run_witness(model_bytes(model), {"image": batch})
    )
    assert comparison.bit_exact, comparison.first_difference
    assert comparison.tensors_compared == 16 * len(quant.layers)


def test_the_float_graph_gives_the_score(net: FloatNet) -> None:
    batch = images(net.arch, 16, 1)
    model = float_graph(net)
    check(model)
    np.testing.assert_allclose(
        run_model(model, batch)["score"], float_scores(net, batch), atol=1e-4
    )


def test_the_qdq_graph_gives_nearly_the_integer_score(net: FloatNet) -> None:
    quant = quantise(net)
    batch = images(net.arch, 16, 1)
    model = qdq_graph(quant)
    check(model)
    drift = run_model(model, batch)["score"] - integer_scores(quant, reference.run(quant, batch))
    print(f"{net.arch.name}: QDQ against integer score, at most {np.abs(drift).max():.2g}")
    assert np.abs(drift).max() <= 0.01  # of a cosine
