"""The training loop, read top to bottom.

The stages of a config one after the other, then ranges and a threshold for the integers. What a
stage learns is its objective's (objectives/); what it writes is the keeper's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from codegen.errors import HvError
from codegen.nets import Architecture
from hypernet.calibrate import calibrate
from hypernet.checkpoint import Checkpoint
from hypernet.data import NOT_FOUND, FaceTable, Pairs
from hypernet.generators import GENERATORS, Generator, LastLayerGenerator
from hypernet.training.config import Config
from hypernet.training.curve import Curve, Step
from hypernet.training.distributed import ALONE, Processes
from hypernet.training.keeper import Interruption, Keeper, Stopped
from hypernet.training.objectives import Learnt, Outcome, StageSettings, Task, find_objective
from hypernet.training.optimiser import MovingAverage, optimisers, set_rates
from hypernet.training.state import Before, State

Report = Callable[[Step], None]
Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What all stages share."""

    config: Config
    learnt: Learnt
    curve: Curve
    report: Report
    keeper: Keeper | None
    interruption: Interruption


def train(
    table: FaceTable,
    pairs: Pairs,
    architecture: Architecture,
    config: Config,
    *,
    encoder: str,
    report: Report,
    compose: Callable[[FaceTable], FaceTable] | None = None,
    start: Checkpoint | None = None,
    saved: State | None = None,
    keeper: Keeper | None = None,
    processes: Processes = ALONE,
) -> Checkpoint:
    """Trains a hypernetwork.

    Args:
        table: photographs with embeddings, all folds.
        pairs: of that table.
        architecture: of f.
        config: how.
        encoder: name of the face encoder that made the embeddings.
        report: told after every step.
        compose: makes composites of the photographs that are learnt from.
        start: what the first stage begins from; None for random weights.
        saved: a state to go on from; `start` as it was at the beginning.
        keeper: logs and saves; without one nothing is written. Of the leading process only.
        processes: who shares the work.

    Returns:
        The checkpoint; its card holds the training, not yet the measured results.

    Raises:
        HvError: too little data, or the loss is no longer finite.
        Stopped: the training was interrupted, and its state is saved.
    """
    learnt = _learnt_from(table, config)
    run = Run(
        config=config,
        learnt=Learnt(
            table=learnt,
            composites=compose(learnt) if compose else None,
            architecture=architecture,
            seed=config.seed,
            augmentation=config.augmentation,
            processes=processes,
            device=chosen_device(config),
            precision=getattr(torch, config.precision),
        ),
        curve=Curve(table, pairs, config),
        report=report,
        keeper=keeper,
        interruption=Interruption(),
    )
    generator = _begun_from(start, architecture) if start else None
    if saved:
        before, run.curve.points[:] = saved.before, saved.points
        generator = None
        if before:
            generator = GENERATORS[before.kind].from_state(architecture, before.tensors)
    with run.interruption.watching():
        for index in range(saved.stage if saved else 0, len(config.stages)):
            generator, ranges = _train_stage(run, index, generator, saved)
            saved = None
    assert generator is not None  # a config has a stage
    made = calibrate(
        learnt, pairs, table, generator, config, encoder=encoder, points=run.curve.points
    )
    if ranges:  # the integers that the last stage trained for
        made = replace(made, ranges=ranges)
    return replace(made, card={**made.card, "start": start.name if start else None})


def _learnt_from(table: FaceTable, config: Config) -> FaceTable:
    """The photographs with a face of the training folds.

    Raises:
        HvError: there are none.
    """
    face = table.found != NOT_FOUND
    learnt = table.select(np.isin(table.folds, config.train_folds) & face)
    if not len(learnt.files):
        raise HvError("no photographs to learn from", where=f"folds {config.train_folds}")
    return learnt


