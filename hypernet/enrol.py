"""Enrolment: from photographs of one person to that person's network in real numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from codegen.errors import GateBreach, HvError
from codegen.nets import Architecture, FloatNet
from hypernet.backbone import Face, FaceEncoder, Image
from hypernet.checkpoint import Checkpoint
from hypernet.crops import crop_chips
from hypernet.generators import GENERATORS, Generator, LastLayerGenerator
from hypernet.verifier import to_real

MIN_FACE_PX = 40
"""Narrower faces hold less than a crop of 64 pixels with its margin."""

RIVAL_SHARE = 0.5
"""A second face at least this wide, relative to the largest, makes the photograph ambiguous."""

DOUBTFUL_SHARE = 0.2
"""Faces whose score is below this share of the best one's are taken for mistakes of the detector:
on a portrait of score 1.5 dlib's sees another "face" of score 0.06 in the sitter's clothes."""

MIN_SHARPNESS = 4.0
"""Lowest accepted `sharpness`. Of LFW's 11,439 faces 1 in 2,000 lies below, the median is 38; a
Gaussian blur of 2 pixels brings nearly every one of them below."""

MIN_LIKENESS = 0.1
"""Lowest cosine between the centred embeddings of two photographs of one person. In LFW 1 of
1,000 pairs of one person lies below, and four of five pairs of different people."""

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def enrol(
    encoder: FaceEncoder,
    images: Sequence[Image],
    checkpoint: Checkpoint,
    *,
    names: Sequence[str] | None = None,
    personal: Sequence[str] | None = None,
) -> FloatNet:
    """Generates one person's network from photographs: `examine_all`, then `enrol_faces`.

    Args:
        encoder: the one the checkpoint was trained with.
        images: uint8 [H, W, 3] RGB, one or more, each showing this person's face.
        checkpoint: the hypernetwork.
        names: of the images, for error messages.
        personal: patterns that replace the architecture's choice of what is personal.

    Returns:
        The network, with the checkpoint's ranges and the person's threshold. Computed in float64
        and rounded once, so that it hardly depends on the machine.

    Raises:
        HvError: no photograph, one that cannot serve (all of them are named), another encoder, or
            a choice of personal tensors that the hypernetwork cannot honour.
    """
    _check_encoder(encoder, checkpoint)
    known = names or _numbered(images)
    faces = examine_all(encoder, images, known)
    return enrol_faces(encoder, faces, checkpoint, names=known, personal=personal)


def enrol_faces(
    encoder: FaceEncoder,
    faces: Sequence[Face],
    checkpoint: Checkpoint,
    *,
    names: Sequence[str],
    personal: Sequence[str] | None = None,
) -> FloatNet:
    """Does what `enrol` does, from faces that are found already."""
    _check_encoder(encoder, checkpoint)
    embeddings = np.stack([encoder.embed(face) for face in faces])
    _check_one_person(embeddings, checkpoint, names)
    crops = crop_chips(np.stack([face.chip for face in faces]), checkpoint.architecture.image.shape)
    return network_for(embeddings, crops, checkpoint, personal=personal)


def network_for(
    embeddings: NDArray[np.float32],
    crops: NDArray[np.uint8],
    checkpoint: Checkpoint,
    *,
    personal: Sequence[str] | None = None,
    generator: Generator | None = None,
) -> FloatNet:
    """Generates one person's network.

    Args:
        embeddings: float32 [photographs, D].
        crops: uint8 [photographs, H, W, 3], what f sees of each.
        checkpoint: the hypernetwork.
        personal: see `enrol`.
        generator: what `checkpoint.build().double()` gave, to make many people at once.
    """
    generator = generator or checkpoint.build().double()
    with torch.no_grad():
        images = to_real(torch.from_numpy(crops), checkpoint.architecture)
        theta = generator.enrolled(torch.from_numpy(embeddings).double(), images.double())
    net = checkpoint.float_net(theta)
    if personal is None:
        return net
    return dataclasses.replace(net, arch=_with_personal(checkpoint, tuple(personal)))


def examine_all(
    encoder: FaceEncoder, images: Sequence[Image], names: Sequence[str] | None = None
) -> list[Face]:
    """The one face of every photograph; all that cannot serve are reported together."""
    if not images:
        raise HvError("no photograph", hint="give at least one photograph of the person")
    known = names or _numbered(images)
    faces, faults = [], []
    for image, name in zip(images, known, strict=True):
        try:
            faces.append(examine(encoder, image, name))
        except HvError as fault:
            faults.append(fault)
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise GateBreach("enrolment", tuple(faults))
    return faces


def examine(encoder: FaceEncoder, image: Image, name: str) -> Face:
    """The one face of a photograph that can serve for enrolment.

    Args:
        encoder: finds the faces.
        image: uint8 [H, W, 3] RGB.
        name: of the photograph, for error messages.

    Raises:
        HvError: no face, several faces, or a face too small or too blurred.
    """
    found = encoder.faces(image)
    if not found:
        raise HvError(
            "no face found",
            where=name,
            hint="use a photograph of the whole face, seen from the front and well lit",
        )
    sure = max(face.score for face in found) * DOUBTFUL_SHARE
    faces = [face for face in found if face.score >= sure]
    largest = max(faces, key=lambda face: face.box.width)
    rivals = sum(face.box.width >= RIVAL_SHARE * largest.box.width for face in faces)
    if rivals > 1:
        raise HvError(
            f"{rivals} faces found", where=name, hint="cut the photograph down to one person"
        )
    if largest.box.width < MIN_FACE_PX:
        raise HvError(
            f"the face is {largest.box.width} pixels wide, at least {MIN_FACE_PX} are needed",
            where=name,
            hint="take the photograph from nearer, or give it in full resolution",
        )
    measured = sharpness(largest.chip)
    if measured < MIN_SHARPNESS:
        raise HvError(
            f"the face is blurred (sharpness {measured:.1f}, at least {MIN_SHARPNESS:g} needed)",
            where=name,
            hint="hold the camera still, and focus on the face",
        )
    return largest


def sharpness(chip: Image) -> float:
    """Variance of the Laplacian of the grey chip, in squared grey levels.

    Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    Comparable because every chip shows a face at the same size.

    Args:
        chip: uint8 [128, 128, 3] RGB.
    """
    grey = chip.astype(np.float64) @ np.array(_LUMA)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * grey[1:-1, 1:-1]))


def _numbered(images: Sequence[Image]) -> list[str]:
    return [f"photograph {number}" for number in range(1, len(images) + 1)]


def _check_one_person(
    embeddings: NDArray[np.float32], checkpoint: Checkpoint, names: Sequence[str]
) -> None:
    directions = embeddings - checkpoint.tensors["mean"]
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    likeness = directions @ directions.T
    one, other = divmod(int(np.argmin(likeness)), len(likeness))
    if likeness[one, other] < MIN_LIKENESS:
        raise HvError(
            "the photographs do not seem to show one person",
            where=f"{names[one]}, {names[other]} (likeness {likeness[one, other]:.2f})",
            hint="enrol each person with photographs of that person only",
        )


def _check_encoder(encoder: FaceEncoder, checkpoint: Checkpoint) -> None:
    if encoder.name != checkpoint.encoder:
        raise HvError(
            f"the checkpoint was trained with another face encoder: {checkpoint.encoder}",
            where=f"{checkpoint.name}, used with {encoder.name}",
            hint="train one for this encoder, or use the encoder it was trained with",
        )


def _with_personal(checkpoint: Checkpoint, patterns: tuple[str, ...]) -> Architecture:
    """The architecture with another choice of what is personal.

    What the hypernetwork makes differently for each person cannot be shared.
    """
    own = checkpoint.architecture
    chosen = dataclasses.replace(own, personal=patterns)
    chosen.validate()
    shares_body = issubclass(GENERATORS[checkpoint.generator], LastLayerGenerator)
    varying = _head(own) if shares_body else own.float_tensor_shapes()
    shared = [name for name in varying if own.is_personal(name) and not chosen.is_personal(name)]
    if shared:
        raise HvError(
            f"{len(shared)} tensors differ from person to person and cannot be shared",
            where=", ".join(sorted(shared)[:4]),
            hint="add them to the personal patterns, or use another checkpoint",
        )
    return chosen


def _head(architecture: Architecture) -> list[str]:
    head = architecture.layers[-1].inputs[0]
    return [f"{head}.weight", f"{head}.bias"]
