"""One step: a network becomes a folder that drops into any C project."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen import bundle, layout, reference, render
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.lower import Port, Program, lower
from codegen.names import check_user_name
from codegen.nets import QuantNet
from codegen.ops.mac import MacOp
from codegen.packing import packed_bytes, unpack_inputs
from codegen.plan import plan_memory
from codegen.resources import resource
from codegen.scheduled_net import ScheduledNet
from codegen.verification import (
    NO_SIGNATURE_SOURCES,
    SIGNATURE_HEADERS,
    SIGNATURE_SOURCES,
    Verification,
)
from codegen.verifier_headers import frames_header, people_header

RUNTIME_HEADERS = ("hv_arena.h", "hv_arith.h", "hv_crc.h", "hv_types.h")
RUNTIME_SOURCES = ("hv_crc.c",)
FRAMES_HEADERS = ("hv_frames.h",)
FRAMES_SOURCES = ("hv_frames.c",)
PEOPLE_HEADERS = ("hv_people.h",)
PEOPLE_SOURCES = ("hv_people.c",)
BUNDLE_HEADERS = ("hv_bundle.h", "hv_signature.h")
BUNDLE_SOURCES = ("hv_admit.c", "hv_bundle.c")
VECTOR_SEEDS = (0, 1, 20240601, 2654435769)  # black, white, two pseudo-random images
KNOWN_ANSWER_SEED = VECTOR_SEEDS[2]
MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Emission:
    """A folder in memory: file names and their bytes."""

    program: Program
    files: Mapping[str, bytes]


def emit(
    scheduled: ScheduledNet,
    user: str,
    *,
    frames: int | None = None,
    issue: Callable[[bundle.Bundle], bundle.Bundle] = lambda draft: draft,
    verification: Verification | None = None,
) -> Emission:
    """Makes a verifier's folder: kernel, weights, bundle, known answers, manifest, report.

    Everything depends on the arguments alone: the same input gives the same bytes. The kernel
    (`hv_<arch>.h`, `hv_<arch>.c`) does not depend on the person.

    Args:
        scheduled: the integer network, and what computes each layer on which target.
        user: whose it is.
        frames: how many frames of a camera are to be decided on together: adds
            `hv_<arch>_frames.h` and what it needs. None: frame by frame only.
        issue: gives the bundle its pseudonym, version and signature; without it the pseudonym is
            made from the tensors, the version is 1, and nobody signs.
        verification: adds what checks signatures on the device. None: it cannot.

    Raises:
        HvError: the user's name is no file name, or so many frames cannot be added up.
        GateBreach: an accumulator is not proved, or a buffer does not fit.
    """
    net = scheduled.net
    check_user_name(user)
    check_network(net)
    scheduled.check()
    program = lower(scheduled, plan_memory(scheduled))
    tensors = scheduled.stored()
    payload = layout.pack(program.person, program.abi[: layout.ABI_BYTES], tensors)
    vectors = _known_answers(net)
    threshold = int(tensors[f"{net.layers[-1].name}.threshold"].reshape(-1)[0])
    bundle_bytes = bundle.write_bundle(issue(_bundle(program, payload, vectors, threshold)))
    pooled = {} if frames is None else frames_header(net, program, frames)
    checks = SIGNATURE_SOURCES if verification else NO_SIGNATURE_SOURCES
    runtime = (*BUNDLE_SOURCES, *checks, *(FRAMES_SOURCES if pooled else ()), *PEOPLE_SOURCES)
    runtime += (*RUNTIME_SOURCES, *program.sources)
    sources = _own_sources(program) + runtime
    digest = hashlib.sha256(payload).hexdigest()
    texts = people_header(net, program) | {
        f"{program.prefix}.h": render.render_kernel_header(program),
        f"{program.prefix}.c": render.render_kernel(program, tensors),
        "hv_person.h": render.render_person(program, tensors, digest),
        "hv_model.h": render.render_model(program),
        "hv_vectors.h": render.render_vectors(program, vectors),
        "CMakeLists.txt": render.render_cmake(program, sources),
        "report.md": render.render_report(program, user, len(bundle_bytes), _bounds(net)),
    }
    headers = (*BUNDLE_HEADERS, *PEOPLE_HEADERS, *(FRAMES_HEADERS if pooled else ()))
    headers += (*RUNTIME_HEADERS, *(SIGNATURE_HEADERS if verification else ()))
    if verification is not None:
        texts["hv_public_key.h"] = render.render_public_key(verification.public_key)
    files = _with_runtime(texts | pooled | _assembly(program), headers + program.headers + runtime)
    files |= verification.library if verification is not None else {}
    files[f"{user}.hvb"] = bundle_bytes
    facts = {
        "user": user,
        "image_shape": list(program.architecture.image.shape),
        "person_bytes": program.person.size_bytes,
        "bundle": f"{user}.hvb",
    }
    files[MANIFEST] = _manifest(program, sources, files, facts)
    return Emission(program=program, files=dict(sorted(files.items())))


def emit_network(
    scheduled: ScheduledNet, notes: Mapping[str, str], origin: Sequence[str] = ()
) -> Emission:
    """Makes the folder of a network that is no verifier: the same without person and bundle.

    Args:
        scheduled: the integer network, and what computes each layer on which target.
        notes: a remark about each input and output, by name, for comments; may be empty texts.
        origin: sentences for the report: where the integers come from.

    Raises:
        GateBreach: an accumulator is not proved, or a buffer does not fit.
    """
    net = scheduled.net
    check_network(net)
    scheduled.check()
    program = lower(scheduled, plan_memory(scheduled))
    runtime = (*RUNTIME_SOURCES, *program.sources)
    sources = _own_sources(program) + runtime
    texts = {
        f"{program.prefix}.h": render.render_network_header(program, notes),
        f"{program.prefix}.c": render.render_kernel(program, scheduled.stored()),
        "hv_model.h": render.render_model(program),
        "hv_vectors.h": render.render_vectors(program, _known_answers(net)),
        "CMakeLists.txt": render.render_cmake(program, sources),
        "report.md": render.render_network_report(program, notes, _bounds(net), origin),
    }
    files = _with_runtime(texts | _assembly(program), RUNTIME_HEADERS + program.headers + runtime)
    facts = {
        "inputs": [_port_facts(port) for port in program.inputs],
        "outputs": [_port_facts(port) for port in program.outputs],
    }
    files[MANIFEST] = _manifest(program, sources, files, facts)
    return Emission(program=program, files=dict(sorted(files.items())))


def vector_image(seed: int, size_bytes: int) -> np.ndarray:
    """The test image of a seed, uint8 [size_bytes]; its C twin is hv_vector_image()."""
    if seed in (0, 1):
        return np.full(size_bytes, 255 * seed, np.uint8)
    image = np.empty(size_bytes, np.uint8)
    state = seed
    for i in range(size_bytes):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF  # Numerical Recipes' generator
        image[i] = state >> 24
    return image


def write_emission(emission: Emission, folder: Path) -> None:
    """Writes the folder: all of it, or nothing.

    An existing folder is replaced only if it is empty or holds an earlier emission.

    Raises:
        HvError: the folder holds something else, or cannot be written.
    """
    folder = folder.resolve()  # a link keeps pointing at the folder
    check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for name, data in emission.files.items():
            (fresh / name).write_bytes(data)
        fresh.chmod(0o755)
        _swap(fresh, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_replaceable(folder: Path) -> None:
    """Returns when the folder may become the output: it is new, empty, or holds an earlier one.

    Raises:
        HvError: it holds something else, or cannot be looked into.
    """
    if not folder.exists():
        return
    if Path.cwd().is_relative_to(folder):
        raise HvError(
            "the output cannot be the folder you are in: it is replaced as a whole",
            where=str(folder),
            hint="give the name of a folder, such as -o alice",
        )
    if not folder.is_dir():
        raise HvError("the output is not a folder", where=str(folder), hint="choose another -o")
    try:
        strangers = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not strangers:
        return
    try:
        earlier = json.loads((folder / MANIFEST).read_text())
        strangers -= {MANIFEST, *earlier["files"]}
    except (OSError, ValueError, TypeError, KeyError):
        pass
    if strangers:
        raise HvError(
            f"the output folder is not empty: it holds {', '.join(sorted(strangers)[:3])}"
            + (" and more" if len(strangers) > 3 else ""),
            where=str(folder),
            hint="choose another -o, or empty it; only earlier output is replaced",
        )


def _with_runtime(texts: Mapping[str, str], runtime_files: tuple[str, ...]) -> dict[str, bytes]:
    runtime = resource("firmware") / "runtime"
    files = {name: text.encode() for name, text in texts.items()}
    return files | {name: (runtime / name).read_bytes() for name in runtime_files}


def _own_sources(program: Program) -> tuple[str, ...]:
    return (f"{program.prefix}.c", *((program.assembly,) if program.assembly else ()))


def _assembly(program: Program) -> dict[str, str]:
    return {program.assembly: render.render_assembly(program)} if program.assembly else {}


def _port_facts(port: Port) -> dict[str, Any]:
    return {
        "name": port.name,
        "shape": list(port.shape),
        "dtype": port.dtype,
        "scale": port.quantity.scale,
        "zero_point": port.quantity.zero_point,
        "offset_bytes": port.offset_bytes,
        "size_bytes": port.size_bytes,
    }


def _swap(fresh: Path, folder: Path) -> None:
    """Puts `fresh` in the place of `folder`; the old content leaves only when the new is there."""
    if not folder.exists():
        fresh.replace(folder)
        return
    old = fresh.with_name(fresh.name + ".old")
    try:
        folder.replace(old)
        fresh.replace(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> HvError:
    return HvError(
        f"cannot write the output: {error.strerror or error}",
        where=str(folder),
        hint="check the permissions and the free space",
    )


def _known_answers(net: QuantNet) -> tuple[render.VectorText, ...]:
    size_bytes = packed_bytes(net.arch)
    rows = np.stack([vector_image(seed, size_bytes) for seed in VECTOR_SEEDS])
    outputs = reference.run(net, unpack_inputs(net.arch, rows))
    answers = []
    for index, seed in enumerate(VECTOR_SEEDS):
        crcs = [zlib.crc32(_little_endian(outputs[layer.name][index])) for layer in net.layers]
        crc_text = ", ".join(f"0x{crc:08x}u" for crc in crcs)
        verdict: dict[str, int] = {}
        if net.arch.is_verifier:
            names = ("score", "norm_squared", "accepted")
            values = (int(value) for value in outputs[net.layers[-1].name][index])
            verdict = dict(zip(names, values, strict=True))
        answers.append(render.VectorText(seed=seed, crc_text=crc_text, **verdict))
    return tuple(answers)


def _little_endian(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()


def _bundle(
    program: Program, payload: bytes, vectors: tuple[render.VectorText, ...], threshold: int
) -> bundle.Bundle:
    known = next(vector for vector in vectors if vector.seed == KNOWN_ANSWER_SEED)
    answer = bundle.KNOWN_ANSWER.pack(known.seed, known.score, known.norm_squared, known.accepted)
    return bundle.Bundle(
        abi=program.abi,
        user_id=hashlib.sha256(b"hvcodegen person" + payload).digest()[: bundle.USER_BYTES],
        threshold=threshold,
        records=(
            bundle.Record(tag=bundle.TAG_TENSORS, payload=payload),
            bundle.Record(tag=bundle.TAG_ANSWER, payload=answer),
        ),
    )


def _bounds(net: QuantNet) -> dict[str, str]:
    return {
        layer.name: str(int(layer.op.accumulator_bounds(layer).max()))
        if isinstance(layer.op, MacOp)
        else ""
        for layer in net.layers
    }


def _manifest(
    program: Program,
    sources: tuple[str, ...],
    files: Mapping[str, bytes],
    own_facts: Mapping[str, Any],
) -> bytes:
    """`own_facts` are those that only verifiers, or only other networks, have."""
    facts: dict[str, Any] = {
        "format": MANIFEST_FORMAT,
        **own_facts,
        "target": program.target.name,
        "architecture": program.architecture.name,
        "abi": program.abi.hex(),
        "image_bytes": program.input_bytes,
        "result_bytes": program.output_bytes,
        "arena_bytes": program.plan.arena_bytes,
        "image_outside_bytes": program.input_bytes_outside,
        "weight_bytes": program.shared.size_bytes
        + (program.person.size_bytes if program.architecture.is_verifier else 0),
        "prefix": program.prefix,
        "sources": list(sources),
        "frames": dict(sorted(program.frames.items())),
        "layers": [
            {
                "name": step.name,
                "op": step.kind,
                "kernel": step.kernel,
                "shape": list(step.shape),
                "dtype": step.dtype,
                "macs": step.macs,
                "function": step.function,
                "offset_bytes": step.offset_bytes,
                "size_bytes": step.size_bytes,
                "kept_bytes": step.kept_bytes,
                "calls": step.shape[0] if step.index < program.streamed else 1,
            }
            for step in program.steps
        ],
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())},
    }
    return (json.dumps(facts, indent=2) + "\n").encode()
