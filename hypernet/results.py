"""Measures a checkpoint on pairs, in floats and in integers, and completes its card."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from hypernet.checkpoint import Checkpoint
from hypernet.data import FaceTable, Pairs
from hypernet.evaluation import Evaluation, ScorePairs, as_dict, evaluate, score_both_ways
from hypernet.scores import float_scores, integer_scores

Arithmetic = Literal["float", "int8"]

TERMS = (
    "Weights trained on Labeled Faces in the Wild: for research and evaluation only. The rights in "
    "the photographs stay with their owners; results on LFW must not be used to conclude that an "
    "algorithm is fit for commercial use. Huang et al., UMass TR 07-49 (2007); deep funneling: "
    "Huang et al., NIPS 2012. The face encoder's own weights (dlib) are CC0."
)

LIMITS = (
    "Verifies one person in photographs like LFW's: news pictures, mostly of adults, mostly "
    "frontal, found by dlib's frontal detector. Not tested on children, on masks, at night, nor on "
    "cameras like those of a microcontroller. No liveness: a printed photograph is accepted. "
    "People of few photographs on the web are badly represented, and error rates differ between "
    "groups of people; they were not measured by group. Not for security."
)


def measure_checkpoint(
    checkpoint: Checkpoint,
    table: FaceTable,
    pairs: Pairs,
    *,
    test_folds: Sequence[int],
    tuning_folds: Sequence[int],
    arithmetic: Arithmetic = "float",
) -> Evaluation:
    """Evaluates a checkpoint on the pairs of `test_folds` (see `evaluation.evaluate`)."""
    needed = pairs.select(np.isin(pairs.folds, (*test_folds, *tuning_folds)))
    return evaluate(
        score_both_ways(needed, scores_of(checkpoint, table, arithmetic), table.found),
        table.person_numbers(),
        test_folds=test_folds,
        tuning_folds=tuning_folds,
        threshold=checkpoint.threshold,
    )


def scores_of(checkpoint: Checkpoint, table: FaceTable, arithmetic: Arithmetic) -> ScorePairs:
    """The checkpoint's scoring function over rows of a table, in floats or integers."""
    generator = checkpoint.build()
    if arithmetic == "float":
        return float_scores(generator, table, checkpoint.comparable)
    return integer_scores(generator, table, checkpoint.float_net, checkpoint.comparable)


def with_card(
    checkpoint: Checkpoint,
    *,
    command: str,
    data: str,
    measured: dict[str, Evaluation],
    tuning_folds: Sequence[int],
    test_folds: Sequence[int],
) -> Checkpoint:
    """Adds to the card what a person needs to know before using the checkpoint.

    Args:
        checkpoint: as trained.
        command: how to train it again.
        data: what it was trained on.
        measured: by arithmetic ("float", "int8").
        tuning_folds: where the accuracies' thresholds were chosen.
        test_folds: where everything was measured.
    """
    facts: dict[str, Any] = {
        "command": command,
        "data": data,
        "terms": TERMS,
        "limits": LIMITS,
        "measured": {
            "test_folds": list(test_folds),
            "tuning_folds": list(tuning_folds),
            **{name: _rounded(as_dict(result)) for name, result in measured.items()},
        },
    }
    return dataclasses.replace(checkpoint, card={**facts, **checkpoint.card})


def _rounded(value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return round(value, 5) if isinstance(value, float) else value
