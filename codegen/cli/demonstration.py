"""What `demo` does and prints."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.cli import pipeline, verifying
from codegen.cli.batches import Batch
from codegen.cli.common import table
from codegen.cli.enrolling import enrol_person
from codegen.cli.photos import read_crops
from codegen.cli.subject import Subject
from codegen.store import User
from codegen.targets import Target
from host_tools.photographs import PHOTOGRAPHS
from host_tools.run import instructions_of_one_run

ENROLLED = PHOTOGRAPHS[0]


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """Everything the verdict says.

    Attributes:
        user: the enrolled person.
        scores: of the streamed photographs, by the emulated board.
        checks: every implementation against the reference.
        target: the run that counted instructions.
    """

    user: User
    scores: list[pipeline.Score]
    checks: list[verifying.Check]
    target: verifying.TargetRun


def demonstrate(
    files: Mapping[str, Path], target: Target, checkpoint: str, report: Callable[[str], None]
) -> Demonstration:
    """Enrols the first portrait, streams the others, compares every tensor."""
    report(f"enrolling a person from {ENROLLED.name} ...")
    user = enrol_person("demo", [files[ENROLLED.name]], checkpoint)
    subject = Subject.from_user(user)
    streamed = [files[photo.name] for photo in PHOTOGRAPHS if photo != ENROLLED]
    crops = read_crops(streamed, user.quant_net.arch.image, aligned=False)
    plan = verifying.Plan(target=target, thorough=False, count=True)
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        batch = Batch(names=crops.names, inputs=crops.images)
        checks = verifying.verify(subject, batch, plan, Path(scratch), report).checks
    ran = next(check.target for check in checks if check.target is not None)
    names = tuple(Path(name).name for name in crops.names)
    verdicts = ran.run.trace.tensors[user.quant_net.layers[-1].name]
    scores = pipeline.scores_of(user.quant_net, names, verdicts)
    return Demonstration(user=user, scores=scores, checks=checks, target=ran)


def as_json(shown: Demonstration) -> dict[str, Any]:
    """For machines."""
    rows = _instructions(shown)
    return {
        **verifying.summary(shown.checks),
        "threshold": shown.user.float_net.threshold,
        "scores": [
            {**vars(score), "person": _person(score), "enrolled": ENROLLED.person}
            for score in shown.scores
        ],
        "bytes": dataclasses.asdict(shown.target.firmware.sizes)
        if shown.target.firmware.sizes
        else None,
        "stack_used_bytes": shown.target.run.trace.stack_used_bytes,
        "stack_bound_bytes": _stack_bound(shown),
        "instructions": {"layers": [list(row) for row in rows], "total": sum(n for _, n in rows)},
    }


def as_lines(shown: Demonstration) -> list[str]:
    """For people."""
    arch = shown.user.quant_net.arch
    scores = [
        (
            score.name,
            "same person" if _person(score) == ENROLLED.person else "stranger",
            f"{score.score:.3f}",
            "accepted" if score.accepted else "rejected",
        )
        for score in shown.scores
    ]
    rows = _instructions(shown)
    return [
        f"enrolled from {ENROLLED.name}: architecture {arch.name}, "
        f"{arch.parameters():,} parameters, {arch.macs():,} multiply-accumulates",
        "",
        *table(("streamed", "who", "score", "verdict"), scores),
        f"threshold {shown.user.float_net.threshold:.3f}",
        "",
        *table(("layer", "instructions"), [*rows, ("total", sum(n for _, n in rows))]),
        "",
        *_memory_lines(shown),
        "",
        *verifying.check_lines(shown.checks),
    ]


def _person(score: pipeline.Score) -> str:
    return next(photo.person for photo in PHOTOGRAPHS if photo.name == score.name)


def _instructions(shown: Demonstration) -> list[tuple[str, int]]:
    counts = shown.target.run.outcome.counts
    manifest = shown.target.firmware.order.manifest
    return instructions_of_one_run(counts, manifest) if counts and manifest else []


def _stack_bound(shown: Demonstration) -> int | None:
    stack = shown.target.firmware.stack
    return stack.size_bytes if stack else None


def _memory_lines(shown: Demonstration) -> list[str]:
    sizes = shown.target.firmware.sizes
    if sizes is None:
        return []
    bound = _stack_bound(shown)
    proved = f", proved to be at most {bound:,}" if bound is not None else ""
    return [
        f"flash  {sizes.kernel_code:,} kernel + {sizes.shared_weights:,} shared weights "
        f"+ {sizes.person_weights:,} this person; {sizes.flash:,} bytes with the test application",
        f"RAM    {sizes.arena:,} arena; {sizes.ram:,} bytes with the image, the reserved stack "
        "and the test application",
        f"stack  {shown.target.run.trace.stack_used_bytes:,} bytes used{proved}",
    ]
