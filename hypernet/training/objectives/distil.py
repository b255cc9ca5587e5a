"""The warm start: one body for everybody learns to say what the encoder says.

No labels are needed: every photograph counts, people with a single one too. What comes out is a
working hypernetwork whose personal part is the last layer, P^T e.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from codegen.errors import HvError
from codegen.nets import IMAGE
from hypernet.generators import EmbeddingSpace, Generator, LastLayerGenerator
from hypernet.training.batches import shuffled_rows
from hypernet.training.fake_quantise import IntegerBody, integer_network
from hypernet.training.losses import DistillationWeights, distillation_loss
from hypernet.training.objectives.base import (
    Learnt,
    Objective,
    Outcome,
    StageSettings,
    Task,
    composition,
)
from hypernet.training.observed import Observed
from hypernet.training.optimiser import decayed
from hypernet.training.settings import number
from hypernet.verifier import Verifier, head_layer


@dataclass(frozen=True, kw_only=True)
class DistilSettings(StageSettings):
    """Keys of a distil stage.

    Attributes:
        batch: images of a step.
        whitening: power of the embedding space's (EmbeddingSpace.fitted); a start brings its own.
        consensus: weight of the mean direction of a person's photographs in the target of each of
            them; 0 needs no labels.
        weights: of the loss's terms.
    """

    batch: int = number(128, least=2)
    whitening: float = number(0.0, least=0, most=1)
    consensus: float = number(0.0, least=0, most=100)
    weights: DistillationWeights = field(default_factory=DistillationWeights)


class Student(nn.Module):
    """A body, and the map P from its features to embeddings."""

    def __init__(self, verifier: Verifier, dimensions: int, seed: int) -> None:
        """P starts with orthonormal rows."""
        super().__init__()
        self.verifier = verifier
        self.observed = Observed(verifier.architecture)
        self.projection = nn.Parameter(torch.empty(dimensions, verifier.feature_count))
        nn.init.orthogonal_(self.projection, generator=torch.Generator().manual_seed(seed))

    def mapped(self, features: Tensor) -> Tensor:
        """P h / |h|: float32 [N, D]; its product with e is the device's score."""
        return F.normalize(features.float(), dim=1) @ self.projection.T


class Distillation(Task):
    """A distil stage that has begun."""

    module: Student

    def __init__(self, settings: DistilSettings, learnt: Learnt, start: Generator | None) -> None:
        """From random weights, or from a hypernetwork's shared body and P."""
        photographs = learnt.table
        table = photographs.joined(learnt.composites) if learnt.composites else photographs
        if len(table.files) < settings.batch:
            raise HvError(
                f"{len(table.files)} photographs to learn from, at least {settings.batch} needed",
                hint="more training folds, or a smaller batch",
            )
        self._settings, self._learnt = settings, replace(learnt, table=table)
        self._person = torch.from_numpy(table.person_numbers())
        embeddings = torch.from_numpy(table.embeddings)
        self._space = (
            EmbeddingSpace.fitted(torch.from_numpy(photographs.embeddings), settings.whitening)
            if start is None
            else start.space()
        )
        directions = self._space.directions(embeddings)
        self._target = with_consensus(directions, self._person, settings.consensus)
        verifier = Verifier(learnt.architecture, seed=learnt.seed)
        verifier.share_statistics(learnt.processes)
        self.module = Student(verifier, embeddings.shape[1], learnt.seed)
        self.observed = self.module.observed
        if start is not None:
            verifier.load_folded(start.shared_body())
            self.module.projection.data.copy_(start.projection)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One rate for all."""
        return decayed(self.module, self._settings.weight_decay)

    def outcome(self, step: int, *, quantised: bool) -> Outcome:
        """Loss over every photograph once per round."""
        learnt, settings = self._learnt, self._settings
        count = len(learnt.table.files)
        drawn = shuffled_rows(count, batch=settings.batch, seed=learnt.seed, step=step)
        rows = torch.from_numpy(drawn)
        images = learnt.images(rows, step)
        if quantised:
            self.observe(learnt, settings, step)
            features = self._quantised_features(images)
        else:
            with learnt.autocast():
                features = self.module.verifier(images)
        mapped = learnt.processes.gather(self.module.mapped(features))
        target, person = self._target[rows].to(mapped), self._person[rows].to(mapped.device)
        loss = distillation_loss(mapped, target, person, self.module.projection, settings.weights)
        with torch.no_grad():
            cosine = F.cosine_similarity(mapped, target).mean()
        return Outcome(loss=loss, facts={"cosine": float(cosine), **composition(person, target)})

    def _quantised_features(self, images: Tensor) -> Tensor:
        """Of the integer network, whose batch norm is folded: float [N, F]."""
        verifier = self.module.verifier
        verifier.freeze()
        head = head_layer(verifier.architecture).name
        body = verifier.fold()
        some_head = {
            f"{head}.weight": torch.ones(1, verifier.feature_count),
            f"{head}.bias": torch.zeros(1),
        }
        net = integer_network(verifier.architecture, {**body, **some_head}, self.observed.ranges())
        integer = IntegerBody([net], images.device)
        whole = {name: stacked[0] for name, stacked in integer.integers().items()}
        names = [layer.name for layer in verifier.body]
        values = integer.run(names, body, whole, {IMAGE: integer.image(images)})
        return integer.real(verifier.features, values)

    def generator(self, module: nn.Module) -> LastLayerGenerator:
        """The folded body, shared by all, and P."""
        assert isinstance(module, Student)
        body = {name: tensor.detach().cpu() for name, tensor in module.verifier.fold().items()}
        projection = module.projection.detach().cpu()
        return LastLayerGenerator(self._learnt.architecture, body, projection, self._space)


def with_consensus(directions: Tensor, person: Tensor, weight: float) -> Tensor:
    """Draws every photograph's direction towards the mean of its person's.

    An encoder's words on one photograph hold what is not the person: expression, light. Nobody
    should learn that.

    Args:
        directions: float [N, D], of unit length.
        person: int [N], 0, 1, ....
        weight: of the mean.

    Returns:
        float [N, D], of unit length.
    """
    sums = directions.new_zeros(int(person.max()) + 1, directions.shape[1])
    sums.index_add_(0, person, directions)
    means = sums / torch.bincount(person)[:, None]
    return F.normalize(directions + weight * means[person], dim=1)


DISTIL = Objective(name="distil", settings=DistilSettings, begin=Distillation)
