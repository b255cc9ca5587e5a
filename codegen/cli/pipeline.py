"""The chain that simulate, build, run, verify and demo share, one function a link."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen import reference
from codegen.apply_schedule import schedule_by
from codegen.cli.quantisation import report_lines
from codegen.cli.subject import Subject
from codegen.emit import Emission, emit, emit_network, write_emission
from codegen.enrolment_gate import real_scores
from codegen.nets import IMAGE, QuantNet
from codegen.packing import member_offsets
from codegen.plans import DEFAULT_PLAN
from codegen.schedule_file import ScheduleFile
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target
from host_tools.boards import Board, load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.compare import Comparison, Difference
from host_tools.manifest import load_manifest
from host_tools.toolchain import Purpose, choose

TRACE_APP = "trace"
REFERENCE_BATCH = 64  # images at a time: bounds the memory of im2col


@dataclass(frozen=True, kw_only=True)
class Score:
    """One image's verdict, for people: `score` is a cosine or w.h + b."""

    name: str
    accumulator: int
    score: float
    accepted: bool


def emission_of(
    subject: Subject,
    target: Target,
    plan: str | ScheduleFile = DEFAULT_PLAN,
    **extras: Any,  # noqa: ANN401 - the arguments of emit
) -> Emission:
    """A person's folder, or a model's; `plan` is one's name, or a schedule.

    `extras` for a person's: `frames`, `issue`, `verification` of `codegen.emit.emit`.
    """
    return emission_by(subject, schedule_by(plan, subject.quant_net, target), **extras)


def emission_by(
    subject: Subject,
    scheduled: ScheduledNet,
    **extras: Any,  # noqa: ANN401 - the arguments of emit
) -> Emission:
    """The same where the kernels are chosen."""
    if subject.model is not None:
        notes = subject.model.imported.notes()
        return emit_network(scheduled, notes, report_lines(subject))
    return emit(scheduled, subject.name, **extras)


@contextmanager
def written(emission: Emission, name: str) -> Iterator[Path]:
    """A temporary folder that holds an emission."""
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        folder = Path(scratch) / name
        write_emission(emission, folder)
        yield folder


@contextmanager
def emitted(
    subject: Subject,
    target: Target,
    folder: Path | None = None,
    plan: str | ScheduleFile = DEFAULT_PLAN,
    **extras: Any,  # noqa: ANN401 - the arguments of emit
) -> Iterator[Path]:
    """The subject's emitted folder: `folder`, or a temporary one."""
    emission = emission_of(subject, target, plan, **extras)
    if folder is not None:
        write_emission(emission, folder)
        yield folder
        return
    with written(emission, subject.name) as fresh:
        yield fresh


def torch_reference(
    net: QuantNet, inputs: np.ndarray | Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Every tensor of every sample, from the PyTorch integer reference."""
    import torch

    given = inputs if isinstance(inputs, Mapping) else {IMAGE: inputs}
    count = len(next(iter(given.values())))
    batches = []
    for start in range(0, count, REFERENCE_BATCH):
        part = {
            name: torch.from_numpy(np.ascontiguousarray(values[start : start + REFERENCE_BATCH]))
            for name, values in given.items()
        }
        batches.append(reference.run(net, part if isinstance(inputs, Mapping) else part[IMAGE]))
    return {name: torch.cat([batch[name] for batch in batches]).numpy() for name in batches[0]}


def split_results(net: QuantNet, results: np.ndarray) -> dict[str, np.ndarray]:
    """The bytes of answers, uint8 [N, result bytes] -> [N, *shape] by the output's layer."""
    layers = {layer.name: layer for layer in net.layers}
    chosen = [layers[name] for name in net.arch.outputs]
    shapes = [layer.output_shape for layer in chosen]
    dtypes = [np.dtype(layer.op.output_dtype) for layer in chosen]
    sizes = [int(np.prod(s)) * d.itemsize for s, d in zip(shapes, dtypes, strict=True)]
    offsets, _ = member_offsets(sizes)
    return {
        layer.name: np.ascontiguousarray(results[:, offset : offset + size])
        .view(dtype)
        .reshape(len(results), *shape)
        for layer, offset, size, dtype, shape in zip(
            chosen, offsets, sizes, dtypes, shapes, strict=True
        )
    }


def build_trace_firmware(
    folder: Path, target: Target, compiler: str | None, out: Path, board: str | None = None
) -> Firmware:
    """The firmware that writes every tensor, for the target's board."""
    return build_firmware(trace_order(folder, target, compiler, out, board))


def board_of(target: Target, name: str | None) -> Board:
    """The board of that name, or the target's emulated one."""
    from codegen.errors import HvError

    chosen = name or target.board
    if chosen is None:
        raise HvError(f"no emulated board has a {target.name}", hint="give one with --board")
    return load_board(chosen)


def purpose_of(board: Board) -> Purpose:
    """What a compiler for that board compiles for."""
    return Purpose(board.core.family)


def trace_order(
    folder: Path, target: Target, compiler: str | None, out: Path, board: str | None = None
) -> FirmwareOrder:
    """What `build_trace_firmware` builds."""
    chosen = board_of(target, board)
    return FirmwareOrder(
        app=TRACE_APP,
        board=chosen,
        toolchain=choose(purpose_of(chosen), compiler),
        manifest=load_manifest(folder),
        out=out,
    )


def scores_of(net: QuantNet, names: tuple[str, ...], verdicts: np.ndarray) -> list[Score]:
    """int32 [N, 3] verdicts as scores for people."""
    return [
        Score(name=name, accumulator=int(row[0]), score=float(real), accepted=bool(row[2]))
        for name, row, real in zip(names, verdicts, real_scores(net, verdicts), strict=True)
    ]


def score_rows(scores: list[Score]) -> list[tuple[Any, ...]]:
    """Rows for a table: photograph, accumulator, score, verdict."""
    return [
        (s.name, s.accumulator, f"{s.score:.3f}", "accepted" if s.accepted else "rejected")
        for s in scores
    ]


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """bit_exact, images, tensors_compared, first_difference."""
    return {
        "bit_exact": comparison.bit_exact,
        "images": comparison.images,
        "tensors_compared": comparison.tensors_compared,
        "first_difference": difference_json(comparison.first_difference),
    }


def difference_json(difference: Difference | None) -> Mapping[str, Any] | None:
    """The first difference by image, layer, index, expected, got."""
    if difference is None:
        return None
    return {**vars(difference), "index": list(difference.index)}
