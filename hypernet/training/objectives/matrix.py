"""The paper's objective: every verifier of a batch sees every image, and says who is who.

A batch holds n images of each of B people; each image enrols. Easy batches come first, then
batches of people who look alike (kcs.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from codegen.errors import HvError
from hypernet.checkpoint import MAX_BYTES
from hypernet.generators import GENERATORS, EmbeddingSpace, Generator, LastLayerGenerator
from hypernet.training.kcs import (
    cluster_centres,
    draw_images,
    group_people,
    neighbours,
    random_people,
)
from hypernet.training.losses import matrix_loss, norm_penalty
from hypernet.training.objectives.base import (
    Learnt,
    Objective,
    Outcome,
    StageSettings,
    Task,
    composition,
)
from hypernet.training.observed import Observed
from hypernet.training.settings import number
from hypernet.training.verifiers import generated, quantised_scores, score_matrix
from hypernet.verifier import Verifier


@dataclass(frozen=True, kw_only=True)
class MatrixSettings(StageSettings):
    """Keys of a matrix stage.

    Attributes:
        generator: how the personal layers are made from an embedding (hypernet/generators/).
        rank: of "low-rank".
        hidden: width of the hidden layer of "full"; 0 for a linear map.
        people: identities in a batch, B.
        each: images per identity, n.
        kcs: look-alikes are sampled once the easy batches are over.
        easy_share: share of the steps, at the start, with people drawn at random.
        clusters: centres of KCS.
        reach: people are drawn from the reach * people nearest to a centre.
        body_learning_rate: of what everybody shares; learning_rate is that of the maps from the
            embedding.
        penalty: weight of the mean square of what is generated.
        positive_weight: of a positive entry beside a negative one; 0 lets all positives together
            count as much as all negatives.
        logit_scale: logits are scale * (cosine - centre) at the start; both are trained.
        logit_centre: see logit_scale.
    """

    learning_rate: float = number(1e-3, least=0)
    weight_decay: float = number(0.0, least=0)
    warm_up_steps: int = number(35, least=1)
    average: float = number(0.98, least=0, most=0.999999)
    clip: float = number(1.0, least=0)
    generator: Literal["last-layer", "film", "low-rank", "full"] = "last-layer"
    rank: int = number(4, least=1, most=64)
    hidden: int = number(64, least=0, most=4096)
    people: int = number(16, least=2)
    each: int = number(2, least=1)
    kcs: bool = True
    easy_share: float = number(0.5, least=0, most=1)
    clusters: int = number(64, least=1)
    reach: int = number(8, least=1)
    body_learning_rate: float = number(3e-4, least=0)
    penalty: float = number(1e-3, least=0)
    positive_weight: float = number(0.0, least=0)
    logit_scale: float = number(16.0, least=0)
    logit_centre: float = 0.35


class Hypernetwork(nn.Module):
    """h_gen, and the line that makes logits of cosines."""

    def __init__(self, generator: Generator, scale: float, centre: float) -> None:
        """Both numbers of the line are trained."""
        super().__init__()
        self.generator = generator
        self.observed = Observed(generator.architecture)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.centre = nn.Parameter(torch.tensor(centre))


class Matrix(Task):
    """A matrix stage that has begun."""

    module: Hypernetwork

    def __init__(self, settings: MatrixSettings, learnt: Learnt, start: Generator | None) -> None:
        """From a hypernetwork's shared body and P, or from random ones."""
        self._settings, self._learnt = settings, learnt
        first = start or random_start(learnt)
        generator = _of_kind(first, settings)
        self.module = Hypernetwork(generator, settings.logit_scale, settings.logit_centre)
        self.observed = self.module.observed
        with torch.no_grad():
            self._directions = generator.centre(torch.from_numpy(learnt.table.embeddings))
        self._person = torch.from_numpy(learnt.table.person_numbers())
        self._people = group_people(self._person.numpy(), self._directions.numpy())
        if len(self._people.rows) < settings.people:
            raise HvError(
                f"{len(self._people.rows)} people to learn from, a batch needs {settings.people}",
                hint="more training folds, or fewer people in a batch",
            )
        self._centres: NDArray[np.float32] | None = None
        if settings.kcs and settings.easy_share < 1:
            self._centres = cluster_centres(
                self._people, clusters=settings.clusters, seed=learnt.seed
            )

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The maps from the embedding learn faster than what everybody shares."""
        settings, maps = self._settings, self.module.generator.maps()
        mine = {id(parameter) for parameter in maps}
        shared = [own for own in self.module.parameters() if id(own) not in mine]
        return [
            {"params": maps, "weight_decay": settings.weight_decay},
            {"params": shared, "weight_decay": 0.0, "lr": settings.body_learning_rate},
        ]

    def outcome(self, step: int, *, quantised: bool) -> Outcome:
        """Weighted binary cross-entropy of the whole matrix, and the norm of what was made."""
        learnt, settings = self._learnt, self._settings
        rows = torch.from_numpy(self._rows(step))
        images = learnt.images(rows, step)
        own = generated(self.module.generator, self._directions[rows].to(learnt.device))
        if quantised:
            self.observe(learnt, settings, step)
            scores = quantised_scores(self.module.generator, own, images, self.observed.ranges())
        else:
            with learnt.autocast():
                scores = score_matrix(self.module.generator, own, images)
        scores = learnt.processes.gather(scores.T).T  # every process saw its share of the images
        person = self._person[rows].to(learnt.device)
        same = person[:, None] == person[None]
        logits = self.module.scale * (scores - self.module.centre)
        loss = matrix_loss(logits, same, settings.positive_weight)
        penalty = norm_penalty(own)
        with torch.no_grad():
            facts = {
                "same_cosine": float(scores[same].mean()),
                "other_cosine": float(scores[~same].mean()),
                "penalty": float(penalty),
                **composition(person, self._directions[rows].to(person.device)),
            }
        return Outcome(loss=loss + settings.penalty * penalty, facts=facts)

    def generator(self, module: nn.Module) -> Generator:
        """A copy of h_gen, on the processor."""
        assert isinstance(module, Hypernetwork)
        own = module.generator
        state = {name: tensor.detach().cpu() for name, tensor in own.state_dict().items()}
        return type(own).from_state(own.architecture, state)

    def after_step(self) -> None:
        """PReLU slopes stay in [0, 1], as Verifier clamps them."""
        with torch.no_grad():
            for name, tensor in self.module.generator.body.items():
                if name.endswith("/slope"):
                    tensor.clamp_(0, 1)

    def _rows(self, step: int) -> NDArray[np.intp]:
        """Easy batches first, then people who look alike."""
        settings, rng = self._settings, self._learnt.numpy_rng(step)
        if self._centres is None or step <= settings.easy_share * settings.steps:
            chosen = random_people(self._people, count=settings.people, rng=rng)
        else:
            chosen = neighbours(
                self._people, self._centres, count=settings.people, reach=settings.reach, rng=rng
            )
        return draw_images(self._people, chosen, each=settings.each, rng=rng)


def random_start(learnt: Learnt) -> LastLayerGenerator:
    """A body of random weights (He et al., 2015) and a P of orthonormal rows."""
    embeddings = torch.from_numpy(learnt.table.embeddings)
    verifier = Verifier(learnt.architecture, seed=learnt.seed)
    projection = torch.empty(embeddings.shape[1], verifier.feature_count)
    nn.init.orthogonal_(projection, generator=torch.Generator().manual_seed(learnt.seed))
    body = {name: tensor.detach() for name, tensor in verifier.fold().items()}
    return LastLayerGenerator(
        learnt.architecture, body, projection, EmbeddingSpace.fitted(embeddings, 0)
    )


def _of_kind(start: Generator, settings: MatrixSettings) -> Generator:
    """Goes on with a generator of the wanted kind, or makes one around the shared body and P."""
    kind = GENERATORS[settings.generator]
    sizes = {"low-rank": {"rank": settings.rank}, "full": {"hidden": settings.hidden}}
    if type(start) is kind and start.further(start.state_dict()) == sizes.get(kind.kind, {}):
        return start
    projection = start.projection.detach()
    generator = kind(
        start.architecture,
        start.shared_body(),
        projection,
        start.space(),
        **sizes.get(kind.kind, {}),
    )
    if kind is not LastLayerGenerator and not generator.personal:
        raise HvError(
            f"nothing in the body of {start.architecture.name} is personal",
            where=f'generator = "{settings.generator}"',
            hint='take generator = "last-layer", or name layers in the architecture\'s personal',
        )
    size = sum(4 * tensor.numel() for tensor in generator.state_dict().values())
    if size > MAX_BYTES:
        raise HvError(
            f"the checkpoint would have {size} bytes, at most {MAX_BYTES} are kept",
            where=f'generator = "{settings.generator}"',
            hint="fewer personal layers, a smaller rank or a narrower hidden layer",
        )
    return generator


MATRIX = Objective(name="matrix", settings=MatrixSettings, begin=Matrix)
