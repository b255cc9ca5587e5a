"""All verifiers of a batch on all its images (paper, section 3).

Layers before the first personal one run once per image. The others run through `torch.func.vmap`
over the weights, which makes grouped convolutions of them. Forward and backward, pq-full (every
layer personal), one thread of an AMD EPYC with other work beside it, milliseconds, by
`python -m tests.bench.verifiers`:

    verifiers x images        8 x 8   16 x 16   32 x 32
    one after the other          66       185       599
    vmap                         55       182       618
    grouped, written out         45       158       585

Grouped convolutions written out by hand save the last 5 to 20 %, and would need a second
implementation of every operator, in real numbers and in integers. So vmap is what is used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn import functional as F

from codegen.nets import IMAGE, Architecture, Layer, QuantNet
from codegen.ops.base import Activation
from codegen.ops.mac import MacOp
from hypernet.generators import Generator, Theta
from hypernet.prelu import prelu
from hypernet.training.fake_quantise import (
    IntegerBody,
    Ranges,
    integer_network,
    quantised_head,
)
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
    head, body = f"{generator.head}.weight", generator.shared_body()
    return {
        name: tensor
        for name, tensor in every.items()
        if name == head or (name in body and generator.architecture.is_personal(name))
    }


def score_matrix(generator: Generator, own: Theta, images: Tensor) -> Tensor:
    """Every verifier on every image.

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


def quantised_scores(generator: Generator, own: Theta, images: Tensor, ranges: Ranges) -> Tensor:
    """`score_matrix` of the integer networks, bit for bit; straight-through gradients.

    Args:
        generator: h_gen; makes the shared tensors.
        own: of V verifiers, by `generated`.
        images: float [I, H, W, C].
        ranges: of the layers, shared by all.
    """
    architecture = generator.architecture
    head = head_layer(architecture)
    shared, personal = shared_and_personal(architecture)
    body = generator.shared_body()
    heads = own[f"{head.name}.weight"][:, 0]
    weights = F.normalize(quantised_head(heads), dim=1)
    integer = IntegerBody(_integer_networks(generator, own, ranges), images.device)
    every = integer.integers()
    first = {name: stacked[0] for name, stacked in every.items()}
    values = integer.run(_names(shared), body, first, {IMAGE: integer.image(images)})
    features_name = head.inputs[0]
    if not personal:
        features = integer.real(features_name, values)
        return weights @ F.normalize(features, dim=1).T

    def one(theta: Theta, whole: Theta) -> Tensor:
        done = integer.run(_names(personal), {**body, **theta}, whole, values)
        return integer.real(features_name, done)

    features = vmap(one)(own, every)
    return torch.einsum("vf,vif->vi", weights, F.normalize(features, dim=2))


def _integer_networks(generator: Generator, own: Theta, ranges: Ranges) -> list[QuantNet]:
    """One where the body is shared, otherwise one per verifier."""
    head = generator.head
    body = generator.shared_body()
    count = len(own[f"{head}.weight"]) if len(own) > 1 else 1
    bias = torch.zeros(1)
    return [
        integer_network(
            generator.architecture,
            {**body, f"{head}.bias": bias, **{name: own[name][place] for name in own}},
            ranges,
        )
        for place in range(count)
    ]


def _names(layers: tuple[Layer, ...]) -> list[str]:
    return [layer.name for layer in layers]


def run_layers(layers: tuple[Layer, ...], theta: Mapping[str, Tensor], values: Values) -> Values:
    """The values of layers, in real numbers, added to those they read."""
    values = dict(values)
    for layer in layers:
        start = len(layer.name) + 1
        own = {name[start:]: theta[name] for name in theta if name.startswith(f"{layer.name}.")}
        inputs = tuple(values[name] for name in layer.inputs)
        if "slope" in own and isinstance(layer.op, MacOp):  # the same function, quicker to train
            linear = dataclasses.replace(layer.op, activation=Activation())
            y = linear.float_forward(own, inputs).movedim(-1, 1)
            values[layer.name] = prelu(y, own["slope"]).movedim(1, -1)
        else:
            values[layer.name] = layer.op.float_forward(own, inputs)
    return values
