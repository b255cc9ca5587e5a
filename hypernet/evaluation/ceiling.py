"""The ceiling: the face embedding h_bb itself, which every generated network imitates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hypernet.evaluation.measures import Rows, ScorePairs, Scores

_CHUNK = 1 << 16  # pairs; bounds the memory of the products


def embedding_scores(directions: NDArray[np.float32]) -> ScorePairs:
    """Cosine of two photographs' embeddings, the same in both directions.

    Args:
        directions: float32 [N, D], of unit length, in the hypernetwork's own space
            (`scores.unit_directions`).
    """

    def score(enrolled: Rows, streamed: Rows) -> Scores:
        scores = np.empty(len(enrolled))
        for start in range(0, len(enrolled), _CHUNK):
            part = slice(start, start + _CHUNK)
            scores[part] = np.einsum(
                "nd,nd->n", directions[enrolled[part]], directions[streamed[part]]
            )
        return scores

    return score
