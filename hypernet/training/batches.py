"""Which photographs a step sees: follows from the stage's seed and the step's number alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def shuffled_rows(count: int, *, batch: int, seed: int, step: int) -> NDArray[np.intp]:
    """Rows of step `step`, from 1 on: every row once, then again in a new order.

    What is left of a round when it no longer fills a batch waits for another round.

    Args:
        count: rows in all, at least `batch`.
        batch: rows of a step.
        seed: of the stage.
        step: its number.

    Returns:
        int [batch].
    """
    round_number, place = divmod(step - 1, count // batch)
    return _order(count, seed, round_number)[place * batch : (place + 1) * batch]


@lru_cache(maxsize=2)
def _order(count: int, seed: int, round_number: int) -> NDArray[np.intp]:
    return np.random.default_rng([seed, round_number]).permutation(count)
