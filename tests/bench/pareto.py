"""Accuracy against what it costs: `python -m tests.bench.pareto`, after tests.bench.ablation.

The accuracy is of the ablation's short trainings, all alike; the costs are measured as by
tests.bench.table, with made-up weights. `--write docs/training.md` puts the table there.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codegen import layout
from codegen.cli.common import table, talk
from codegen.cli.profiling import measure
from codegen.cli.subject import Subject
from codegen.ops.mac import MacOp
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.targets import find_target
from hypernet.architectures import load_architecture
from tests.bench.table import with_table
from tests.networks import float_net

MARKS = "<!-- make pareto -->\n", "<!-- end of make pareto -->\n"
TARGET = "cortex-m4"
TRAINED = {
    "pw-small": "pw-small",
    "pw-48": "pw-48",
    "pw-56": "pw-56",
    "pw-80": "pw-80",
    "pw-grey": "pw-grey",
    "pq": "pq",
    "pw": "short",
    "pb": "pb",
    "pw-depthwise": "pw-depthwise",
    "pw-conv4": "film-0",
    "pw-full": "full-0",
}
"""Architecture -> the row of the ablation that trained it."""


def main(words: Sequence[str]) -> None:
    """The table of the architectures that are trained."""
    parser = argparse.ArgumentParser(prog="pareto", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--write", type=Path, metavar="docs/training.md")
    given = parser.parse_args(words)
    rows = []
    for name, trained in TRAINED.items():
        measured = given.runs / trained / "int8.json"
        if measured.is_file():
            talk(f"{name} ...")
            rows.append(row(name, json.loads(measured.read_text())))
    headings = (
        "architecture",
        "TAR 1e-2",
        "EER %",
        "parameters",
        "MACs",
        "cycles, M4",
        "RAM",
        "a person",
    )
    lines = [*table(headings, rows), "RAM and a person's bundle in bytes; plan balanced"]
    print("\n".join(lines))
    if given.write:
        given.write.write_text(with_table(given.write.read_text(), lines, MARKS))


def row(name: str, accuracy: dict[str, Any]) -> tuple[Any, ...]:
    """One architecture: everybody against everybody, then what it costs."""
    architecture = load_architecture(name)
    crowd = accuracy["all_against_all"]["every_photograph_enrols"]
    real = float_net(architecture)
    net = quantise(real)
    target = find_target(TARGET)
    costs = measure(Subject(name=name, float_net=real, quant_net=net), target, talk).profile
    scheduled = schedule(net, target)
    abi = layout.abi_hash(scheduled)[: layout.ABI_BYTES]
    person = layout.pack(layout.person_layout(scheduled), abi, scheduled.stored())
    macs = (
        layer.op.macs(architecture.input_shapes(layer))
        for layer in architecture.layers
        if isinstance(layer.op, MacOp)
    )
    return (
        name,
        f"{100 * crowd['tar_at_far']['0.01']:.1f}",
        f"{100 * crowd['eer']:.2f}",
        sum(math.prod(shape) for shape in architecture.float_tensor_shapes().values()),
        sum(macs),
        round(costs.total.cycles.zero_wait) if costs.total.cycles else "",
        costs.ram.total,
        len(person),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
