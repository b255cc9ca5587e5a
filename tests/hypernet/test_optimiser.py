"""Muon for convolutions: PyTorch's own, on views of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codegen.errors import HvError
from hypernet.training.config import load_config
from hypernet.training.optimiser import ConvolutionMuon


def _step(weight: nn.Parameter, optimiser: torch.optim.Optimizer, seed: int) -> None:
    grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    weight.grad = grad
    optimiser.step()


def test_a_convolution_moves_as_its_matrix_does_in_pytorch() -> None:
    start = torch.randn(6, 3, 3, 4, generator=torch.Generator().manual_seed(1))
    weight, matrix = nn.Parameter(start.clone()), nn.Parameter(start.flatten(1).clone())
    ours = ConvolutionMuon([weight], 0.05)
    theirs = torch.optim.Muon([matrix], lr=0.05, weight_decay=0.0)
    for step in range(3):
        grad = torch.randn(start.shape, generator=torch.Generator().manual_seed(step))
        weight.grad, matrix.grad = grad, grad.flatten(1).clone()
        ours.step()
        theirs.step()
    assert torch.equal(weight.detach().flatten(1), matrix.detach())
    assert not torch.equal(weight.detach(), start)


def test_it_goes_on_from_a_saved_state() -> None:
    def fresh() -> tuple[nn.Parameter, ConvolutionMuon]:
        weight = nn.Parameter(torch.ones(4, 3, 3, 2))
        return weight, ConvolutionMuon([weight], 0.1)

    weight, optimiser = fresh()
    for step in range(4):
        _step(weight, optimiser, step)
    again, first = fresh()
    for step in range(2):
        _step(again, first, step)
    resumed = nn.Parameter(again.detach().clone())
    second = ConvolutionMuon([resumed], 0.1)
    second.load_state_dict(first.state_dict())
    for step in range(2, 4):
        _step(resumed, second, step)
    assert torch.equal(resumed, weight)


def test_a_weight_without_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(2, 1, 1, 2))
    ConvolutionMuon([weight], 0.1).step()
    assert torch.equal(weight.detach(), torch.ones(2, 1, 1, 2))


def test_half_precision_is_refused_with_it() -> None:
    with pytest.raises(HvError, match="muon needs precision"):
        load_config("pw", ["precision=float16"])
