"""Quantisation-aware forward passes are the integer networks, bit for bit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from codegen.nets import IMAGE, Architecture, QuantNet
from codegen.reference import run
from hypernet.checkpoint import load_checkpoint
from hypernet.generators import FilmGenerator, FullGenerator, Generator, LastLayerGenerator
from hypernet.training.fake_quantise import (
    IntegerBody,
    Ranges,
    integer_network,
    quantised_head,
    straight_through,
)
from hypernet.training.verifiers import generated, quantised_scores, score_matrix
from hypernet.verifier import Verifier, body_layers, to_real

ACTIVATIONS = ("none", "relu", "relu6", "prelu")


def _random_network(
    seed: int, *, activation: str, width: int, spread: float, odd: bool
) -> tuple[Architecture, dict[str, torch.Tensor], Ranges]:
    """A body with every operator that bodies are made of, random weights, rough ranges."""
    kind = {"activation": {"kind": activation}}
    window = {"kernel": [3, 3], "padding": [1, 1, 1, 1], **kind}
    uneven = {**window, "padding": [0, 1, 1, 1]} if odd else window
    layers = [
        {"name": "a", "op": "conv2d", "inputs": ["image"], "channels": width, "stride": [2, 2]}
        | uneven,
        {"name": "b", "op": "depthwise", "inputs": ["a"], "stride": [1, 1], **window},
        {"name": "c", "op": "pointwise", "inputs": ["b"], "channels": width, **kind},
        {"name": "d", "op": "add", "inputs": ["a", "c"]},
        {"name": "p", "op": "max_pool", "inputs": ["d"], "kernel": [2, 2], "stride": [2, 2]},
        {"name": "f", "op": "flatten", "inputs": ["p"]},
        {"name": "g", "op": "dense", "inputs": ["f"], "channels": 7, **kind},
        {"name": "head", "op": "dense", "inputs": ["g"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "normalised_decision", "inputs": ["head", "g"]},
    ]
    image = {"height": 12, "width": 12, "channels": 3, "scale": 1 / 64}
    architecture = Architecture.from_json(
        {"name": "any", "image": image, "layers": layers, "personal": ["head.*"]}
    )
    rng = torch.Generator().manual_seed(seed)
    theta = {
        name: torch.randn(shape, generator=rng) * spread
        for name, shape in architecture.float_tensor_shapes().items()
    }
    theta["head.bias"].zero_()
    for name in theta:
        if name.endswith("slope"):
            theta[name].clamp_(-1, 1)
    ranges = {
        layer.name: (-float(torch.rand((), generator=rng)) * 4, 0.1 + 4 * spread)
        for layer in architecture.layers
    }
    return architecture, theta, ranges


def _bytes(architecture: Architecture, count: int, seed: int) -> torch.Tensor:
    image = architecture.image
    shape = (count, image.height, image.width, image.channels)
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8))


def _assert_exact(
    net: QuantNet, theta: dict[str, torch.Tensor], images: torch.Tensor, *, wide: bool = False
) -> None:
    """Every tensor of the body equals the reference's."""
    integer = IntegerBody([net], torch.device("cpu"))
    whole = {name: stacked[0] for name, stacked in integer.integers().items()}
    if wide:
        assert any(tensor.dtype == torch.float64 for tensor in whole.values())
    names = [layer.name for layer in body_layers(net.arch)]
    real = to_real(images, net.arch) + 0.3 * net.arch.image.scale  # an image is no whole number
    values = integer.run(names, theta, whole, {IMAGE: integer.image(real)})
    expected = run(net, images)
    for layer in net.layers:
        if layer.name in names:
            q = values[layer.name] + layer.quantity.zero_point
            assert torch.equal(q, expected[layer.name].to(q.dtype)), layer.name


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**31),
    activation=st.sampled_from(ACTIVATIONS),
    width=st.integers(1, 9),
    spread=st.sampled_from([1e-6, 0.01, 0.3, 3.0, 100.0]),
    odd=st.booleans(),
)
def test_random_networks_are_exact(
    seed: int, activation: str, width: int, spread: float, odd: bool
) -> None:
    architecture, theta, ranges = _random_network(
        seed, activation=activation, width=width, spread=spread, odd=odd
    )
    net = integer_network(architecture, theta, ranges)
    _assert_exact(net, theta, _bytes(architecture, 3, seed))


