"""Enrolment: what it makes of photographs, and which it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from codegen.errors import GateBreach, HvError
from codegen.quantise import quantise
from hypernet.backbone import FaceEncoder
from hypernet.checkpoint import Checkpoint
from hypernet.enrol import MIN_SHARPNESS, enrol, examine, network_for, sharpness

PHOTO = np.zeros((8, 8, 3), np.uint8)
Stub = Callable[..., FaceEncoder]


def test_one_photograph_makes_a_network_that_quantises(
    stub: Stub, tiny_checkpoint: Checkpoint
) -> None:
    net = enrol(stub(), [PHOTO], tiny_checkpoint)
    assert net.threshold == tiny_checkpoint.threshold
    assert net.ranges == tiny_checkpoint.ranges
    assert {name: values.shape for name, values in net.tensors.items()} == (
        tiny_checkpoint.architecture.float_tensor_shapes()
    )
    assert all(values.dtype == np.float32 for values in net.tensors.values())
    assert len(quantise(net).layers) == len(net.arch.layers)


def test_the_last_layer_says_who(stub: Stub, tiny_checkpoint: Checkpoint) -> None:
    one = enrol(stub(), [PHOTO], tiny_checkpoint)
    other = enrol(stub(), [PHOTO + 1], tiny_checkpoint)
    for name in one.tensors:
        assert np.array_equal(one.tensors[name], other.tensors[name]) == (name != "head.weight")


def test_several_photographs_are_averaged_as_directions(tiny_checkpoint: Checkpoint) -> None:
    crops = np.zeros((3, 64, 64, 3), np.uint8)
    embeddings = np.random.default_rng(0).normal(0, 1, (3, 8)).astype(np.float32)
    directions = embeddings - tiny_checkpoint.tensors["mean"]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    mean = directions.mean(axis=0)
    expected = mean / np.linalg.norm(mean) @ tiny_checkpoint.tensors["projection"]
    net = network_for(embeddings, crops, tiny_checkpoint)
    np.testing.assert_allclose(net.tensors["head.weight"][0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"widths": ()}, "no face found"),
        ({"widths": (100, 50)}, "2 faces found"),
        ({"widths": (30, 100, 90)}, "2 faces found"),
        ({"widths": (39,)}, "39 pixels wide, at least 40"),
        ({"sharp": False}, "blurred"),
    ],
)
def test_photographs_that_cannot_serve_are_refused(
    facts: dict[str, object], message: str, stub: Stub
) -> None:
    with pytest.raises(HvError, match=message) as caught:
        examine(stub(**facts), PHOTO, "me.jpg")
    assert caught.value.where == "me.jpg"
    assert caught.value.hint


def test_people_in_the_background_do_not_matter(stub: Stub) -> None:
    assert examine(stub(widths=(49, 100)), PHOTO, "me.jpg").box.width == 100


def test_what_the_detector_doubts_is_no_rival(stub: Stub) -> None:
    """Even where the mistake is larger than the face."""
    encoder = stub(widths=(120, 100), scores=(0.1, 1.5))
    assert examine(encoder, PHOTO, "me.jpg").box.width == 100


def test_all_bad_photographs_are_named(stub: Stub, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(GateBreach) as caught:
        enrol(stub(widths=()), [PHOTO, PHOTO], tiny_checkpoint, names=["a.jpg", "b.jpg"])
    assert [fault.where for fault in caught.value.breaches] == ["a.jpg", "b.jpg"]


def test_photographs_of_two_people_are_refused(stub: Stub, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(HvError, match="do not seem to show one person") as caught:
        enrol(stub(), [PHOTO, PHOTO + 1], tiny_checkpoint)
    assert "photograph 1, photograph 2" in caught.value.where


def test_no_photograph_is_an_error(stub: Stub, tiny_checkpoint: Checkpoint) -> None:
    with pytest.raises(HvError, match="no photograph"):
        enrol(stub(), [], tiny_checkpoint)


def test_another_encoder_is_refused(tiny_checkpoint: Checkpoint) -> None:
    encoder = pytest.importorskip("hypernet.dlib_encoder").DlibEncoder()
    with pytest.raises(HvError, match="another face encoder"):
        enrol(encoder, [PHOTO], tiny_checkpoint)


def test_more_can_be_made_personal(stub: Stub, tiny_checkpoint: Checkpoint) -> None:
    net = enrol(stub(), [PHOTO], tiny_checkpoint, personal=["*"])
    assert net.arch.is_personal("conv0.weight")
    assert net.arch.personal == ("*",)


def test_what_differs_from_person_to_person_cannot_be_shared(
    stub: Stub, tiny_checkpoint: Checkpoint
) -> None:
    with pytest.raises(HvError, match="cannot be shared"):
        enrol(stub(), [PHOTO], tiny_checkpoint, personal=["conv0.*"])


# --- dlib, with a photograph that may be passed on: NASA's portrait of Eileen Collins


@pytest.fixture(scope="module")
def encoder() -> FaceEncoder:
    from hypernet.dlib_encoder import DlibEncoder

    return DlibEncoder()


@pytest.fixture(scope="module")
def portrait(portraits: dict[str, Path]) -> Image.Image:
    return Image.open(portraits["collins.png"]).convert("RGB")


def test_dlib_finds_the_one_face(encoder: FaceEncoder, portrait: Image.Image) -> None:
    face = examine(encoder, np.asarray(portrait), "collins.png")
    column, row = face.box.centre
    assert abs(column - 224) < 15
    assert abs(row - 128) < 25
    assert face.chip.shape == (128, 128, 3)
    assert face.chip.dtype == np.uint8
    embedding = encoder.embed(face)
    assert embedding.shape == (encoder.dimensions,)
    assert embedding.dtype == np.float32


def test_dlib_describes_the_mirrored_and_the_reduced_face_alike(
    encoder: FaceEncoder, portrait: Image.Image
) -> None:
    """0.6 is the distance from which on dlib's network means two people."""
    small = portrait.resize((300, 300), Image.Resampling.LANCZOS)
    mirrored = portrait.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    one, two, three = (
        encoder.embed(encoder.faces(np.asarray(image))[0]) for image in (portrait, small, mirrored)
    )
    assert np.linalg.norm(one - two) < 0.3
    assert np.linalg.norm(one - three) < 0.4


def test_a_blurred_portrait_is_refused(encoder: FaceEncoder, portrait: Image.Image) -> None:
    assert sharpness(encoder.faces(np.asarray(portrait))[0].chip) > 10 * MIN_SHARPNESS
    blurred = np.asarray(portrait.filter(ImageFilter.GaussianBlur(2.5)))
    assert encoder.faces(blurred)
    with pytest.raises(HvError, match="blurred"):
        examine(encoder, blurred, "me.jpg")


def test_two_portraits_side_by_side_are_refused(
    encoder: FaceEncoder, portrait: Image.Image
) -> None:
    pair = np.concatenate([np.asarray(portrait)[:300, 100:400]] * 2, axis=1)
    with pytest.raises(HvError, match="2 faces found"):
        examine(encoder, pair, "us.jpg")


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_shows_no_face(level: int, encoder: FaceEncoder) -> None:
    with pytest.raises(HvError, match="no face found"):
        examine(encoder, np.full((200, 200, 3), level, np.uint8), "wall.jpg")
