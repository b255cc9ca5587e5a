"""What `enroll` and `demo` do to photographs: faces, weights, integers, gate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from codegen.enrolment_gate import check_enrolment
from codegen.quantise import quantise
from codegen.store import User
from hypernet.checkpoint import load_checkpoint
from hypernet.crops import crop_chips
from hypernet.dlib_encoder import DlibEncoder
from hypernet.enrol import enrol_faces, examine_all
from hypernet.images import load_image

BRIGHTNESS_STEPS = (-24, 24)  # of the probes, in grey levels


def enrol_person(name: str, files: Sequence[Path], checkpoint_name: str) -> User:
    """Photographs -> a user that passed the gate; nothing is written.

    Raises:
        HvError: a photograph cannot serve, or the network does not pass the gate.
    """
    checkpoint = load_checkpoint(checkpoint_name)
    names = [str(file) for file in files]
    encoder = DlibEncoder()
    faces = examine_all(encoder, [load_image(file) for file in files], names)
    float_net = enrol_faces(encoder, faces, checkpoint, names=names)
    quant_net = quantise(float_net)
    shape = checkpoint.architecture.image.shape
    crops = crop_chips(np.stack([face.chip for face in faces]), shape)
    gate = check_enrolment(float_net, quant_net, probes_of(crops))
    facts = {
        "checkpoint": checkpoint.name,
        "encoder": checkpoint.encoder,
        "photographs": len(files),
        "gate": dataclasses.asdict(gate),
    }
    return User(name=name, float_net=float_net, quant_net=quant_net, facts=facts)


def probes_of(crops: np.ndarray) -> np.ndarray:
    """The crops, mirrored, darker and brighter: uint8 [N, H, W, C] -> [4 * N, H, W, C]."""
    wide = crops.astype(np.int16)
    lit = [(wide + step).clip(0, 255).astype(np.uint8) for step in BRIGHTNESS_STEPS]
    return np.concatenate([crops, crops[:, :, ::-1], *lit])
