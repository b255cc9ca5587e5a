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

from codegen.nets import Architecture, FloatNet, Layer, QuantNet
from codegen.ops.base import QuantLayer
from codegen.quantise import quantise
from hypernet.data import FaceTable
from hypernet.evaluation import Rows, ScorePairs, Scores
from hypernet.generator import Generator, Theta
from hypernet.verifier import head_layer, to_real

_CHUNK = 256


def unit_directions(generator: Generator, embeddings: NDArray[np.float32]) -> Tensor:
    """Centred embeddings of unit length: float32 [N, D]."""
    with torch.no_grad():
        return generator.centre(torch.from_numpy(embeddings))


def float_scores(generator: Generator, table: FaceTable) -> ScorePairs:
    """Cosine between the generated last layer and the features, in floats.

    Args:
        generator: h_gen.
        table: rows are photographs.

    Returns:
        A function of (rows that enrol, rows that are streamed).
    """
    architecture = generator.architecture
    directions = unit_directions(generator, table.embeddings)
    shared, personal = _split(architecture)
    cached = _Cache(
        architecture,
        table,
        lambda images: _float_layers(
            shared, generator.shared_body(), {"image": to_real(images, architecture)}
        ),
    )
    head = head_layer(architecture)

    def score(enrolled: Rows, streamed: Rows) -> Scores:
        scores = np.empty(len(enrolled))
        with torch.no_grad():
            cached.fill(streamed)
            for row, places in _groups(enrolled):
                theta = generator(directions[row])
                values = _float_layers(personal, theta, cached.take(streamed[places]))
                scores[places] = cosine(values, theta, head)
        return scores

    return score


def cosine(values: Mapping[str, Tensor], theta: Theta, head: Layer) -> NDArray[np.float64]:
    """w.h / (|w| |h|) of one person's network: float64 [N]."""
    features = values[head.inputs[0]]
    length = features.norm(dim=1) * theta[f"{head.name}.weight"].norm()
    return np.asarray((values[head.name][:, 0] / length.clamp(min=1e-12)).double().numpy())


def integer_scores(
    generator: Generator, table: FaceTable, net_for: Callable[[Theta], FloatNet]
) -> ScorePairs:
    """The same cosine from the integer network: score / (|w| sqrt(norm_squared)).

    Args:
        generator: h_gen.
        table: rows are photographs.
        net_for: completes generated weights with the shared ranges and the threshold.

    Returns:
        A function of (rows that enrol, rows that are streamed).
    """
    architecture = generator.architecture
    directions = unit_directions(generator, table.embeddings)
    shared, _ = _split(architecture)
    shared_names = {layer.name for layer in shared}

    def net(row: int) -> QuantNet:
        with torch.no_grad():
            return quantise(net_for(generator(directions[row])))

    anybody = [layer for layer in net(0).layers if layer.name in shared_names]
    cached = _Cache(
        architecture,
        table,
        lambda images: _integer_layers(
            anybody, {"image": (images.to(torch.int16) - 128).to(torch.int8)}
        ),
    )

    def score(enrolled: Rows, streamed: Rows) -> Scores:
        scores = np.empty(len(enrolled))
        cached.fill(streamed)
        for row, places in _groups(enrolled):
            layers = [layer for layer in net(row).layers if layer.name not in shared_names]
            values = _integer_layers(layers, cached.take(streamed[places]))
            scores[places] = _integer_cosine(values[layers[-1].name], layers)
        return scores

    return score


def _integer_cosine(decisions: Tensor, layers: list[QuantLayer]) -> NDArray[np.float64]:
    weight = next(layer for layer in layers if layer.name == layers[-1].inputs[0]).tensors["weight"]
    numbers = decisions.double().numpy()
    length = np.sqrt(numbers[:, 1]) * np.linalg.norm(weight.astype(np.float64))
    return np.asarray(numbers[:, 0] / np.maximum(length, 1e-12))


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
        self._table = table
        self._run = run
        self._values: dict[int, dict[str, Tensor]] = {}

    def fill(self, rows: Rows) -> None:
        """Runs the shared layers on photographs not seen yet."""
        new = np.array([row for row in np.unique(rows) if row not in self._values], np.intp)
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            values = self._run(torch.from_numpy(self._table.crops[chunk]))
            for place, row in enumerate(chunk):
                self._values[int(row)] = {name: values[name][place] for name in self._kept}

    def take(self, rows: Rows) -> dict[str, Tensor]:
        """The kept values of photographs, stacked."""
        own = [self._values[int(row)] for row in rows]
        return {name: torch.stack([values[name] for values in own]) for name in self._kept}
