"""What the loop asks of an objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codegen.nets import Architecture
from hypernet.calibrate import observe_ranges
from hypernet.data import FaceTable
from hypernet.generators import Generator
from hypernet.training.augment import Augmentation, changed_images, draw_changes
from hypernet.training.distributed import Processes
from hypernet.training.observed import Observed
from hypernet.training.settings import number

_LOOKED_AT = 32  # persons' networks whose ranges are observed in training


@dataclass(frozen=True, kw_only=True)
class StageSettings:
    """What the stages of all objectives have.

    Attributes:
        objective: name of the objective.
        steps: batches.
        learning_rate: its highest; warmed up linearly, then half a cosine down to 0.2 % of it.
        muon: highest rate of Muon, which then moves the convolutions; 0 leaves all to AdamW.
        weight_decay: of weights; gains, shifts and slopes are let be.
        warm_up_steps: steps until the rate is highest.
        average: decay of the moving average of the weights, which is what is kept.
        clip: longest gradient; 0 lets all pass.
        qat: the forward pass is the integer contract's (fake_quantise.py) from step qat_from on.
        qat_from: see qat.
    """

    objective: str
    steps: int = number(1000, least=1)
    learning_rate: float = number(3e-3, least=0)
    muon: float = number(0.0, least=0)
    weight_decay: float = number(1e-4, least=0)
    warm_up_steps: int = number(100, least=1)
    average: float = number(0.998, least=0, most=0.999999)
    clip: float = number(0.0, least=0)
    qat: bool = False
    qat_from: int = number(1, least=1)

    def quantised_at(self, step: int) -> bool:
        """Whether step `step`, from 1 on, is quantisation-aware."""
        return self.qat and step >= self.qat_from


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """What a stage learns from, and with what.

    Attributes:
        table: photographs to learn from, all with a face.
        composites: faces of nobody, which need no labels; None where there are none.
        architecture: of f.
        seed: of the stage; all randomness follows from it and the step's number.
        augmentation: how training images are changed.
        processes: who shares the work.
        device: where it is done.
        precision: of the forward pass.
    """

    table: FaceTable
    composites: FaceTable | None = None
    architecture: Architecture
    seed: int
    augmentation: Augmentation
    processes: Processes
    device: torch.device
    precision: torch.dtype

    def images(self, rows: Tensor, step: int) -> Tensor:
        """This process's share of a batch, changed: float [N, H, W, C] on the device.

        The changes of the whole batch are drawn, so they do not depend on who shares the work.
        """
        image = self.architecture.image
        size = (image.height, image.width)
        changes = draw_changes(len(rows), size, self.augmentation, self.torch_rng(step))
        share = self.processes.share(len(rows))
        chips = torch.from_numpy(self.table.chips[rows[share].numpy()]).to(self.device)
        return changed_images(chips, changes.part(share, self.device), image)

    def autocast(self) -> torch.autocast:
        """Around the forward pass of f: lower precision where the config asks for it."""
        lower = self.precision != torch.float32
        return torch.autocast(self.device.type, self.precision, enabled=lower)

    def torch_rng(self, step: int) -> torch.Generator:
        """The step's own source of randomness: nothing to save between two steps."""
        return torch.Generator().manual_seed(int(self._sequence(step, 0).generate_state(1)[0]))

    def numpy_rng(self, step: int) -> np.random.Generator:
        """The same for numpy, independent of it."""
        return np.random.default_rng(self._sequence(step, 1))

    def _sequence(self, step: int, use: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, step, use])


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a step gives: the loss, of the whole batch of all processes, and facts for the log."""

    loss: Tensor
    facts: Mapping[str, float]


class Task(ABC):
    """A stage that has begun.

    Attributes:
        module: everything that is trained; its state is all that the stage remembers.
        observed: a part of `module`.
    """

    module: nn.Module
    observed: Observed

    def ranges(self) -> dict[str, tuple[float, float]] | None:
        """What quantisation-aware steps took for the layers' ranges; None without such steps."""
        return self.observed.ranges() if self.observed.seen else None

    def observe(self, learnt: Learnt, settings: StageSettings, step: int) -> None:
        """Looks at the layers' outputs anew where that is due."""
        if self.observed.is_due(step, settings.qat_from):
            generator = self.generator(self.module).eval()
            self.observed.update(
                observe_ranges(learnt.table, generator, seed=learnt.seed, people=_LOOKED_AT)
            )

    @abstractmethod
    def parameter_groups(self) -> list[dict[str, Any]]:
        """For the optimiser: parameters with their rates and decays."""

    @abstractmethod
    def outcome(self, step: int, *, quantised: bool) -> Outcome:
        """Loss of step `step`, from 1 on: follows from the module and the step's number alone."""

    @abstractmethod
    def generator(self, module: nn.Module) -> Generator:
        """The hypernetwork that `module`, this task's or its moving average, stands for."""

    def after_step(self) -> None:  # noqa: B027 - most tasks have nothing to do
        """Puts the numbers back where they must be after the optimiser moved them."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One kind of stage.

    Attributes:
        name: in a config.
        settings: the schema of its [[stages]] table.
        begin: from the settings, the data and the hypernetwork so far, if there is one.
    """

    name: str
    settings: type[StageSettings]
    begin: Callable[[Any, Learnt, Generator | None], Task]


def composition(person: Tensor, directions: Tensor) -> dict[str, float]:
    """What is in a batch.

    Args:
        person: int [N].
        directions: float [N, D], centred embeddings of unit length.

    Returns:
        people; positives: share of the pairs of two images that show one person; likeness: mean
        cosine of every image to the most similar image of somebody else.
    """
    same = person[:, None] == person[None]
    pairs = len(person) * (len(person) - 1)
    nearest = (directions @ directions.T).masked_fill(same, -1.0).amax(dim=1)
    return {
        "people": float(len(torch.unique(person))),
        "positives": float(same.sum() - len(person)) / pairs,
        "likeness": float(nearest.mean()),
    }
