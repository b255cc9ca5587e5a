"""The validation curve: the AUC on pairs that are never learnt from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from codegen.errors import HvError
from hypernet.data import NOT_FOUND, FaceTable, Pairs
from hypernet.evaluation import roc_auc
from hypernet.generators import Generator
from hypernet.scores import float_scores
from hypernet.training.config import Config
from hypernet.training.state import Point


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a training tells while it runs; `auc` only where the curve has a point."""

    stage: int
    objective: str
    step: int
    steps: int
    loss: float
    rate: float
    facts: Mapping[str, float]
    auc: float | None


class Curve:
    """Measures the AUC now and then.

    Attributes:
        points: so far.
    """

    def __init__(self, table: FaceTable, pairs: Pairs, config: Config) -> None:
        """Selects the watched pairs."""
        found = table.found != NOT_FOUND
        watched = np.isin(pairs.folds, config.watch_folds)
        watched &= found[pairs.first] & found[pairs.second]
        own = pairs.select(watched)
        rows, places = np.unique(np.concatenate([own.first, own.second]), return_inverse=True)
        self._first, self._second = np.split(places.astype(np.intp), 2)
        self._same = own.same
        self._table = table.select(rows.astype(np.intp))  # chips of other rows are not touched
        self._every = config.watch_every
        self.points: list[Point] = []

    def measure(self, told: Step, now: Callable[[], Generator]) -> float | None:
        """The AUC of `now()` where one is due, else None; the point is kept.

        Raises:
            HvError: the loss is not finite.
        """
        if not math.isfinite(told.loss):
            raise HvError(
                "the loss is no longer finite",
                where=f"stage {told.stage}, {told.objective}, step {told.step}",
                hint="lower the learning rate",
            )
        if not len(self._same) or (told.step % self._every and told.step != told.steps):
            return None
        scores = float_scores(now(), self._table)(self._first, self._second)
        auc = roc_auc(scores, self._same)
        self.points.append(
            {
                "stage": told.objective,
                "step": told.step,
                "loss": round(told.loss, 4),
                "auc": round(auc, 4),
            }
        )
        return auc
