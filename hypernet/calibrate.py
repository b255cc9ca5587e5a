"""The last stage of training: what all persons share besides the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codegen.calibration.observers import quantile_range
from codegen.nets import float_forward
from hypernet.checkpoint import Checkpoint, state_of
from hypernet.cohort import Cohort, cohort_of
from hypernet.data import NOT_FOUND, FaceTable, Pairs
from hypernet.discriminant import own_view, whitening
from hypernet.evaluation import threshold_at
from hypernet.generators import Generator, LastLayerGenerator, TwoViewsGenerator
from hypernet.scores import float_scores, shared_features, unit_directions
from hypernet.verifier import head_layer, is_normalised, to_real

if TYPE_CHECKING:  # the config knows the objectives, and those ask for ranges
    from hypernet.training.config import Config


def calibrate(
    learnt: FaceTable,
    pairs: Pairs,
    table: FaceTable,
    generator: Generator,
    plan: Config,
    *,
    encoder: str,
    points: Sequence[Mapping[str, float | int | str]],
) -> Checkpoint:
    """Stage 3: whitening, cohort, ranges, threshold, card, from people of the training folds only.

    Where each person has a body of their own no statistics of features serve everybody: such a
    hypernetwork keeps its last layer and one threshold for all.

    `points` is the training curve, for the card.
    """
    generator.eval()
    cohort = None
    if plan.normalise and isinstance(generator, LastLayerGenerator):
        generator, cohort = with_cohort(
            generator, learnt, shrinkage=plan.shrinkage, share=plan.own_view
        )
    checkpoint = Checkpoint(
        name=plan.name,
        architecture=generator.architecture,
        encoder=encoder,
        generator=generator.kind,
        tensors=state_of(generator),
        ranges=observe_ranges(learnt, generator, seed=plan.seed),
        threshold=0.0,
        cohort=cohort,
        card={
            "data": _data(learnt, plan),
            "terms": plan.terms,
            "limits": plan.limits,
            "plan": plan.deciding(),
            "curve": list(points),
        },
    )
    mine = pairs.select(
        np.isin(pairs.folds, plan.train_folds)
        & (table.found[pairs.first] != NOT_FOUND)
        & (table.found[pairs.second] != NOT_FOUND)
    )
    score = float_scores(generator, table, checkpoint.comparable)
    scores = score(mine.first, mine.second)
    threshold = threshold_at(scores, mine.same, false_accept_rate=plan.false_accept_rate)
    return replace(checkpoint, threshold=round(threshold, 6))


def _data(learnt: FaceTable, plan: Config) -> str:
    """For people: what was learnt from."""
    people = len(np.unique(learnt.people))
    folds, watched = (", ".join(map(str, some)) for some in (plan.train_folds, plan.watch_folds))
    composed = f", and {plan.composites:,} composites of them" if plan.composites else ""
    return (
        f"{len(learnt.files):,} photographs of {people:,} people, folds {folds}{composed}; "
        f"folds {watched} were watched only"
    )


def with_cohort(
    generator: LastLayerGenerator, learnt: FaceTable, *, shrinkage: float, share: float
) -> tuple[LastLayerGenerator, Cohort]:
    """Makes the last layer a discriminant (discriminant.py) and measures the cohort for it.

    Args:
        generator: of last layers; not changed.
        learnt: photographs of the training people, all with a face.
        shrinkage: of the features' covariance within people (`discriminant.whitening`).
        share: of the body's own view in the scores (`discriminant.own_view`); 0 leaves it out.

    Returns:
        The generator with its new last layer, and the statistics of its features.
    """
    features = shared_features(generator, learnt)
    people = learnt.person_numbers()
    normalised = is_normalised(generator.architecture)
    projection, own = generator.projection.detach(), None
    if normalised:
        directions = unit_directions(generator, learnt.embeddings).numpy()
        projection = torch.from_numpy(whitening(features, projection.numpy(), people, shrinkage))
        own = own_view(directions, features, projection.numpy(), people, share)
    parts = (generator.architecture, generator.shared_body(), projection, generator.space())
    made = TwoViewsGenerator(*parts, own=own) if own else LastLayerGenerator(*parts)
    rows = np.concatenate([projection.numpy(), own.axes]) if own else projection.numpy()
    return made.eval(), cohort_of(features, people, rows, normalised=normalised)


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
            images = torch.from_numpy(learnt.crops(architecture.image.shape)[shown])
            theta = generator(directions[row])
            values = float_forward(architecture, theta, to_real(images, architecture))
            for layer in architecture.layers[: architecture.layers.index(head)]:
                seen.setdefault(layer.name, []).append(values[layer.name].flatten())
    return {name: _limits(torch.cat(parts).numpy(), tail) for name, parts in seen.items()}


def _limits(values: NDArray[np.float32], tail: float) -> tuple[float, float]:
    lo, hi = quantile_range(values, tail)
    return round(lo, 5), round(hi, 5)
