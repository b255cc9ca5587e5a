"""What several photographs at enrolment, and several frames at the door, are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from codegen.cli.common import table, talk
from codegen.cli.pair_source import Order, Protocol, open_protocol
from codegen.errors import HvError
from hypernet import several
from hypernet.checkpoint import load_checkpoint
from hypernet.data import FaceTable
from hypernet.several import Several, several_photographs


def evaluate_several(
    order: Order, checkpoint: str, *, photos: int, frames: int, seed: int
) -> tuple[Several, ...]:
    """Measures one photograph and one frame, then more of either, then of both.

    All on the same people: those with photographs enough for the last.

    Raises:
        HvError: the photographs or the checkpoint cannot be used, or too few people have enough.
    """
    loaded = load_checkpoint(checkpoint)
    protocol = open_protocol(order)
    if not protocol.labelled:
        raise HvError("nobody knows who is on these photographs", hint="give --images DIR")
    counts = dict.fromkeys([(1, 1), (photos, 1), (1, frames), (photos, frames)])
    orders = [
        several.Order(photos=one, frames=many, at_least=photos + frames, seed=seed)
        for one, many in counts
    ]
    talk("enrolling people with several photographs ...")
    return several_photographs(_tested(protocol), loaded, orders)


def as_json(results: Sequence[Several]) -> dict[str, Any]:
    """For machines."""
    return {"precision": "int8", "several": [asdict(result) for result in results]}


def as_lines(results: Sequence[Several]) -> list[str]:
    """For people."""
    rows = [
        (
            result.photos,
            result.frames,
            f"{result.auc:.4f}",
            f"{result.eer:.2%}",
            f"{result.true_accept_rate:.1%}",
            f"{result.false_accept_rate:.2%}",
            f"{result.false_reject_rate:.2%}",
        )
        for result in results
    ]
    first = results[0]
    return [
        *table(
            ("photos", "frames", "AUC", "EER", "TAR at FAR 1e-2", "false accepts", "false rejects"),
            rows,
        ),
        f"{first.people} people with photographs enough, {first.genuine:,} genuine and "
        f"{first.impostor:,} impostor verdicts in the first row; int8, by the integer reference",
        "false accepts and rejects: at each person's own threshold; it is chosen for one "
        "photograph and one frame",
    ]


def _tested(protocol: Protocol) -> FaceTable:
    return protocol.table.select(np.isin(protocol.table.folds, protocol.test_folds))