def _train_stage(
    run: Run, index: int, start: Generator | None, saved: State | None
) -> tuple[Generator, Ranges | None]:
    """One stage, from its beginning or from a saved state.

    Returns:
        The hypernetwork, and the ranges of its layers if the stage was quantisation-aware.
    """
    settings, processes = run.config.stages[index], run.learnt.processes
    learnt = replace(run.learnt, seed=_stage_seed(run.config.seed, index))
    before = Before(kind=start.kind, tensors=_copied(start)) if start else None
    task = find_objective(settings.objective).begin(settings, learnt, start)
    task.module.to(learnt.device).train()
    stage = Stage(
        index=index,
        settings=settings,
        before=before,
        task=task,
        optimisers=optimisers(task, settings),
        average=MovingAverage(task.module, settings.average),
        scaler=torch.amp.GradScaler(learnt.device.type, enabled=learnt.precision == torch.float16),
    )
    done = stage.restore(saved) if saved else 0
    parameters = list(task.module.parameters())
    for step in range(done + 1, settings.steps + 1):
        set_rates(stage.optimisers, settings, step)
        outcome = task.outcome(step, quantised=settings.quantised_at(step))
        task.module.zero_grad()
        stage.scaler.scale(outcome.loss).backward()  # type: ignore[no-untyped-call]
        processes.mean_gradients(parameters)
        stage.scaler.unscale_(stage.optimisers[0])
        if settings.clip:
            nn.utils.clip_grad_norm_(parameters, settings.clip)
        for optimiser in stage.optimisers:
            stage.scaler.step(optimiser)
        stage.scaler.update()
        task.after_step()
        stage.average.update(task.module, step)

        _tell(run, stage, step, outcome)
        stop = processes.any(run.interruption.asked)
        if stop or step % run.config.save_every == 0 or step == settings.steps:
            _save(run, stage, step)
        if stop:
            raise Stopped(f"stopped after step {step} of {settings.steps}")
    return task.generator(stage.average.module), task.ranges()


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """A stage that has begun: all of it changes from step to step but `before`."""

    index: int
    settings: StageSettings
    before: Before | None
    task: Task
    optimisers: tuple[torch.optim.Optimizer, ...]
    average: MovingAverage[nn.Module]
    scaler: torch.amp.GradScaler

    def restore(self, saved: State) -> int:
        """Becomes what was saved; the number of steps that were done."""
        self.task.module.load_state_dict(saved.module)
        self.average.module.load_state_dict(saved.average)
        for optimiser, state in zip(self.optimisers, saved.optimisers, strict=True):
            optimiser.load_state_dict(dict(state))
        self.scaler.load_state_dict(dict(saved.scaler))
        return saved.step


def _tell(run: Run, stage: Stage, step: int, outcome: Outcome) -> None:
    """The report, the log and the curve; the leading process alone."""
    if not run.learnt.processes.leads:
        return
    settings = stage.settings
    told = Step(
        stage=stage.index,
        objective=settings.objective,
        step=step,
        steps=settings.steps,
        loss=float(outcome.loss.detach()),
        rate=stage.optimisers[0].param_groups[0]["lr"],
        facts=outcome.facts,
        auc=None,
    )
    auc = run.curve.measure(told, lambda: stage.task.generator(stage.average.module))
    told = replace(told, auc=auc)
    if run.keeper:
        run.keeper.log(told)
    run.report(told)


def _save(run: Run, stage: Stage, step: int) -> None:
    if run.keeper is None:
        return
    run.keeper.save(
        State(
            deciding=run.keeper.deciding,
            stage=stage.index,
            step=step,
            before=stage.before,
            module=stage.task.module.state_dict(),
            average=stage.average.module.state_dict(),
            optimisers=[optimiser.state_dict() for optimiser in stage.optimisers],
            scaler=stage.scaler.state_dict(),
            points=run.curve.points,
            log_bytes=run.keeper.log_bytes(),
        )
    )


def chosen_device(config: Config) -> torch.device:
    """The config's device.

    Raises:
        HvError: there is no GPU, or the processor has no such precision.
    """
    has_gpu = torch.cuda.is_available()
    if config.device == "cuda" and not has_gpu:
        raise HvError("PyTorch sees no GPU", where='device = "cuda"', hint='device = "cpu"')
    kind = "cuda" if has_gpu and config.device != "cpu" else "cpu"
    return torch.device(kind)


def deciding(config: Config, table: FaceTable) -> dict[str, Any]:
    """What a continued training must have in common with its beginning."""
    digest = hashlib.sha256()
    for array in (table.files, table.people, table.folds, table.embeddings):
        digest.update(np.ascontiguousarray(array).tobytes())
    return {**config.deciding(), "photographs": digest.hexdigest()}


def _begun_from(start: Checkpoint, architecture: Architecture) -> Generator:
    """A checkpoint's hypernetwork; of its shared body where another part is to be personal.

    Raises:
        HvError: the checkpoint is of another body.
    """
    old = start.build()
    if old.architecture == architecture:
        return old
    body = old.shared_body()
    shapes = architecture.float_tensor_shapes()
    wrong = [name for name in body if tuple(body[name].shape) != shapes.get(name)]
    if wrong or len(body) != len(shapes) - 2:  # all but the head's weight and bias
        raise HvError(
            f"{start.name} is a checkpoint of another body than {architecture.name}",
            where=", ".join(wrong[:4]),
            hint="start from a checkpoint of the same layers, or from random weights",
        )
    return LastLayerGenerator(architecture, body, old.projection.detach(), old.space())


def _stage_seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def _copied(generator: Generator) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in generator.state_dict().items()}
