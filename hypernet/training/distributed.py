"""Several processes on one batch, started by `torchrun`: the loss is that of one process.

Every process draws the same batch, takes its own share of the images, and gathers the features of
all before the loss. So each computes the loss of the whole batch. The sum of those losses, which
backward follows through `gather` and `sum_over`, is the loss times the number of processes: the
mean of the gradients over the processes is then exactly the gradient of the loss, for numbers used
before the gathering as well as after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from codegen.errors import HvError


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Who shares the work.

    Attributes:
        rank: this process, from 0.
        count: of all.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this one writes and talks."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """The part of a batch that is this process's.

        Raises:
            HvError: it cannot be shared evenly.
        """
        if batch % self.count:
            raise HvError(
                f"a batch of {batch} images cannot be shared by {self.count} processes",
                hint=f"a multiple of {self.count}",
            )
        part = batch // self.count
        return slice(self.rank * part, (self.rank + 1) * part)

    def gather(self, own: Tensor) -> Tensor:
        """The shares of all, in order, along the first axis; differentiable."""
        if self.count == 1:
            return own
        every: Tensor = _Gathered.apply(own, self)  # type: ignore[no-untyped-call]
        return every

    def sum_over(self, own: Tensor) -> Tensor:
        """The sum of all processes' tensors; differentiable."""
        if self.count == 1:
            return own
        total: Tensor = _Summed.apply(own)  # type: ignore[no-untyped-call]
        return total

    def mean_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replaces every gradient by its mean over the processes."""
        if self.count == 1:
            return
        gradients = [own.grad for own in parameters if own.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.count
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def any(self, mine: bool) -> bool:
        """Whether it is so for any process; all get the same answer."""
        if self.count == 1:
            return mine
        flag = torch.tensor(float(mine))
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag.item())


ALONE = Processes()


class _Summed(torch.autograd.Function):
    """All processes' tensors added; so are the gradients that come back."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:  # noqa: ANN401 - PyTorch's own
        return _summed(own)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401 - see above
        return _summed(gradient)


class _Gathered(torch.autograd.Function):
    """All processes' shares; each share gets the gradients of all processes, added."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, processes: Processes) -> Tensor:  # noqa: ANN401 - see above
        ctx.processes = processes
        whole = own.contiguous()
        shares = [torch.empty_like(whole) for _ in range(processes.count)]
        dist.all_gather(shares, whole)
        return torch.cat(shares)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - see above
        return _summed(gradient)[ctx.processes.share(len(gradient))], None


def _summed(own: Tensor) -> Tensor:
    total = own.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


@contextmanager
def joined() -> Iterator[Processes]:
    """Joins the processes that `torchrun` started; alone without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield Processes(rank=dist.get_rank(), count=count)
    finally:
        dist.destroy_process_group()
