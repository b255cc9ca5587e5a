"""`hvcodegen demo`: the whole way once, on public-domain portraits."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import click

from codegen.cli.common import json_option, print_result, table, talk

ENROLLED_PHOTO = "obama.jpg"


@click.command(short_help="Go the whole way once, on public portraits.")
@click.option("--target", default="cortex-m4", show_default=True, metavar="NAME")
@click.option("--checkpoint", default="pq", show_default=True, metavar="NAME|FILE")
@json_option
def command(target: str, checkpoint: str, as_json: bool) -> None:
    """Go from a photograph to verified firmware, and print the verdict.

    Enrols a person from one public-domain portrait, emits the C, compares every tensor of the
    reference, of this machine and of an emulated board, and shows what it costs. Leaves nothing
    behind but a cache.

    \b
    Example:
      hvcodegen demo
    """
    from codegen.cli import pipeline, verifying
    from codegen.cli.enrolling import enrol_person
    from codegen.cli.photos import read_crops
    from codegen.targets import find_target
    from host_tools.emulators import choose_emulator
    from host_tools.photographs import PHOTOGRAPHS, fetch_photographs
    from host_tools.run import run_trace

    core = find_target(target)
    files = fetch_photographs(talk)
    talk(f"enrolling a person from {ENROLLED_PHOTO} ...")
    user = enrol_person("demo", [files[ENROLLED_PHOTO]], checkpoint)
    net = user.quant_net
    streamed = [files[photo.name] for photo in PHOTOGRAPHS if photo.name != ENROLLED_PHOTO]
    crops = read_crops(streamed, net.arch.image, aligned=False)
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as name:
        scratch = Path(name)
        checks = verifying.verify(user, crops.images, verifying.Plan(target=core), scratch, talk)
        with pipeline.emitted(user, core, scratch / "counted") as folder:
            firmware = pipeline.build_trace_firmware(folder, core, None, scratch / "elf")
            emulator = choose_emulator(firmware.order.board)
            talk(f"counting instructions in {emulator.name} ...")
            ran = run_trace(emulator, firmware, crops.images, count=True)
    names = tuple(Path(name).name for name in crops.names)
    scores = pipeline.scores_of(net, names, ran.trace.tensors[net.layers[-1].name])
    people = {photo.name: photo.person for photo in PHOTOGRAPHS}
    counts = ran.outcome.counts
    layer_rows = [
        (layer.layer, round(layer.instructions / layer.calls))
        for layer in (counts.layers if counts else ())
    ]
    total = sum(instructions for _, instructions in layer_rows)
    sizes = dataclasses.asdict(firmware.sizes) if firmware.sizes else {}
    summary = verifying.summary(checks)
    stack_bound = firmware.stack.size_bytes if firmware.stack else None
    data: dict[str, Any] = {
        **summary,
        "threshold": user.float_net.threshold,
        "scores": [
            {**vars(score), "person": people[score.name], "enrolled": people[ENROLLED_PHOTO]}
            for score in scores
        ],
        "bytes": sizes,
        "stack_used_bytes": ran.trace.stack_used_bytes,
        "stack_bound_bytes": stack_bound,
        "instructions": {"layers": [list(row) for row in layer_rows], "total": total},
    }
    lines = _lines(user, scores, people, checks)
    lines += table(("layer", "instructions"), [*layer_rows, ("total", total)])
    lines += ["", *_memory_lines(sizes, ran.trace.stack_used_bytes, stack_bound)]
    exact = "BIT-EXACT" if summary["bit_exact"] else f"NOT bit-exact: {verifying.first(checks)}"
    lines += [
        "",
        f"{exact}: {summary['tensors_compared']} tensors of {summary['images']} photographs, "
        f"reference == this machine == {firmware.order.board.name}",
    ]
    print_result(as_json, data, lines)
    verifying.require_bit_exact(checks)


def _lines(user: Any, scores: list[Any], people: dict[str, str], checks: list[Any]) -> list[str]:  # noqa: ANN401
    enrolled = people[ENROLLED_PHOTO]
    rows = [
        (
            score.name,
            "same person" if people[score.name] == enrolled else "stranger",
            f"{score.score:.3f}",
            "accepted" if score.accepted else "rejected",
        )
        for score in scores
    ]
    return [
        f"enrolled from {ENROLLED_PHOTO}: architecture {user.quant_net.arch.name}, "
        f"{user.quant_net.arch.parameters():,} parameters, "
        f"{user.quant_net.arch.macs():,} multiply-accumulates",
        "",
        *table(("streamed", "who", "score", "verdict"), rows),
        f"threshold {user.float_net.threshold:.3f}",
        "",
        *table(
            ("compared with the PyTorch integer reference", "tensors", ""),
            [
                (
                    check.where,
                    check.comparison.tensors_compared,
                    "equal" if check.comparison.bit_exact else "DIFFERS",
                )
                for check in checks
            ],
        ),
        "",
    ]


def _memory_lines(sizes: dict[str, int], used: int, bound: int | None) -> list[str]:
    if not sizes:
        return []
    proved = f", proved at most {bound:,}" if bound is not None else ""
    return [
        f"flash  kernel {sizes['kernel_code']:,} + shared weights {sizes['shared_weights']:,} "
        f"+ this person {sizes['person_weights']:,} bytes "
        f"(whole test firmware {sizes['flash']:,})",
        f"RAM    arena {sizes['arena']:,} bytes, image and test application {sizes['other_ram']:,}",
        f"stack  used {used:,} bytes{proved}",
    ]
