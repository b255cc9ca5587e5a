"""How a training is done: everything that decides its result, beside the data."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.nets import Architecture
from hypernet.augment import Augmentation
from hypernet.losses import DistillationWeights
from hypernet.verifier import body_layers


@dataclass(frozen=True, kw_only=True)
class DistilPlan:
    """How the body is distilled."""

    steps: int = 5200
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    warm_up_steps: int = 100
    average: float = 0.998
    weights: DistillationWeights = field(default_factory=DistillationWeights)


@dataclass(frozen=True, kw_only=True)
class GeneratePlan:
    """How h_gen is trained; `generate_plan` suits it to an architecture.

    Attributes:
        steps: batches; 0 skips the stage and keeps the last-layer generator.
        people: identities in a batch, B.
        each: images per identity, n.
        easy_share: share of the steps, at the start, with people drawn at random; then KCS.
        clusters: centres of KCS.
        reach: how far around a centre KCS draws (kcs.neighbours).
        learning_rate: of the maps from the embedding.
        body_learning_rate: of what everybody shares.
        penalty: weight of the norm of the generated numbers.
        logit_scale: logits are scale * (cosine - centre) at the start; both are trained.
        logit_centre: see logit_scale.
        average: decay of the moving average.
    """

    steps: int = 0
    people: int = 16
    each: int = 2
    easy_share: float = 0.5
    clusters: int = 64
    reach: int = 8
    learning_rate: float = 1e-3
    body_learning_rate: float = 3e-4
    penalty: float = 1e-3
    logit_scale: float = 16.0
    logit_centre: float = 0.35
    average: float = 0.98


def generate_plan(architecture: Architecture, steps: int) -> GeneratePlan:
    """Batch and rates for what is personal.

    A personal body runs once per verifier and image, so its batches are small; a shared body runs
    once per image, so they can be as large as in distillation.
    """
    body = [f"{layer.name}.weight" for layer in body_layers(architecture)]
    if any(architecture.is_personal(name) for name in body):
        return GeneratePlan(steps=steps)
    return GeneratePlan(steps=steps, people=48, each=3, average=0.995)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a training's result, beside the data.

    Attributes:
        name: of the checkpoint.
        seed: of all randomness; the same plan, data and machine give the same weights.
        train_folds: whose people are learnt from.
        watch_folds: whose pairs the training curve is measured on; never learnt from.
        watch_every: steps between two points of the curve.
        false_accept_rate: at which the threshold is chosen, on pairs of train_folds.
    """

    name: str
    seed: int = 0
    train_folds: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    watch_folds: tuple[int, ...] = (9,)
    watch_every: int = 500
    false_accept_rate: float = 0.01
    distil: DistilPlan = field(default_factory=DistilPlan)
    generate: GeneratePlan = field(default_factory=GeneratePlan)
    augmentation: Augmentation = field(default_factory=Augmentation)
