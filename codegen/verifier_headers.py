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
        HvError: they cannot be added up.
    """
    facts = frame_facts(net, capacity)
    step = {step.name: step for step in program.steps}
    at = step[facts.feature_layer].offset_bytes if facts.normalised else 0
    text = render.render_frames(
        program, facts, offset_bytes=at, threshold=_own_threshold(net, program)
    )
    return {f"{program.prefix}_frames.h": text}


def people_header(net: QuantNet, program: Program) -> dict[str, str]:
    """`hv_<arch>_people.h`: whose image it is, of several people."""
    normalised = isinstance(net.layers[-1].op, NormalisedDecision)
    text = render.render_people(
        program, normalised=normalised, threshold=_own_threshold(net, program)
    )
    return {f"{program.prefix}_people.h": text}


def _own_threshold(net: QuantNet, program: Program) -> str:
    """The person's threshold in C.

    Raises:
        HvError: it is not among the person's own weights, where `Architecture.is_personal` puts it.
    """
    tensor = f"{net.layers[-1].name}.threshold"
    names = {member.tensor: member.c_name for member in program.person.members}
    if tensor not in names:
        raise HvError("the threshold is not among the person's own weights", where=tensor)
    return names[tensor]
