"""What training makes small."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHARPNESS = 10.0  # of the cosines between embeddings


def of_kinds(probabilities: Tensor, kinds: Tensor) -> Tensor:
    """The usual one of classifiers that end with a softmax."""
    return nn.functional.nll_loss(torch.log(probabilities + 1e-6), kinds)


def of_masks(probabilities: Tensor, masks: Tensor) -> Tensor:
    """The usual one of sigmoids."""
    return nn.functional.binary_cross_entropy(probabilities, masks)


def of_reals(given: Tensor, wanted: Tensor) -> Tensor:
    """Mean squares."""
    return nn.functional.mse_loss(given, wanted)


def of_embeddings(embeddings: Tensor, kinds: Tensor) -> Tensor:
    """Every sample should be nearer to those of its own kind: cross entropy over cosines."""
    directions = nn.functional.normalize(embeddings, dim=1)
    alike = SHARPNESS * directions @ directions.T
    others = ~torch.eye(len(kinds), dtype=torch.bool)
    logits = alike.masked_fill(~others, float("-inf"))
    same = (kinds[:, None] == kinds[None, :]) & others
    logs = torch.log_softmax(logits, dim=1)[same]
    return -logs.mean() if len(logs) else embeddings.sum() * 0.0