def test_sums_beyond_float32_are_exact() -> None:
    """A bias that leaves float32's whole numbers, and a multiplier near its upper end."""
    architecture, theta, ranges = _random_network(
        5, activation="prelu", width=4, spread=0.3, odd=False
    )
    theta["a.bias"] += 1e4
    ranges = {**ranges, "a": (-1e4, 1.2e4), "d": (-1e4, 2e4)}
    net = integer_network(architecture, theta, ranges)
    assert np.abs(net.layers[0].tensors["bias"]).max() > 2**24
    _assert_exact(net, theta, _bytes(architecture, 3, 5), wide=True)


def test_products_beyond_float64_are_exact() -> None:
    architecture, theta, ranges = _random_network(
        6, activation="prelu", width=4, spread=0.3, odd=False
    )
    theta["a.weight"] *= 1e-3
    theta["a.bias"] = torch.tensor([0.4, -0.3, 0.2, 0.7])
    ranges = {**ranges, "a": (-2e-6, 2e-6)}
    net = integer_network(architecture, theta, ranges)
    layer = net.layers[0]
    biggest = np.abs(layer.tensors["bias"].astype(float)) * layer.tensors["multiplier"]
    assert biggest.max() > 2**53
    _assert_exact(net, theta, _bytes(architecture, 3, 6))


@pytest.mark.parametrize("name", ["pq", "pq-full"])
def test_the_shipped_networks_are_exact(name: str) -> None:
    checkpoint = load_checkpoint(name)
    generator = checkpoint.build()
    torch.manual_seed(1)
    with torch.no_grad():
        theta = generator(F.normalize(torch.randn(len(generator.mean)), dim=0))
    net = integer_network(checkpoint.architecture, theta, checkpoint.ranges)
    _assert_exact(net, theta, _bytes(checkpoint.architecture, 2, 7))


@pytest.fixture(params=["last-layer", "film", "full", "film of some layers"])
def generator(
    request: pytest.FixtureRequest, tiny: Architecture, tiny_generator: LastLayerGenerator
) -> Generator:
    if request.param == "last-layer":
        return tiny_generator
    personal = ("*",) if "some" not in request.param else ("wide.*", "conv2.*", "head.*")
    kind = FullGenerator if request.param == "full" else FilmGenerator
    made = kind(
        dataclasses.replace(tiny, personal=personal),
        tiny_generator.shared_body(),
        tiny_generator.projection.detach(),
        tiny_generator.space(),
    )
    torch.manual_seed(11)
    with torch.no_grad():
        for parameter in made.maps():
            parameter.normal_(0, 0.05)
    return made


def test_the_score_matrix_is_that_of_the_integer_networks(generator: Generator) -> None:
    architecture = generator.architecture
    images = _bytes(architecture, 4, 3)
    torch.manual_seed(2)
    directions = F.normalize(torch.randn(3, 8), dim=1)
    ranges = {layer.name: (-6.0, 6.0) for layer in body_layers(architecture)}
    own = generated(generator, directions)
    scores = quantised_scores(generator, own, to_real(images, architecture), ranges)
    for place, direction in enumerate(directions):
        net = integer_network(architecture, generator(direction), ranges)
        decided = run(net, images)["decision"].double()
        weight = torch.from_numpy(net.tensors()["head.weight"]).double()
        exact = decided[:, 0] / decided[:, 1].sqrt() / weight.norm()
        torch.testing.assert_close(scores[place].double(), exact, rtol=0, atol=3e-7)


