"""Training, read top to bottom: distil, then optionally generate, then calibrate.

distil     teaches one body of f's shape to say what the encoder says (no labels needed);
generate   trains h_gen on the paper's matrix: every verifier of a batch sees every image;
calibrate  observes activation ranges and chooses the threshold.

Nothing is written here; `checkpoint.save_checkpoint` writes the result whole or not at all, so an
interrupted training leaves no trace.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.errors import HvError
from codegen.nets import Architecture, float_forward
from hypernet.augment import training_images
from hypernet.calibrate import calibrate
from hypernet.checkpoint import Checkpoint
from hypernet.data import NOT_FOUND, FaceTable, Pairs
from hypernet.evaluation import roc_auc
from hypernet.generator import FilmGenerator, Generator, LastLayerGenerator, Theta
from hypernet.kcs import (
    People,
    cluster_centres,
    draw_images,
    group_people,
    neighbours,
    random_people,
)
from hypernet.losses import distillation_loss, matrix_loss, norm_penalty
from hypernet.optimiser import MovingAverage, adamw, rate_schedule
from hypernet.plans import GeneratePlan, Plan
from hypernet.scores import float_scores, unit_directions
from hypernet.verifier import Verifier, head_layer


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a training tells while it runs; `auc` only where the curve has a point."""

    stage: str
    step: int
    steps: int
    loss: float
    auc: float | None


Report = Callable[[Step], None]


def train(
    table: FaceTable,
    pairs: Pairs,
    architecture: Architecture,
    plan: Plan,
    *,
    encoder: str,
    report: Report,
    start: Checkpoint | None = None,
) -> Checkpoint:
    """Trains a hypernetwork.

    Args:
        table: photographs with embeddings, all folds.
        pairs: of that table.
        architecture: of f. Where its body is personal, plan.generate.steps should not be 0.
        plan: how.
        encoder: name of the face encoder that made the embeddings.
        report: told after every step.
        start: a distilled checkpoint of the same body; skips the first stage.

    Returns:
        The checkpoint; its card holds the training, not yet the measured results.

    Raises:
        HvError: too little data, or the loss is no longer finite.
    """
    learnt = table.select(np.isin(table.folds, plan.train_folds) & (table.found != NOT_FOUND))
    if len(learnt.files) < plan.distil.batch:
        raise HvError(
            f"{len(learnt.files)} photographs to learn from, at least {plan.distil.batch} needed",
            where=f"folds {plan.train_folds}",
        )
    curve = Curve(table, pairs, plan, report)
    generator: Generator
    if start is None:
        generator = distil(learnt, architecture, plan, curve)
    else:
        old = start.build()
        generator = LastLayerGenerator(
            architecture, old.shared_body(), old.projection.detach(), old.mean
        )
    if plan.generate.steps:
        generator = generate(learnt, generator, plan, curve)
    made = calibrate(learnt, pairs, table, generator, plan, encoder=encoder, points=curve.points)
    return replace(made, card={**made.card, "start": start.name if start else None})


class Curve:
    """Reports every step and measures the AUC on pairs that are never learnt from."""

    def __init__(self, table: FaceTable, pairs: Pairs, plan: Plan, report: Report) -> None:
        """Selects the watched pairs."""
        found = table.found != NOT_FOUND
        watched = np.isin(pairs.folds, plan.watch_folds) & found[pairs.first] & found[pairs.second]
        self._pairs = pairs.select(watched)
        self._table = table
        self._every = plan.watch_every
        self._report = report
        self.points: list[dict[str, float | int | str]] = []

    def tell(
        self, stage: str, step: int, steps: int, loss: Tensor, now: Callable[[], Generator]
    ) -> None:
        """Reports step `step` of `steps`; `now` makes the generator as it stands."""
        value = float(loss.detach())
        if not math.isfinite(value):
            raise HvError(
                "the loss is no longer finite",
                where=f"{stage}, step {step}",
                hint="lower the learning rate",
            )
        auc = None
        if len(self._pairs.same) and (step % self._every == 0 or step == steps):
            score = float_scores(now(), self._table)
            auc = roc_auc(score(self._pairs.first, self._pairs.second), self._pairs.same)
            self.points.append(
                {"stage": stage, "step": step, "loss": round(value, 4), "auc": round(auc, 4)}
            )
        self._report(Step(stage=stage, step=step, steps=steps, loss=value, auc=auc))


