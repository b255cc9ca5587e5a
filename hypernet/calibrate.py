"""The last stage of training: what all persons share besides the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codegen.calibration.observers import quantile_range
from codegen.nets import float_forward
from hypernet.checkpoint import Checkpoint, state_of
from hypernet.data import NOT_FOUND, FaceTable, Pairs
from hypernet.evaluation import threshold_at
from hypernet.generator import Generator
from hypernet.plans import Plan
from hypernet.scores import float_scores, unit_directions
from hypernet.verifier import head_layer, to_real


def calibrate(
    learnt: FaceTable,
    pairs: Pairs,
    table: FaceTable,
    generator: Generator,
    plan: Plan,
    *,
    encoder: str,
    points: Sequence[Mapping[str, float | int | str]],
) -> Checkpoint:
    """Stage 3: ranges, threshold, card. Only people of the training folds are looked at.

    `points` is the training curve, for the card.
    """
    generator.eval()
    mine = pairs.select(
        np.isin(pairs.folds, plan.train_folds)
        & (table.found[pairs.first] != NOT_FOUND)
        & (table.found[pairs.second] != NOT_FOUND)
    )
    scores = float_scores(generator, table)(mine.first, mine.second)
    threshold = threshold_at(scores, mine.same, false_accept_rate=plan.false_accept_rate)
    return Checkpoint(
        name=plan.name,
        architecture=generator.architecture,
        encoder=encoder,
        generator=generator.kind,
        tensors=state_of(generator),
        ranges=observe_ranges(learnt, generator, seed=plan.seed),
        threshold=round(threshold, 6),
        card={"plan": asdict(plan), "curve": list(points)},
    )


def observe_ranges(
    learnt: FaceTable,
    generator: Generator,
    *,
    seed: int,
    people: int = 128,
    crops: int = 8,
    tail: float = 5e-5,
) -> dict[str, tuple[float, float]]:
    """Output range of every layer over many persons' networks, without the rarest values.

    Args:
        learnt: photographs to look at.
        generator: makes the networks.
        seed: which persons and crops are drawn.
        people: networks looked at.
        crops: photographs shown to each.
        tail: share of values cut off at either end; int8 spends its steps on the others.

    Returns:
        By layer name: (lowest, highest), real.
    """
    rng = np.random.default_rng(seed)
    architecture = generator.architecture
    head = head_layer(architecture)
    directions = unit_directions(generator, learnt.embeddings)
    seen: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        for row in rng.choice(len(learnt.files), size=people):
            shown = rng.choice(len(learnt.files), size=crops)
            images = torch.from_numpy(learnt.crops[shown])
            theta = generator(directions[row])
            values = float_forward(architecture, theta, to_real(images, architecture))
            for layer in architecture.layers[: architecture.layers.index(head)]:
                seen.setdefault(layer.name, []).append(values[layer.name].flatten())
    return {name: _limits(torch.cat(parts).numpy(), tail) for name, parts in seen.items()}


def _limits(values: NDArray[np.float32], tail: float) -> tuple[float, float]:
    lo, hi = quantile_range(values, tail)
    return round(lo, 5), round(hi, 5)
