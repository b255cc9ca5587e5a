"""Scores of pairs: the enrolled person's network on the streamed crop, in floats or integers.

Layers that are the same for everybody run once per photograph; only what is personal, and what
follows it, runs once per pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from codegen.enrolment_gate import real_scores
from codegen.nets import Architecture, FloatNet, Layer, QuantNet
from codegen.ops.base import QuantLayer
from codegen.quantise import quantise
from hypernet.data import FaceTable
from hypernet.evaluation import Rows, ScorePairs, Scores
from hypernet.generators import Generator, Theta
from hypernet.verifier import body_layers, head_layer, is_normalised, to_real

_CHUNK = 256


def unit_directions(generator: Generator, embeddings: NDArray[np.float32]) -> Tensor:
    """Centred embeddings of unit length: float32 [N, D]."""
    with torch.no_grad():
        return generator.centre(torch.from_numpy(embeddings))


def enrolled_row(generator: Generator, table: FaceTable, row: int) -> Theta:
    """The network of the person whom one photograph of a table enrols."""
    embedding = torch.from_numpy(table.embeddings[row : row + 1])
    architecture = generator.architecture
    crop = table.crops(architecture.image.shape)[row : row + 1]
    image = to_real(torch.from_numpy(crop), architecture)
    return generator.enrolled(embedding, image)


Comparable = Callable[[Scores, Mapping[str, NDArray[np.float32]]], Scores]
"""Makes one person's scores comparable with other people's, from the person's tensors:
`Checkpoint.comparable`."""


def shared_features(generator: Generator, table: FaceTable) -> NDArray[np.float32]:
    """What a body that everybody shares says of every photograph: float32 [N, F]."""
    architecture = generator.architecture
    layers = body_layers(architecture)
    name = head_layer(architecture).inputs[0]
    crops = table.crops(architecture.image.shape)
    parts = []
    with torch.no_grad():
        theta = generator.shared_body()
        for start in range(0, len(table.files), _CHUNK):
            images = to_real(torch.from_numpy(crops[start : start + _CHUNK]), architecture)
            parts.append(_float_layers(layers, theta, {"image": images})[name])
    return np.asarray(torch.cat(parts).numpy())


def float_scores(
    generator: Generator, table: FaceTable, comparable: Comparable | None = None
) -> ScorePairs:
    """The generated networks' scores in floats: cosines, or w.h + b of a plain decision.

    Args:
        generator: h_gen.
        table: rows are photographs.
        comparable: applied to each person's scores.

    Returns:
        A function of (rows that enrol, rows that are streamed).
    """
    architecture = generator.architecture
    shared, personal = _split(architecture)
    cached = _Cache(
        architecture,
        table,
        lambda images: _float_layers(
            shared, generator.shared_body(), {"image": to_real(images, architecture)}
        ),
    )

    def score(enrolled: Rows, streamed: Rows) -> Scores:
        scores = np.empty(len(enrolled))
        with torch.no_grad():
            cached.fill(streamed)
            for row, places in _groups(enrolled):
                theta = enrolled_row(generator, table, row)
                values = _float_layers(personal, theta, cached.take(streamed[places]))
                scores[places] = _made_comparable(
                    real_score(values, theta, architecture), theta, comparable
                )
        return scores

    return score


def _made_comparable(scores: Scores, theta: Theta, comparable: Comparable | None) -> Scores:
    if comparable is None:
        return scores
    return comparable(scores, {name: tensor.numpy() for name, tensor in theta.items()})


def real_score(values: Mapping[str, Tensor], theta: Theta, architecture: Architecture) -> Scores:
    """w.h / (|w| |h|) of one person's network, or w.h + b of a plain one: float64 [N]."""
    head = head_layer(architecture)
    score = values[head.name][:, 0]
    if is_normalised(architecture):
        length = values[head.inputs[0]].norm(dim=1) * theta[f"{head.name}.weight"].norm()
        score = score / length.clamp(min=1e-12)
    return np.asarray(score.double().numpy())


