"""All verifiers of a batch on all its images (paper, section 3)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn import functional as F

from codegen.nets import Architecture, Layer
from hypernet.generator import Generator, Theta
from hypernet.verifier import body_layers, head_layer

Values = dict[str, Tensor]


def shared_and_personal(
    architecture: Architecture,
) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """The body's layers before the first personal one, and the rest of the body."""
    body = body_layers(architecture)
    for index, layer in enumerate(body):
        if architecture.is_personal_layer(layer.name):
            return body[:index], body[index:]
    return body, ()


def generated(generator: Generator, directions: Tensor) -> Theta:
    """Every person's own tensors, stacked: float [V, ...] by name; differentiable.

    Args:
        generator: h_gen.
        directions: float [V, D], centred embeddings of unit length.
    """
    every: Theta = vmap(generator)(directions)
    head = f"{generator.head}.weight"
    return {
        name: tensor
        for name, tensor in every.items()
        if name == head or generator.architecture.is_personal(name)
    }


def score_matrix(generator: Generator, own: Theta, images: Tensor) -> Tensor:
    """Every verifier on every image.

    Layers before the first personal one run once per image. The others run for all verifiers at
    once: `torch.func.vmap` over the weights makes grouped convolutions of them.

    Args:
        generator: h_gen; makes the shared tensors.
        own: of V verifiers, by `generated`.
        images: float [I, H, W, C].

    Returns:
        Cosines w.h / (|w| |h|), float32 [V, I]; differentiable.
    """
    architecture = generator.architecture
    head = head_layer(architecture)
    shared, personal = shared_and_personal(architecture)
    body = generator.shared_body()
    values = run_layers(shared, body, {"image": images})
    weights = F.normalize(own[f"{head.name}.weight"][:, 0], dim=1)
    if not personal:
        return weights @ F.normalize(values[head.inputs[0]].float(), dim=1).T

    def one(theta: Theta) -> Tensor:
        return run_layers(personal, {**body, **theta}, values)[head.inputs[0]]

    features: Tensor = vmap(one)(own)
    return torch.einsum("vf,vif->vi", weights, F.normalize(features.float(), dim=2))


def run_layers(layers: tuple[Layer, ...], theta: Mapping[str, Tensor], values: Values) -> Values:
    """The values of layers, in real numbers, added to those they read."""
    values = dict(values)
    for layer in layers:
        start = len(layer.name) + 1
        own = {name[start:]: theta[name] for name in theta if name.startswith(f"{layer.name}.")}
        values[layer.name] = layer.op.float_forward(own, tuple(values[i] for i in layer.inputs))
    return values
