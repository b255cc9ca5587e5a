"""What `hvcodegen train` does, and what it says meanwhile."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli import INTERRUPTED
from codegen.cli.common import composite_progress, photo_progress, print_result, talk
from codegen.errors import HvError, ProgramMissing

if TYPE_CHECKING:
    from hypernet.data import FaceTable
    from hypernet.training.config import Config
    from hypernet.training.curve import Step
    from hypernet.training.distributed import Processes
    from hypernet.training.keeper import Keeper

_EVERY_S = 10.0  # a line of progress


def run(
    name: str,
    *,
    folder: Path | None,
    output: Path | None,
    resume: bool,
    overrides: Sequence[str],
    tensorboard: bool,
    as_json: bool,
) -> None:
    """Trains, and prints where the checkpoint is."""
    import torch

    from hypernet.training.config import load_config
    from hypernet.training.distributed import joined

    config = load_config(name, overrides)
    images = folder or (Path(config.images) if config.images else None)
    if images is None:
        raise HvError("no photographs given", hint="--images DIR, or images = ... in the config")
    torch.set_num_threads(config.threads)
    with joined() as processes:
        made = _train(
            config,
            images,
            output or Path("runs") / config.name,
            processes,
            resume=resume,
            tensorboard=tensorboard,
            command=_command(name, overrides),
        )
    if made is not None:
        data = {"checkpoint": str(made), "folder": str(made.parent)}
        lines = [
            f"wrote {made}",
            f"measure it: hvcodegen evaluate --images {images} --checkpoint {made}",
        ]
        print_result(as_json, data, lines)


def _command(name: str, overrides: Sequence[str]) -> str:
    """What makes the checkpoint again."""
    sets = [f"--set {shlex.quote(override)}" for override in overrides]
    return " ".join(["hvcodegen train", shlex.quote(name), "--images DIR", *sets])


def _train(
    config: Config,
    images: Path,
    folder: Path,
    processes: Processes,
    *,
    resume: bool,
    tensorboard: bool,
    command: str,
) -> Path | None:
    """The card's path; None in a process that does not lead."""
    from hypernet.architectures import load_architecture
    from hypernet.checkpoint import load_checkpoint, save_checkpoint
    from hypernet.data import load_faces, read_pairs
    from hypernet.dlib_encoder import DlibEncoder
    from hypernet.training.keeper import Keeper, Stopped, find_state
    from hypernet.training.loop import deciding, train

    architecture = load_architecture(config.architecture)
    start = None if config.start == "random" else load_checkpoint(config.start)
    if processes.leads:
        talk("reading photographs (found, aligned and described once, then kept in the cache) ...")
    faces = load_faces(images, workers=2, progress=photo_progress)
    common = deciding(config, faces)
    saved = find_state(folder, common, resume=resume)
    keeper = None
    if processes.leads:
        keeper = Keeper(folder, common, log_bytes=saved.log_bytes if saved else 0)
    try:
        trained = train(
            faces,
            read_pairs(images, faces),
            architecture,
            config,
            encoder=DlibEncoder().name,
            compose=_composer(config),
            report=_reports(config, folder if tensorboard and processes.leads else None),
            start=start,
            saved=saved,
            keeper=keeper,
            processes=processes,
        )
    except Stopped as stopped:
        if keeper:
            _draw(keeper)
            talk(f"{stopped}; the same command with --resume goes on")
        click.get_current_context().exit(INTERRUPTED)
    if keeper is None:
        return None
    trained = replace(trained, card={"command": command, **trained.card})
    path = save_checkpoint(trained, folder)
    _draw(keeper)
    keeper.finish()
    return path


def _composer(config: Config) -> Callable[[FaceTable], FaceTable] | None:
    """Makes the composites that the config asks for; once, then they are kept in the cache."""
    from hypernet.data.composites import compose_faces
    from hypernet.dlib_encoder import DlibEncoder

    if not config.composites:
        return None
    return partial(
        compose_faces,
        count=config.composites,
        seed=config.seed,
        encoder=DlibEncoder,
        workers=2,
        progress=composite_progress,
    )


def _reports(config: Config, board: Path | None) -> Callable[[Step], None]:
    """Who hears of every step."""
    progress = Progress(config)
    if board is None:
        return progress
    from hypernet.training.board import tensorboard

    write = tensorboard(board / "tensorboard")

    def both(step: Step) -> None:
        progress(step)
        write(step)

    return both


def _draw(keeper: Keeper) -> None:
    """The log as pictures, where there is matplotlib."""
    from hypernet.training.keeper import LOG
    from hypernet.training.plots import draw_curves

    keeper.log_bytes()  # brings the log to the disk
    pictures = [keeper.folder / f"curves.{ending}" for ending in ("png", "svg")]
    try:
        draw_curves(keeper.folder / LOG, pictures)
    except ProgramMissing as missing:
        talk(f"no pictures of the curves: {missing.what}; {missing.hint}")


class Progress:
    """A line now and then: step, loss, time a step takes, time that is left."""

    def __init__(self, config: Config) -> None:
        """Starts the clock."""
        self._steps = [stage.steps for stage in config.stages]
        self._last_line = self._last_step = time.monotonic()
        self._seconds: float | None = None  # a step takes; a moving average
        self._stage = -1

    def __call__(self, step: Step) -> None:
        """Hears of every step."""
        now = time.monotonic()
        taken, self._last_step = now - self._last_step, now
        if step.stage != self._stage:  # the first step of a stage holds its preparation
            self._stage, self._seconds = step.stage, None
        elif step.auc is None:
            self._seconds = taken if self._seconds is None else 0.95 * self._seconds + 0.05 * taken
        if step.auc is None and now - self._last_line < _EVERY_S:
            return
        self._last_line = now
        auc = "" if step.auc is None else f"  AUC on the watched folds {step.auc:.4f}"
        talk(
            f"  {step.objective} {step.step}/{step.steps}  loss {step.loss:.3f}"
            f"{self._pace(step)}{auc}"
        )

    def _pace(self, step: Step) -> str:
        if self._seconds is None:
            return ""
        left = self._seconds * (step.steps - step.step)
        minutes, seconds = divmod(round(left), 60)
        later = len(self._steps) - step.stage - 1
        stages = "" if not later else " in this stage"
        return f"  {1000 * self._seconds:.0f} ms a step, {minutes}:{seconds:02d} left{stages}"
