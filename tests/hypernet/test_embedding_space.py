"""Where embeddings are compared: centred, partly whitened, of unit length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from hypernet.checkpoint import Checkpoint
from hypernet.generators import EmbeddingSpace, LastLayerGenerator


@pytest.fixture
def embeddings() -> torch.Tensor:
    """Correlated, of very different variances, off the origin."""
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    mixed = rng.normal(size=(400, 6)) * [6, 3, 2, 1.5, 1.2, 1] @ axes + 4
    return torch.from_numpy(mixed.astype(np.float32))


def test_without_whitening_it_is_the_centred_direction(embeddings: torch.Tensor) -> None:
    found = EmbeddingSpace.fitted(embeddings, 0).directions(embeddings)
    centred = embeddings - embeddings.mean(dim=0)
    torch.testing.assert_close(found, centred / centred.norm(dim=1, keepdim=True))


def test_a_power_of_one_whitens_as_scikit_learn_does(embeddings: torch.Tensor) -> None:
    """Up to a rotation and the floor of the smallest variances: compared by angles."""
    space = EmbeddingSpace.fitted(embeddings, 1)
    white = PCA(whiten=True).fit_transform(embeddings.double().numpy())
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    ours = space.directions(embeddings).numpy()
    apart = np.abs(ours @ ours.T - white @ white.T)
    assert np.median(apart) < 0.05
    unlike = EmbeddingSpace.fitted(embeddings, 0).directions(embeddings).numpy()
    assert np.median(np.abs(unlike @ unlike.T - white @ white.T)) > 0.1


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_directions_have_unit_length(power: float, embeddings: torch.Tensor) -> None:
    found = EmbeddingSpace.fitted(embeddings, power).directions(embeddings)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(found)))


def test_a_checkpoint_keeps_it_and_an_old_one_has_none(
    tiny_checkpoint: Checkpoint, tiny_generator: LastLayerGenerator
) -> None:
    tensors = {name: torch.from_numpy(own) for name, own in tiny_checkpoint.tensors.items()}
    tensors["whitening"] = 2 * torch.eye(len(tensors["mean"]))
    built = LastLayerGenerator.from_state(tiny_generator.architecture, tensors)
    assert torch.equal(built.space().whitening, tensors["whitening"])
    del tensors["whitening"]
    built = LastLayerGenerator.from_state(tiny_generator.architecture, tensors)
    assert torch.equal(built.space().whitening, torch.eye(len(tensors["mean"])))
