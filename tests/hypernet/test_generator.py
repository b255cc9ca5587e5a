"""h_gen: what it makes, and that learning reaches it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from codegen.nets import Architecture
from hypernet.generators import FilmGenerator, Generator, LastLayerGenerator
from hypernet.training.losses import matrix_loss
from hypernet.training.verifiers import generated, score_matrix


@pytest.fixture
def film(tiny: Architecture, tiny_generator: LastLayerGenerator) -> FilmGenerator:
    return FilmGenerator(
        dataclasses.replace(tiny, personal=("*",)),
        tiny_generator.shared_body(),
        tiny_generator.projection.detach(),
        tiny_generator.space(),
    )


@pytest.fixture(params=["tiny_generator", "film"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return request.getfixturevalue(request.param)


def _directions(count: int) -> torch.Tensor:
    torch.manual_seed(7)
    return torch.nn.functional.normalize(torch.randn(count, 8), dim=1)


def test_theta_has_the_architectures_shapes(generator: Generator) -> None:
    theta = generator(_directions(1)[0])
    expected = generator.architecture.float_tensor_shapes()
    assert {name: tuple(tensor.shape) for name, tensor in theta.items()} == expected


def test_the_last_layer_is_p_transposed_e(generator: Generator) -> None:
    e = _directions(1)[0]
    theta = generator(e)
    torch.testing.assert_close(theta["head.weight"][0], generator.projection.T @ e)
    assert theta["head.bias"].tolist() == [0.0]


def test_centring_gives_unit_length(generator: Generator) -> None:
    centred = generator.centre(torch.randn(3, 8) + 5)
    torch.testing.assert_close(centred.norm(dim=1), torch.ones(3))


def test_film_starts_at_identity(film: FilmGenerator) -> None:
    theta = film(_directions(1)[0])
    for name, tensor in film.shared_body().items():
        torch.testing.assert_close(theta[name], tensor)


def test_film_scales_and_shifts_every_layer_of_every_person(film: FilmGenerator) -> None:
    with torch.no_grad():
        film.film.normal_(0, 0.1)
    one, two = (film(e) for e in _directions(2))
    for layer in ("conv0", "conv1", "wide", "conv2", "head"):
        assert not torch.allclose(one[f"{layer}.weight"], two[f"{layer}.weight"])
        if layer != "head":
            assert not torch.allclose(one[f"{layer}.bias"], two[f"{layer}.bias"])


def test_film_before_the_activation_is_what_folding_says(film: FilmGenerator) -> None:
    """Scaling and shifting a convolution's output equals convolving with the folded tensors."""
    with torch.no_grad():
        film.film.normal_(0, 0.1)
    e = _directions(1)[0]
    images = torch.randn(2, 64, 64, 3)
    operator = film.architecture.layers[0].op
    theta, body = film(e), film.shared_body()
    scale_delta, shift = film.modulation(e)[: 2 * 4].chunk(2)
    weight, bias = body["conv0.weight"], body["conv0.bias"]
    plain = operator.float_forward(
        {"weight": weight, "bias": bias, "slope": torch.ones(4)}, (images,)
    )
    folded = operator.float_forward(
        {
            "weight": theta["conv0.weight"],
            "bias": theta["conv0.bias"],
            "slope": torch.ones(4),
        },
        (images,),
    )
    torch.testing.assert_close(folded, plain * (1 + scale_delta) + shift, rtol=1e-4, atol=1e-4)


def test_the_matrix_loss_reaches_every_part_of_h_gen(film: FilmGenerator) -> None:
    with torch.no_grad():
        film.film.normal_(0, 0.01)
    directions = _directions(4)
    images = torch.randn(4, 64, 64, 3)
    scores = score_matrix(film, generated(film, directions), images)
    same = torch.tensor([0, 0, 1, 1])[:, None] == torch.tensor([0, 0, 1, 1])[None]
    matrix_loss(8 * scores, same).backward()
    assert scores.shape == (4, 4)
    for name, parameter in film.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
