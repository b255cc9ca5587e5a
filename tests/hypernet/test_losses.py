"""The losses against slow references, written entry by entry."""

from __future__ import annotations

import math

import torch

from hypernet.training.losses import (
    DistillationWeights,
    distillation_loss,
    info_nce,
    matrix_loss,
    norm_penalty,
)


def _slow_nce(logits: torch.Tensor, person: list[int]) -> float:
    def one_way(get: object) -> float:
        total = 0.0
        for i in range(len(person)):
            allowed = [j for j in range(len(person)) if i == j or person[i] != person[j]]
            terms = [math.exp(get(i, j)) for j in allowed]  # type: ignore[operator]
            total += math.log(sum(terms)) - get(i, i)  # type: ignore[operator]
        return total / len(person)

    rows = one_way(lambda i, j: logits[i, j].item())
    columns = one_way(lambda i, j: logits[j, i].item())
    return (rows + columns) / 2


def test_info_nce_equals_a_slow_reference() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 6)
    person = [0, 1, 0, 2, 1, 0]
    assert math.isclose(
        info_nce(logits, torch.tensor(person)).item(), _slow_nce(logits, person), rel_tol=1e-5
    )


def test_distillation_is_the_weighted_sum_of_its_three_terms() -> None:
    torch.manual_seed(1)
    mapped, target = torch.randn(5, 4), torch.nn.functional.normalize(torch.randn(5, 4), dim=1)
    projection = torch.randn(4, 7)
    person = [0, 1, 2, 2, 3]
    weights = DistillationWeights(contrast=0.25, temperature=3.0, orthogonal=2.0)
    likeness = sum(float(mapped[i] @ target[i]) for i in range(5)) / 5
    gram = projection @ projection.T
    departure = (
        sum((float(gram[i, j]) - float(i == j)) ** 2 for i in range(4) for j in range(4)) / 4
    )
    expected = 1 - likeness + 0.25 * _slow_nce(3 * mapped @ target.T, person) + 2 * departure
    loss = distillation_loss(mapped, target, torch.tensor(person), projection, weights)
    assert math.isclose(loss.item(), expected, rel_tol=1e-5)


def test_distillation_is_lowest_where_f_says_what_the_encoder_says() -> None:
    target = torch.eye(4)
    perfect = distillation_loss(
        target, target, torch.arange(4), torch.eye(4, 6), DistillationWeights()
    )
    worse = distillation_loss(
        target.roll(1, 0), target, torch.arange(4), torch.eye(4, 6), DistillationWeights()
    )
    assert perfect < 1e-3 < worse


def test_matrix_loss_equals_a_slow_reference() -> None:
    torch.manual_seed(2)
    logits = torch.randn(4, 4)
    same = torch.tensor([0, 0, 1, 2])[:, None] == torch.tensor([0, 0, 1, 2])[None]
    positive, negative = [], []
    for i in range(4):
        for j in range(4):
            chance = 1 / (1 + math.exp(-logits[i, j].item()))
            if same[i, j]:
                positive.append(-math.log(chance))
            else:
                negative.append(-math.log(1 - chance))
    expected = (sum(positive) / len(positive) + sum(negative) / len(negative)) / 2
    assert math.isclose(matrix_loss(logits, same).item(), expected, rel_tol=1e-5)


def test_norm_penalty_is_the_mean_square() -> None:
    tensors = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]])}
    assert math.isclose(norm_penalty(tensors).item(), 14 / 3, rel_tol=1e-6)