def distil(
    learnt: FaceTable, architecture: Architecture, plan: Plan, curve: Curve
) -> LastLayerGenerator:
    """Stage 1: one body for everybody, and P that maps its features to embeddings.

    Args:
        learnt: photographs to learn from, all with a face.
        architecture: of f.
        plan: how.
        curve: told after every step.

    Returns:
        A working hypernetwork: the body's weights are shared, the last layer is P^T e.
    """
    how = plan.distil
    rng = torch.Generator().manual_seed(plan.seed)
    chips = torch.from_numpy(learnt.chips)
    person = torch.from_numpy(learnt.person_numbers())
    mean = torch.from_numpy(learnt.embeddings.mean(axis=0))
    target = F.normalize(torch.from_numpy(learnt.embeddings) - mean, dim=1)
    student = Student(Verifier(architecture, seed=plan.seed), target.shape[1], rng)
    average = MovingAverage(student, how.average)
    optimiser = adamw(student, how)
    schedule = rate_schedule(optimiser, how.steps, how.warm_up_steps)

    def now() -> LastLayerGenerator:
        best = average.module
        return LastLayerGenerator(
            architecture, best.verifier.fold(), best.projection.detach(), mean
        )

    for step, rows in enumerate(_shuffled(len(chips), how.batch, how.steps, rng), start=1):
        images = training_images(chips[rows], plan.augmentation, architecture.image.scale, rng)
        loss = distillation_loss(
            student(images), target[rows], person[rows], student.projection, how.weights
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        average.update(student)
        curve.tell("distil", step, how.steps, loss, now)
    return now()


class Student(nn.Module):
    """A body and the map P from its features to embeddings."""

    def __init__(self, verifier: Verifier, dimensions: int, rng: torch.Generator) -> None:
        """P starts with orthonormal rows."""
        super().__init__()
        self.verifier = verifier
        self.projection = nn.Parameter(torch.empty(dimensions, verifier.feature_count))
        nn.init.orthogonal_(self.projection, generator=rng)

    def forward(self, images: Tensor) -> Tensor:
        """P h / |h|: float [N, D]; its product with e is the device's score."""
        return F.normalize(self.verifier(images), dim=1) @ self.projection.T


def generate(learnt: FaceTable, start: Generator, plan: Plan, curve: Curve) -> Generator:
    """Stage 2: h_gen learns from who is who (paper, section 3).

    A batch holds n images of each of B people; each enrols, and its verifier sees all of them.

    Args:
        learnt: photographs to learn from, all with a face.
        start: a distilled hypernetwork.
        plan: how.
        curve: told after every step.

    Returns:
        The generator: of every layer where the architecture's body is personal, otherwise of the
        last layer, with a body that learnt further.
    """
    how = plan.generate
    rng = torch.Generator().manual_seed(plan.seed + 1)
    scale = start.architecture.image.scale
    chips = torch.from_numpy(learnt.chips)
    person = torch.from_numpy(learnt.person_numbers())
    directions = unit_directions(start, learnt.embeddings)
    generator = warm_start(start)
    logit = nn.ParameterList(
        [nn.Parameter(torch.tensor(value)) for value in (how.logit_scale, how.logit_centre)]
    )
    average = MovingAverage(generator, how.average)
    optimiser = _two_rates(generator, logit, how)
    schedule = rate_schedule(optimiser, how.steps, max(how.steps // 20, 1))
    batches = _face_batches(group_people(person.numpy(), directions.numpy()), plan)
    for step, drawn in enumerate(batches, start=1):
        rows = torch.from_numpy(drawn)
        images = training_images(chips[rows], plan.augmentation, scale, rng)
        scores, penalty = score_matrix(generator, directions[rows], images)
        same = person[rows][:, None] == person[rows][None]
        loss = matrix_loss(logit[0] * (scores - logit[1]), same)
        loss = loss + how.penalty * penalty
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _keep_slopes(generator)
        average.update(generator)
        curve.tell("generate", step, how.steps, loss, lambda: average.module)
    return average.module


def warm_start(start: Generator) -> Generator:
    """The kind of generator that the architecture's choice of personal tensors asks for."""
    architecture = start.architecture
    personal = any(architecture.is_personal(name) for name in start.shared_body())
    kind = FilmGenerator if personal else LastLayerGenerator
    return kind(architecture, start.shared_body(), start.projection.detach(), start.mean)


def score_matrix(generator: Generator, directions: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    """Every verifier on every image, and the norm penalty of what was generated.

    Where the body is shared it runs once, and only the last layers differ.

    Args:
        generator: h_gen.
        directions: float [V, D], centred embeddings of unit length; one verifier each.
        images: float [I, H, W, C].

    Returns:
        Cosines, float [V, I], and a scalar; both differentiable.
    """
    architecture = generator.architecture
    if isinstance(generator, FilmGenerator):
        thetas = [generator(direction) for direction in directions]
        scores = torch.stack([cosines(architecture, theta, images) for theta in thetas])
        return scores, torch.stack([norm_penalty(theta) for theta in thetas]).mean()
    heads = directions @ generator.projection
    theta = generator(directions[0])
    features = float_forward(architecture, theta, images)[head_layer(architecture).inputs[0]]
    scores = F.normalize(heads, dim=1) @ F.normalize(features, dim=1).T
    return scores, norm_penalty({"heads": heads})


def cosines(architecture: Architecture, theta: Theta, images: Tensor) -> Tensor:
    """One verifier's scores w.h / (|w| |h|), differentiable: float [N]."""
    head = head_layer(architecture)
    values = float_forward(architecture, theta, images)
    length = values[head.inputs[0]].norm(dim=1) * theta[f"{head.name}.weight"].norm()
    scores: Tensor = values[head.name][:, 0] / length.clamp(min=1e-12)
    return scores


def _two_rates(
    generator: Generator, logit: nn.ParameterList, how: GeneratePlan
) -> torch.optim.AdamW:
    """The maps from the embedding learn faster than what everybody shares."""
    maps = [generator.film] if isinstance(generator, FilmGenerator) else [generator.projection]
    mine = {id(parameter) for parameter in maps}
    shared = [own for own in generator.parameters() if id(own) not in mine]
    return torch.optim.AdamW(
        [
            {"params": maps, "lr": how.learning_rate},
            {"params": [*shared, *logit], "lr": how.body_learning_rate},
        ],
        weight_decay=0.0,
    )


def _face_batches(people: People, plan: Plan) -> Iterator[NDArray[np.intp]]:
    """Rows of every batch: easy ones first, then full of people who look alike."""
    how = plan.generate
    rng = np.random.default_rng(plan.seed)
    centres = cluster_centres(people, clusters=how.clusters, seed=plan.seed)
    for step in range(how.steps):
        if step < how.easy_share * how.steps:
            chosen = random_people(people, count=how.people, rng=rng)
        else:
            chosen = neighbours(people, centres, count=how.people, reach=how.reach, rng=rng)
        yield draw_images(people, chosen, each=how.each, rng=rng)


def _shuffled(count: int, batch: int, steps: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Rows of `steps` batches: every photograph once, then again in a new order."""
    waiting = torch.randperm(count, generator=rng)
    for _ in range(steps):
        if len(waiting) < batch:
            waiting = torch.randperm(count, generator=rng)
        rows, waiting = waiting[:batch], waiting[batch:]
        yield rows


def _keep_slopes(generator: Generator) -> None:
    """PReLU slopes stay in [0, 1], as Verifier clamps them."""
    with torch.no_grad():
        for name, tensor in generator.body.items():
            if name.endswith("/slope"):
                tensor.clamp_(0, 1)
