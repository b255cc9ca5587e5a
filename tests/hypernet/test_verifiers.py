"""All verifiers at once are each verifier alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from codegen.nets import Architecture, float_forward
from hypernet.checkpoint import load_checkpoint
from hypernet.generators import GENERATORS, Generator, LastLayerGenerator, TwoViewsGenerator
from hypernet.prelu import prelu
from hypernet.training.verifiers import generated, score_matrix, shared_and_personal
from tests.bench.verifiers import grouped, looped

PERSONAL = (("*",), ("conv2.*", "head.*"), ("wide.*", "head.*"), ("head.*",))

TRAINED = sorted(GENERATORS.keys() - {TwoViewsGenerator.kind})  # that one is calibrated


def _directions(count: int, dimensions: int) -> torch.Tensor:
    torch.manual_seed(7)
    return F.normalize(torch.randn(count, dimensions), dim=1)


def _generator(kind: str, personal: tuple[str, ...], start: LastLayerGenerator) -> Generator:
    made = GENERATORS[kind](
        dataclasses.replace(start.architecture, personal=personal),
        start.shared_body(),
        start.projection.detach(),
        start.space(),
    )
    torch.manual_seed(8)
    with torch.no_grad():
        for parameter in made.maps():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("kind", TRAINED)
@pytest.mark.parametrize("personal", PERSONAL)
def test_the_matrix_is_every_network_alone(
    kind: str, personal: tuple[str, ...], tiny_generator: LastLayerGenerator
) -> None:
    generator = _generator(kind, personal, tiny_generator)
    directions, images = _directions(3, 8), torch.randn(4, 64, 64, 3)
    scores = score_matrix(generator, generated(generator, directions), images)
    for place, direction in enumerate(directions):
        theta = generator(direction)
        values = float_forward(generator.architecture, theta, images)
        expected = values["decision"][:, 0] / theta["head.weight"].norm()
        torch.testing.assert_close(scores[place], expected, rtol=1e-4, atol=1e-5)


def test_three_ways_agree_in_values_and_gradients() -> None:
    generator = load_checkpoint("pq-full").build()
    directions, images = _directions(3, len(generator.mean)), torch.randn(2, 64, 64, 3)
    found = []
    for way in (looped, score_matrix, grouped):
        generator.zero_grad()
        scores = way(generator, generated(generator, directions), images)
        scores.square().sum().backward()
        gradients = [own.grad.flatten() for own in generator.parameters() if own.grad is not None]
        found.append((scores.detach(), torch.cat(gradients)))
    for scores, gradients in found[1:]:
        torch.testing.assert_close(scores, found[0][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradients, found[0][1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["film", "low-rank", "full"])
def test_layers_that_are_not_personal_are_everybodys(
    kind: str, tiny_generator: LastLayerGenerator
) -> None:
    generator = _generator(kind, ("conv2.*", "head.*"), tiny_generator)
    assert set(generated(generator, _directions(2, 8))) <= {
        "conv2.weight",
        "conv2.bias",
        "head.weight",
    }
    one, two = (generator(e) for e in _directions(2, 8))
    for name in one:
        same = torch.equal(one[name], two[name])
        assert same == (name not in ("conv2.weight", "conv2.bias", "head.weight")), name


def test_the_shared_prefix_ends_before_the_first_personal_layer(tiny: Architecture) -> None:
    some = dataclasses.replace(tiny, personal=("wide.*", "head.*"))
    shared, personal = shared_and_personal(some)
    assert [layer.name for layer in shared] == ["conv0", "conv1"]
    assert [layer.name for layer in personal] == ["wide", "sum", "conv2", "features"]
    assert shared_and_personal(tiny)[1] == ()


@pytest.mark.parametrize("kind", TRAINED)
def test_every_kind_comes_back_from_its_state(
    kind: str, tiny_generator: LastLayerGenerator
) -> None:
    """Sizes, like the rank, are read from the tensors."""
    start = dataclasses.replace(tiny_generator.architecture, personal=("*",))
    sizes = {"low-rank": {"rank": 3}, "full": {"hidden": 5}}.get(kind, {})
    body, projection = tiny_generator.shared_body(), tiny_generator.projection.detach()
    made = GENERATORS[kind](start, body, projection, tiny_generator.space(), **sizes)
    again = GENERATORS[kind].from_state(start, made.state_dict())
    direction = _directions(1, 8)[0]
    for name, tensor in made(direction).items():
        assert torch.equal(tensor, again(direction)[name]), name


def test_full_can_be_linear(tiny_generator: LastLayerGenerator) -> None:
    architecture = dataclasses.replace(tiny_generator.architecture, personal=("*",))
    body, projection = tiny_generator.shared_body(), tiny_generator.projection.detach()
    made = GENERATORS["full"](architecture, body, projection, tiny_generator.space(), hidden=0)  # type: ignore[call-arg]
    with torch.no_grad():
        made.emission.normal_(0, 0.01)
    one, two = _directions(2, 8)
    for name in body:
        if name.endswith("weight"):  # slopes are clamped, so they are not linear
            difference = made(one)[name] + made(two)[name] - 2 * body[name]
            both = made(one + two)[name] - body[name]
            torch.testing.assert_close(both, difference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (2, 4, 5, 6)])
def test_prelu_is_pytorchs(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    slope = torch.rand(4, dtype=torch.float64, requires_grad=True)
    assert torch.equal(prelu(x, slope), F.prelu(x, slope))
    assert torch.autograd.gradcheck(prelu, (x, slope))
