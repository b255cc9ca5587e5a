"""f while it is trained, and what is left of it after folding."""

from __future__ import annotations

import pytest
import torch

from codegen.errors import HvError
from codegen.nets import Architecture, float_forward
from hypernet.architectures import load_architecture, names
from hypernet.verifier import Verifier, head_layer, to_real


@pytest.mark.parametrize("name", ["pq", "pq-full"])
def test_shipped_architectures_keep_the_budget(name: str) -> None:
    architecture = load_architecture(name)
    assert name in names()
    assert architecture.name == name
    assert architecture.parameters() <= 23_000
    assert architecture.macs() <= 2_500_000
    assert architecture.shapes()["features"] == (192,)


def test_pq_and_pq_full_differ_in_what_is_personal_only() -> None:
    one, two = load_architecture("pq").to_json(), load_architecture("pq-full").to_json()
    assert one.pop("personal") == ["head.*", "decision.*"]
    assert two.pop("personal") == ["*"]
    assert one.pop("name") == "pq"
    assert two.pop("name") == "pq-full"
    assert one == two


def test_unknown_architecture_is_named_with_the_known_ones() -> None:
    with pytest.raises(HvError, match="no architecture 'nothing'") as caught:
        load_architecture("nothing")
    assert "pq-full" in caught.value.hint


def test_broken_architecture_is_an_error_not_a_traceback(tmp_path) -> None:  # noqa: ANN001
    path = tmp_path / "mine.json"
    path.write_text("[1, 2")
    with pytest.raises(HvError, match="not an architecture"):
        load_architecture(path)


def test_fold_equals_the_network_with_batch_norm(
    tiny: Architecture, tiny_verifier: Verifier
) -> None:
    images = torch.randn(5, 64, 64, 3)
    theta = tiny_verifier.fold()
    theta |= {"head.weight": torch.ones(1, 320), "head.bias": torch.zeros(1)}
    with torch.no_grad():
        expected = tiny_verifier(images)
        folded = float_forward(tiny, theta, images)["features"]
    assert expected.shape == (5, 320)
    torch.testing.assert_close(folded, expected, rtol=1e-4, atol=1e-4)


def test_folded_shapes_are_the_architectures(tiny: Architecture, tiny_verifier: Verifier) -> None:
    shapes = {
        name: shape
        for name, shape in tiny.float_tensor_shapes().items()
        if not name.startswith("head.")
    }
    assert {name: tuple(t.shape) for name, t in tiny_verifier.fold().items()} == shapes


def test_slopes_stay_between_zero_and_one(tiny_verifier: Verifier) -> None:
    assert tiny_verifier.layers["conv0"].slope.min() < 0
    for name, tensor in tiny_verifier.fold().items():
        if name.endswith(".slope"):
            assert tensor.min() >= 0
            assert tensor.max() <= 1


def test_training_form_normalises_by_the_batch(tiny: Architecture) -> None:
    verifier = Verifier(tiny, seed=0).train()
    before = verifier.layers["conv0"].mean.clone()
    verifier(torch.randn(8, 64, 64, 3))
    assert not torch.equal(before, verifier.layers["conv0"].mean)


def test_the_same_seed_draws_the_same_weights(tiny: Architecture) -> None:
    one, two = Verifier(tiny, seed=5).state_dict(), Verifier(tiny, seed=5).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_real_image_is_centred_and_scaled(tiny: Architecture) -> None:
    bytes_ = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 1, 1, 3)
    assert to_real(bytes_, tiny).flatten().tolist() == [-2.0, 0.0, 127 / 64]


def test_the_head_feeds_the_decision(tiny: Architecture) -> None:
    assert head_layer(tiny).name == "head"
