"""A verifier's headers for more than one image of one person: several frames, several people."""

from __future__ import annotations

from codegen import render
from codegen.errors import HvError
from codegen.frames import frame_facts
from codegen.lower import Program
from codegen.nets import QuantNet
from codegen.ops.normalised_decision import NormalisedDecision


def frames_header(net: QuantNet, program: Program, capacity: int) -> dict[str, str]:
    """`hv_<arch>_frames.h`: one verdict on so many frames.

    Raises:
        HvError: they cannot be added up, or the threshold is everybody's.
    """
    facts = frame_facts(net, capacity)
    step = {step.name: step for step in program.steps}
    at = step[facts.feature_layer].offset_bytes if facts.normalised else 0
    threshold = _own_threshold(net, program)
    if threshold is None:
        raise HvError(
            "frames need a threshold in the person's own weights", where=_threshold_tensor(net)
        )
    text = render.render_frames(program, facts, offset_bytes=at, threshold=threshold)
    return {f"{program.prefix}_frames.h": text}


def people_header(net: QuantNet, program: Program) -> dict[str, str]:
    """`hv_<arch>_people.h`: whose image it is, of several people."""
    normalised = isinstance(net.layers[-1].op, NormalisedDecision)
    threshold = _own_threshold(net, program)
    text = render.render_people(program, normalised=normalised, threshold=threshold)
    return {f"{program.prefix}_people.h": text}


def _own_threshold(net: QuantNet, program: Program) -> str | None:
    """The person's threshold in C; None where everybody shares one."""
    names = {member.tensor: member.c_name for member in program.person.members}
    return names.get(_threshold_tensor(net))


def _threshold_tensor(net: QuantNet) -> str:
    return f"{net.layers[-1].name}.threshold"