def test_heads_are_quantised_as_the_compiler_does(tiny: Architecture, generator: Generator) -> None:
    torch.manual_seed(4)
    directions = F.normalize(torch.randn(5, 8), dim=1)
    ranges = {layer.name: (-6.0, 6.0) for layer in body_layers(tiny)}
    for direction in directions:
        theta = generator(direction)
        head = next(
            layer
            for layer in integer_network(generator.architecture, theta, ranges).layers
            if layer.name == "head"
        )
        scale = head.quantity.scale / head.input_quantities[0].scale
        expected = torch.from_numpy(head.tensors["weight"] * scale).float()
        torch.testing.assert_close(
            quantised_head(theta["head.weight"]), expected, rtol=1e-6, atol=0
        )


def test_gradients_are_nearly_those_of_the_real_network(generator: Generator) -> None:
    """Straight through: with fine steps and nothing clamped, rounding hardly turns a gradient."""
    architecture = generator.architecture
    images = to_real(_bytes(architecture, 6, 9), architecture)
    torch.manual_seed(6)
    directions = F.normalize(torch.randn(3, 8), dim=1)
    weights = torch.randn(3, 6)
    ranges = {layer.name: (-8.0, 8.0) for layer in body_layers(architecture)}

    def gradients(quantised: bool) -> torch.Tensor:
        generator.zero_grad()
        own = generated(generator, directions)
        if quantised:
            scores = quantised_scores(generator, own, images, ranges)
        else:
            scores = score_matrix(generator, own, images)
        (scores * weights).sum().backward()
        return torch.cat(
            [own.grad.flatten() for own in generator.parameters() if own.grad is not None]
        )

    cosine = F.cosine_similarity(gradients(True), gradients(False), dim=0)
    assert cosine > 0.95


def test_clamped_outputs_pass_no_gradient() -> None:
    architecture, theta, ranges = _random_network(
        8, activation="none", width=3, spread=0.3, odd=False
    )
    weight = theta["a.weight"].requires_grad_()
    tight = {**ranges, "a": (0.0, 1e-3)}  # nearly everything is beyond
    net = integer_network(architecture, theta, tight)
    integer = IntegerBody([net], torch.device("cpu"))
    whole = {name: stacked[0] for name, stacked in integer.integers().items()}
    u = integer.image(to_real(_bytes(architecture, 2, 1), architecture))
    out = integer.run(["a"], theta, whole, {IMAGE: u})["a"]
    inside = (out > out.min()) & (out < out.max())
    assert inside.float().mean() < 0.05
    (out * ~inside).sum().backward()
    assert weight.grad is not None
    assert not weight.grad.any()


def test_straight_through_is_exact_where_addition_would_round() -> None:
    real = torch.tensor([0.1, 1e7 + 0.5, 3.3], requires_grad=True)
    integer = torch.tensor([0.0, 10_000_001.0, 3.0])
    made = straight_through(real, integer)
    assert torch.equal(made, integer)
    made.sum().backward()
    assert torch.equal(real.grad, torch.ones(3))  # type: ignore[arg-type]


def test_a_folded_body_that_learns_is_the_network_that_is_quantised(tiny: Architecture) -> None:
    """Batch norm folded live, frozen: gradients reach weights, gains and shifts."""
    verifier = Verifier(tiny, seed=0)
    body = verifier.fold()
    theta = {
        **body,
        "head.weight": torch.ones(1, verifier.feature_count),
        "head.bias": torch.zeros(1),
    }
    ranges = {layer.name: (-6.0, 6.0) for layer in body_layers(tiny)}
    integer = IntegerBody([integer_network(tiny, theta, ranges)], torch.device("cpu"))
    whole = {name: stacked[0] for name, stacked in integer.integers().items()}
    names = [layer.name for layer in verifier.body]
    u = integer.image(to_real(_bytes(tiny, 2, 1), tiny))
    values = integer.run(names, body, whole, {IMAGE: u})
    integer.real(verifier.features, values).square().sum().backward()
    for name, parameter in verifier.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
