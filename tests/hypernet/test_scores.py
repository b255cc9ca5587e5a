"""The scores that judge a training, in floats and in integers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from codegen.nets import float_forward
from codegen.quantise import quantise
from codegen.reference import run
from hypernet.checkpoint import Checkpoint
from hypernet.crops import crop_chips
from hypernet.data import FaceTable
from hypernet.generators import LastLayerGenerator
from hypernet.scores import float_scores, integer_scores
from hypernet.verifier import to_real


@pytest.mark.parametrize("personal", [("head.*", "decision.*"), ("conv2.*", "head.*"), ("*",)])
def test_scores_are_those_of_the_whole_network(
    personal: tuple[str, ...], table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    """Whatever is shared and cached: the same as running every pair's network alone."""
    architecture = dataclasses.replace(tiny_checkpoint.architecture, personal=personal)
    checkpoint = dataclasses.replace(tiny_checkpoint, architecture=architecture)
    generator = checkpoint.build()
    enrolled, streamed = np.array([0, 5, 0, 9]), np.array([3, 3, 7, 9])
    real = float_scores(generator, table)(enrolled, streamed)
    integer = integer_scores(generator, table, checkpoint.float_net)(enrolled, streamed)
    crops = crop_chips(table.chips[streamed], architecture.image.shape)
    for place, row in enumerate(enrolled):
        with torch.no_grad():
            theta = generator(generator.centre(torch.from_numpy(table.embeddings[row])))
            values = float_forward(
                architecture,
                theta,
                to_real(torch.from_numpy(crops[place : place + 1]), architecture),
            )
        weight = theta["head.weight"].norm()
        expected = float(values["decision"][0, 0] / weight)
        assert real[place] == pytest.approx(expected, abs=1e-5)
        net = quantise(checkpoint.float_net(theta))
        score, norm_squared, _ = run(net, crops[place : place + 1])["decision"][0]
        q_weight = np.linalg.norm(net.tensors()["head.weight"].astype(float))
        assert integer[place] == pytest.approx(score / np.sqrt(norm_squared) / q_weight)
        assert integer[place] == pytest.approx(expected, abs=0.1)


def test_integer_scores_accept_what_the_device_accepts(
    table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    generator = tiny_checkpoint.build()
    assert isinstance(generator, LastLayerGenerator)
    streamed = np.arange(48)
    scores = integer_scores(generator, table, tiny_checkpoint.float_net)(
        np.zeros(48, np.intp), streamed
    )
    checkpoint = dataclasses.replace(
        tiny_checkpoint, threshold=float(np.median(scores[scores > 0])) + 1e-4
    )
    with torch.no_grad():
        theta = generator(generator.centre(torch.from_numpy(table.embeddings[0])))
    crops = table.crops(tiny_checkpoint.architecture.image.shape)
    decided = run(quantise(checkpoint.float_net(theta)), crops)["decision"]
    np.testing.assert_array_equal(decided[:, 2] == 1, scores >= checkpoint.threshold)
