"""How fast all verifiers of a batch run on all its images: `python -m tests.bench.verifiers`.

Forward and backward of the score matrix of pq-full, one thread; three ways: a loop over the
verifiers, `torch.func.vmap`, and grouped convolutions written out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from codegen.ops.conv2d import Conv2d
from hypernet.checkpoint import load_checkpoint
from hypernet.generators import Generator, Theta
from hypernet.training.verifiers import generated, run_layers, score_matrix
from hypernet.verifier import body_layers, head_layer

SIZES = ((8, 8), (16, 16), (32, 32))
ROUNDS = 5

ScoreMatrix = Callable[[Generator, Theta, Tensor], Tensor]


def looped(generator: Generator, own: Theta, images: Tensor) -> Tensor:
    """One verifier after the other."""
    head = head_layer(generator.architecture)
    rows = []
    for place in range(len(own[f"{head.name}.weight"])):
        theta = {name: tensor[place] for name, tensor in own.items()}
        body = {**generator.shared_body(), **theta}
        values = run_layers(body_layers(generator.architecture), body, {"image": images})
        features = F.normalize(values[head.inputs[0]], dim=1)
        rows.append(features @ F.normalize(theta[f"{head.name}.weight"][0], dim=0))
    return torch.stack(rows)


def grouped(generator: Generator, own: Theta, images: Tensor) -> Tensor:
    """Every layer's verifiers as groups of channels; for bodies of conv2d, add and flatten."""
    head = head_layer(generator.architecture)
    count = len(own[f"{head.name}.weight"])
    values = {"image": images.permute(0, 3, 1, 2)}
    for layer in body_layers(generator.architecture):
        x = values[layer.inputs[0]]
        if isinstance(layer.op, Conv2d):
            weight = own[f"{layer.name}.weight"].permute(0, 1, 4, 2, 3).flatten(0, 1)
            bias = own[f"{layer.name}.bias"].flatten()
            groups = 1 if layer.inputs[0] == "image" else count
            y = F.conv2d(x, weight, bias, layer.op.stride, layer.op.padding[:2], groups=groups)
            if layer.op.activation.kind == "prelu":
                y = F.prelu(y, _slopes(generator, own, layer.name, count))
            values[layer.name] = y
        elif layer.op.kind == "add":
            values[layer.name] = x + values[layer.inputs[1]]
        else:  # flatten: channels last, verifier by verifier
            apart = x.unflatten(1, (count, -1)).permute(1, 0, 3, 4, 2)
            values[layer.name] = apart.flatten(2)
    features = F.normalize(values[head.inputs[0]], dim=2)
    weights = F.normalize(own[f"{head.name}.weight"][:, 0], dim=1)
    return torch.einsum("vf,vif->vi", weights, features)


def _slopes(generator: Generator, own: Theta, layer: str, count: int) -> Tensor:
    name = f"{layer}.slope"
    every = own[name] if name in own else generator.shared_body()[name].expand(count, -1)
    return every.flatten()


def milliseconds(way: ScoreMatrix, generator: Generator, count: int, images: int) -> float:
    """Median of a forward and backward pass."""
    torch.manual_seed(0)
    directions = F.normalize(torch.randn(count, len(generator.mean)), dim=1)
    shown = torch.randn(images, 64, 64, 3)
    times = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        way(generator, generated(generator, directions), shown).square().mean().backward()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[1:])


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    generator = load_checkpoint("pq-full").build()
    print("verifiers  images   loop   vmap  grouped   ms, forward and backward")
    for count, images in SIZES:
        ways: tuple[ScoreMatrix, ...] = (looped, score_matrix, grouped)
        took = [milliseconds(way, generator, count, images) for way in ways]
        print(f"{count:9} {images:7} " + " ".join(f"{value:6.0f}" for value in took))


if __name__ == "__main__":
    main()
