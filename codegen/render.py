"""One step: a program and its numbers become text."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from codegen import __version__
from codegen.frames import FrameFacts
from codegen.layout import Layout, Member
from codegen.lower import Program
from codegen.resources import resource
from codegen.signing import fingerprint

_NUMBERS_PER_ROW = 16


@dataclass(frozen=True, kw_only=True)
class TensorText:
    """A tensor as C initialisers."""

    c_name: str
    shape: str
    meaning: str
    rows: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VectorText:
    """A known answer as C initialisers; only a verifier has a verdict."""

    seed: int
    crc_text: str
    score: int = 0
    norm_squared: int = 0
    accepted: int = 0


@cache
def environment() -> Environment:
    """The templates, strict: an undefined name is an error."""
    env = Environment(
        loader=FileSystemLoader(resource("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    env.filters["c_bytes"] = lambda data: ", ".join(f"0x{byte:02x}" for byte in data)
    env.filters["c_shape"] = _shape
    return env


def render_kernel_header(program: Program) -> str:
    """`hv_<arch>.h` of a verifier."""
    return _render("verifier/kernel.h.j2", p=program)


def render_frames(program: Program, facts: FrameFacts, *, offset_bytes: int, threshold: str) -> str:
    """`hv_<arch>_frames.h`.

    Args:
        program: the verifier.
        facts: of its decision.
        offset_bytes: where a run leaves the features in the arena.
        threshold: the name of the person's threshold in C.
    """
    own = {**_fields(facts), "offset_bytes": offset_bytes, "threshold": threshold}
    return _render("verifier/frames.h.j2", p=program, f=own)


def render_people(program: Program, *, normalised: bool, threshold: str) -> str:
    """`hv_<arch>_people.h`.

    Args:
        program: the verifier.
        normalised: whether the score is compared with the features' length.
        threshold: the name of the person's threshold in C.
    """
    return _render("verifier/people.h.j2", p=program, normalised=normalised, threshold=threshold)


def render_network_header(program: Program, notes: Mapping[str, str]) -> str:
    """`hv_<arch>.h` of any other network; `notes` about inputs and outputs, by name."""
    return _render("network/kernel.h.j2", p=program, notes=notes)


def render_kernel(program: Program, tensors: Mapping[str, np.ndarray]) -> str:
    """`hv_<arch>.c`; of `tensors` only the shared ones are used."""
    kernels = "\n".join(
        _render(f"kernels/{step.template}.c.j2", **_fields(step.context)) for step in program.steps
    )
    return _render(
        "model/kernel.c.j2",
        p=program,
        shared_tensors=_tensor_text(program.shared, tensors),
        kernels=kernels,
    )


def render_assembly(program: Program) -> str:
    """`hv_<arch>_kernels.S`: what some kernels have in assembly."""
    kernels = "\n".join(
        _render(f"kernels/{step.assembly}.S.j2", **_fields(step.context))
        for step in program.steps
        if step.assembly
    )
    return _render("model/kernels.S.j2", p=program, kernels=kernels)


def render_person(program: Program, tensors: Mapping[str, np.ndarray], digest: str) -> str:
    """`hv_person.h`; of `tensors` only the personal ones are used."""
    text = _tensor_text(program.person, tensors)
    return _render("verifier/person.h.j2", p=program, tensors=text, digest=digest)


def render_public_key(public_key: bytes) -> str:
    """`hv_public_key.h`, for kernels that demand signatures."""
    text = fingerprint(public_key)
    return _render("verifier/public_key.h.j2", key=public_key, fingerprint=text)


def render_model(program: Program) -> str:
    """`hv_model.h`."""
    if program.architecture.is_verifier:
        return _render("verifier/model.h.j2", p=program)
    index = {step.name: step.index for step in program.steps}
    layers = [(index[port.name], port) for port in program.outputs]
    return _render("network/model.h.j2", p=program, output_layers=layers)


def render_vectors(program: Program, vectors: Iterable[VectorText]) -> str:
    """`hv_vectors.h`."""
    return _render("model/vectors.h.j2", p=program, vectors=tuple(vectors))


def render_cmake(program: Program, sources: tuple[str, ...]) -> str:
    """`CMakeLists.txt`."""
    return _render("model/CMakeLists.txt.j2", p=program, sources=sources)


def render_report(program: Program, user: str, bundle_bytes: int, bounds: Mapping[str, str]) -> str:
    """`report.md` of a person's verifier."""
    return _render(
        "verifier/report.md.j2", p=program, user=user, bundle_bytes=bundle_bytes, bounds=bounds
    )


def render_network_report(
    program: Program, notes: Mapping[str, str], bounds: Mapping[str, str], origin: Sequence[str]
) -> str:
    """`report.md` of any other network."""
    return _render("network/report.md.j2", p=program, notes=notes, bounds=bounds, origin=origin)


def _render(template: str, **context: Any) -> str:  # noqa: ANN401 - the templates' own types
    return environment().get_template(template).render(version=__version__, **context)


def _fields(context: Any) -> dict[str, Any]:  # noqa: ANN401 - any operator's context
    return {f.name: getattr(context, f.name) for f in dataclasses.fields(context)}


def _tensor_text(layout: Layout, tensors: Mapping[str, np.ndarray]) -> str:
    texts = [
        TensorText(
            c_name=member.c_name,
            shape=_shape(member),
            meaning=member.spec.meaning,
            rows=_rows(tensors[member.tensor]),
        )
        for member in layout.members
    ]
    return _render("parts/tensors.j2", tensors=texts)


def _rows(values: np.ndarray) -> tuple[str, ...]:
    """Right-aligned columns; wide numbers get half as many to a row."""
    numbers = [str(value) for value in values.reshape(-1).tolist()]
    width = max(len(number) for number in numbers)
    per_row = _NUMBERS_PER_ROW if values.dtype == np.int8 else _NUMBERS_PER_ROW // 2
    return tuple(
        ", ".join(number.rjust(width) for number in numbers[start : start + per_row])
        for start in range(0, len(numbers), per_row)
    )


def _shape(member: Member) -> str:
    return "[" + ", ".join(map(str, member.spec.shape)) + "]"