def integer_scores(
    generator: Generator,
    table: FaceTable,
    net_for: Callable[[Theta], FloatNet],
    comparable: Comparable | None = None,
) -> ScorePairs:
    """The same scores from the integer networks.

    Args:
        generator: h_gen.
        table: rows are photographs.
        net_for: completes generated weights with the shared ranges and the threshold.
        comparable: applied to each person's scores.

    Returns:
        A function of (rows that enrol, rows that are streamed).
    """

    def net(row: int) -> FloatNet:
        with torch.no_grad():
            return net_for(enrolled_row(generator, table, row))

    outputs = integer_outputs(table, quantise(net(0)))

    def score(enrolled: Rows, streamed: Rows) -> Scores:
        scores = np.empty(len(enrolled))
        for row, places in _groups(enrolled):
            own = net(row)
            quant = quantise(own)
            values = outputs(quant, streamed[places])
            real = real_scores(quant, values[quant.layers[-1].name])
            scores[places] = comparable(real, own.tensors) if comparable else real
        return scores

    return score


def integer_outputs(
    table: FaceTable, anybody: QuantNet
) -> Callable[[QuantNet, Rows], dict[str, NDArray[np.integer]]]:
    """The integer networks of many people on photographs; what they share runs only once.

    Args:
        table: rows are photographs.
        anybody: one of the people's networks.

    Returns:
        A function of (a person's network, rows): the outputs of the personal layers and of those
        that they read, by name.
    """
    shared, _ = _split(anybody.arch)
    shared_names = {layer.name for layer in shared}
    body = [layer for layer in anybody.layers if layer.name in shared_names]
    cached = _Cache(
        anybody.arch,
        table,
        lambda images: _integer_layers(
            body, {"image": (images.to(torch.int16) - 128).to(torch.int8)}
        ),
    )

    def outputs(net: QuantNet, rows: Rows) -> dict[str, NDArray[np.integer]]:
        cached.fill(rows)
        layers = [layer for layer in net.layers if layer.name not in shared_names]
        values = _integer_layers(layers, cached.take(rows))
        return {name: value.numpy() for name, value in values.items()}

    return outputs


def _split(architecture: Architecture) -> tuple[tuple[Layer, ...], tuple[Layer, ...]]:
    """Layers before the first personal tensor, and the rest."""
    for index, layer in enumerate(architecture.layers):
        names = layer.op.tensor_specs(architecture.input_shapes(layer))
        if any(architecture.is_personal(f"{layer.name}.{name}") for name in names):
            return architecture.layers[:index], architecture.layers[index:]
    raise AssertionError("the decision's threshold is always personal")


def _float_layers(
    layers: tuple[Layer, ...], theta: Mapping[str, Tensor], values: dict[str, Tensor]
) -> dict[str, Tensor]:
    values = dict(values)
    for layer in layers:
        start = len(layer.name) + 1
        own = {
            name[start:]: tensor
            for name, tensor in theta.items()
            if name.startswith(f"{layer.name}.")
        }
        values[layer.name] = layer.op.float_forward(own, tuple(values[i] for i in layer.inputs))
    return values


def _integer_layers(layers: list[QuantLayer], values: dict[str, Tensor]) -> dict[str, Tensor]:
    import dataclasses

    values = dict(values)
    for layer in layers:
        tensors = {name: torch.from_numpy(array) for name, array in layer.tensors.items()}
        own = dataclasses.replace(layer, tensors=tensors)  # type: ignore[arg-type]
        inputs = tuple(values[name] for name in layer.inputs)
        values[layer.name] = layer.op.reference(own, inputs)
    return values


def _groups(enrolled: Rows) -> list[tuple[int, NDArray[np.intp]]]:
    """Every row that enrols, with the places where it does."""
    return [(int(row), np.flatnonzero(enrolled == row)) for row in np.unique(enrolled)]


class _Cache:
    """What the shared layers say of each photograph, kept as far as later layers read it."""

    def __init__(
        self,
        architecture: Architecture,
        table: FaceTable,
        run: Callable[[Tensor], dict[str, Tensor]],
    ) -> None:
        _, personal = _split(architecture)
        inside = {layer.name for layer in personal}
        self._kept = sorted({name for layer in personal for name in layer.inputs} - inside)
        self._crops = table.crops(architecture.image.shape)
        self._run = run
        self._values: dict[int, dict[str, Tensor]] = {}

    def fill(self, rows: Rows) -> None:
        """Runs the shared layers on photographs not seen yet."""
        new = np.array([row for row in np.unique(rows) if row not in self._values], np.intp)
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            values = self._run(torch.from_numpy(self._crops[chunk]))
            for place, row in enumerate(chunk):
                self._values[int(row)] = {name: values[name][place] for name in self._kept}

    def take(self, rows: Rows) -> dict[str, Tensor]:
        """The kept values of photographs, stacked."""
        own = [self._values[int(row)] for row in rows]
        return {name: torch.stack([values[name] for values in own]) for name in self._kept}
