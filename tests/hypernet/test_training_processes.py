"""Two processes on one batch compute what one process computes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codegen.errors import HvError
from codegen.nets import Architecture
from hypernet.data import FaceTable, Pairs
from hypernet.training.augment import Augmentation
from hypernet.training.config import config_from
from hypernet.training.distributed import Processes, joined
from hypernet.training.loop import train
from hypernet.training.objectives import Learnt, find_objective

Answer = dict[str, Any]
Work = Callable[[Processes], Answer]
FORK = multiprocessing.get_context("fork")
DISTIL = {"objective": "distil", "steps": 6, "batch": 16, "warm_up_steps": 4}
MATRIX = {"objective": "matrix", "steps": 4, "people": 3, "generator": "film", "clusters": 2}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _in_processes(count: int, work: Work, file: Path) -> Answer:
    """Runs `work` in `count` processes, as torchrun starts them; the first one's answer."""
    port = str(_free_port())

    def begin(rank: int) -> None:
        os.environ.update(
            RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR="127.0.0.1", MASTER_PORT=port
        )
        torch.set_num_threads(1)
        with joined() as processes:
            answer = work(processes)
        if rank == 0:
            torch.save(answer, file)

    started = [FORK.Process(target=begin, args=(rank,)) for rank in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join(120)
    assert [process.exitcode for process in started] == [0] * count
    answer: Answer = torch.load(file, weights_only=True)
    return answer


def _learnt(table: FaceTable, architecture: Architecture, processes: Processes) -> Learnt:
    return Learnt(
        table=table,
        architecture=architecture,
        seed=3,
        augmentation=Augmentation(),
        processes=processes,
        device=torch.device("cpu"),
        precision=torch.float32,
    )


@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("stage", [DISTIL, MATRIX], ids=["distil", "matrix"])
def test_loss_statistics_and_gradients_are_those_of_one_process(
    stage: dict[str, Any], quantised: bool, table: FaceTable, tiny: Architecture, tmp_path: Path
) -> None:
    """Tolerance: 2e-5 of the largest gradient; sums are taken in another order."""
    full = dataclasses.replace(tiny, personal=("*",))
    architecture = full if stage is MATRIX else tiny
    (settings,) = config_from(
        {"name": "made", "architecture": "tiny", "stages": [stage]}, "made"
    ).stages

    def one_step(processes: Processes) -> Answer:
        task = find_objective(settings.objective).begin(
            settings, _learnt(table, architecture, processes), None
        )
        task.module.train()
        outcome = task.outcome(1, quantised=quantised)
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        parameters = list(task.module.parameters())
        processes.mean_gradients(parameters)
        return {
            "loss": outcome.loss.detach(),
            "gradients": torch.cat(
                [own.grad.flatten() for own in parameters if own.grad is not None]
            ),
            "buffers": torch.cat([own.flatten().double() for own in task.module.buffers()]),
        }

    one, two = (_in_processes(count, one_step, tmp_path / str(count)) for count in (1, 2))
    torch.testing.assert_close(two["loss"], one["loss"], rtol=1e-6, atol=1e-6)
    scale = one["gradients"].abs().max().item()
    assert scale > 0
    torch.testing.assert_close(two["gradients"], one["gradients"], rtol=0, atol=2e-5 * scale)
    torch.testing.assert_close(two["buffers"], one["buffers"], rtol=1e-5, atol=1e-5)


def test_a_whole_training_has_the_same_losses(
    table: FaceTable, pairs: Pairs, tiny: Architecture, tmp_path: Path
) -> None:
    """Tolerance: 1e-4 of a loss, after ten steps of Adam, which enlarges small differences."""
    config = config_from(
        {
            "name": "made",
            "architecture": "tiny",
            "train_folds": [1],
            "stages": [DISTIL, {**MATRIX, "generator": "last-layer"}],
        },
        "made",
    )

    def whole(processes: Processes) -> Answer:
        losses: list[float] = []
        made = train(
            table,
            pairs,
            tiny,
            config,
            encoder="stub",
            report=lambda step: losses.append(step.loss),
            processes=processes,
        )
        return {"losses": losses, "head": torch.from_numpy(made.tensors["projection"])}

    one, two = (_in_processes(count, whole, tmp_path / str(count)) for count in (1, 2))
    assert len(one["losses"]) == 10
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-4)
    torch.testing.assert_close(two["head"], one["head"], rtol=0, atol=1e-4)


def test_a_batch_that_cannot_be_shared_is_an_error() -> None:
    with pytest.raises(HvError, match="9 images cannot be shared by 2 processes"):
        Processes(rank=0, count=2).share(9)


def test_shares_are_the_whole() -> None:
    parts = [Processes(rank=rank, count=3).share(12) for rank in range(3)]
    assert [row for part in parts for row in range(12)[part]] == list(range(12))
