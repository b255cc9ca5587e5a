"""The space in which a hypernetwork compares embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_VARIANCE_FLOOR = 0.02  # of the mean variance


@dataclass(frozen=True, kw_only=True, eq=False)
class EmbeddingSpace:
    """Where embeddings are compared: centred, partly whitened, of unit length.

    Attributes:
        mean: float [D], of the training embeddings.
        whitening: float [D, D], symmetric; the identity leaves them as they are.
    """

    mean: Tensor
    whitening: Tensor

    @classmethod
    def fitted(cls, embeddings: Tensor, power: float) -> EmbeddingSpace:
        """The whitening is C^(-power/2) of the embeddings' covariance C.

        An encoder puts much more into some directions than into others (dlib's: half of the
        variance lies in 12 of 128). A power between 0 (none) and 1 (all alike) brings people
        apart; the smallest variances are raised to 2 % of the mean one, so noise is not.

        Args:
            embeddings: float [N, D].
            power: 0 to 1.
        """
        mean = embeddings.mean(dim=0)
        if power == 0:
            return cls(mean=mean, whitening=torch.eye(len(mean)))
        variances, axes = torch.linalg.eigh(torch.cov(embeddings.double().T))
        floored = variances.clamp(min=0) + _VARIANCE_FLOOR * variances.mean()
        gains = (floored / floored.mean()) ** (-power / 2)
        return cls(mean=mean, whitening=((axes * gains) @ axes.T).to(embeddings.dtype))

    def directions(self, embeddings: Tensor) -> Tensor:
        """W (e - mean), brought to unit length: float [..., D]."""
        return F.normalize((embeddings - self.mean) @ self.whitening, dim=-1)
