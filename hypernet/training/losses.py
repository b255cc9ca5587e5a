"""What training minimises. Every function is plain: tensors in, a scalar out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hypernet.training.settings import number

_EXCLUDED = -1e4  # a logit so low that its softmax is zero in float32


@dataclass(frozen=True, kw_only=True)
class DistillationWeights:
    """How the terms of `distillation_loss` are weighed."""

    likeness: float = number(1.0, least=0)
    contrast: float = number(0.5, least=0)
    temperature: float = number(16.0, least=0)
    orthogonal: float = number(1.0, least=0)


def distillation_loss(
    mapped: Tensor,
    target: Tensor,
    person: Tensor,
    projection: Tensor,
    weights: DistillationWeights,
) -> Tensor:
    """Teaches f's features to say what the encoder says of the same photograph.

    likeness * (1 - mean z.e) + contrast * InfoNCE + orthogonal * |P P^T - I|^2 / D.

    The score on the device is e.P h/|h|, so z is not brought to unit length: what f's features
    hold outside of P's rows costs score there and must cost loss here.

    Args:
        mapped: float [B, D], z = P h/|h|.
        target: float [B, D], e: centred embeddings of unit length.
        person: int [B]; others of one's own person are no negatives.
        projection: float [D, F], P.
        weights: of the terms.

    Returns:
        Scalar.
    """
    likeness = (mapped * target).sum(dim=1).mean()
    contrast = info_nce(mapped @ target.T * weights.temperature, person)
    gram = projection @ projection.T
    departure = (
        gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    ).square().sum() / len(gram)
    return (
        weights.likeness * (1 - likeness)
        + weights.contrast * contrast
        + weights.orthogonal * departure
    )


def info_nce(logits: Tensor, person: Tensor) -> Tensor:
    """Symmetric InfoNCE of a square matrix whose diagonal is right.

    Args:
        logits: float [B, B].
        person: int [B]; off-diagonal entries of the same person are left out.

    Returns:
        Scalar: the mean of the cross-entropies along rows and along columns.
    """
    diagonal = torch.eye(len(person), dtype=torch.bool, device=person.device)
    masked = logits.masked_fill((person[:, None] == person[None]) & ~diagonal, _EXCLUDED)
    answer = torch.arange(len(person), device=person.device)
    return (F.cross_entropy(masked, answer) + F.cross_entropy(masked.T, answer)) / 2


def matrix_loss(logits: Tensor, same: Tensor, positive_weight: float = 0.0) -> Tensor:
    """Binary cross-entropy of every verifier against every image (paper, section 3).

    Positives are rare (n of n*B in a row), so they are weighted.

    Args:
        logits: float [V, I], verifier by image.
        same: bool [V, I], verifier and image are of one person; both kinds occur.
        positive_weight: how much a positive counts beside a negative; 0 lets all positives
            together count as much as all negatives.

    Returns:
        Scalar: the weighted mean.
    """
    loss = F.binary_cross_entropy_with_logits(logits, same.to(logits.dtype), reduction="none")
    weight = positive_weight or float((~same).sum() / same.sum())
    weights = torch.where(same, weight, 1.0)
    return (loss * weights).sum() / weights.sum()


def norm_penalty(tensors: Mapping[str, Tensor]) -> Tensor:
    """Mean square of all generated numbers: keeps them small, and so quantisable."""
    total = torch.stack([tensor.square().sum() for tensor in tensors.values()]).sum()
    return total / sum(tensor.numel() for tensor in tensors.values())
