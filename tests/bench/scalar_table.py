"""Prints what cores without DSP instructions take: `python -m tests.bench.scalar_table`.

The networks of networks.py and a verifier, `pq`, with made-up weights, in instructions for one
made-up input: by the portable kernels, and by those that are chosen for the core.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from codegen.cli.common import table
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.scheduled_net import portable
from codegen.targets import Target, find_target
from tests.bench.networks import NETWORKS
from tests.bench.table import from_file, made_up_verifier
from tests.kernels.bench import instructions

TARGETS = ("cortex-m0plus", "cortex-m3", "rv32imc")
HEADINGS = ("network", "target", "portable", "chosen", "ratio")


def main() -> None:
    """The whole table."""
    targets = [find_target(name) for name in TARGETS]
    rows = [row(name, net, target) for name, net in _networks() for target in targets]
    print("\n".join(table(HEADINGS, rows)))


def row(name: str, net: QuantNet, target: Target) -> tuple[str, str, int, int, str]:
    """The cells of one network on one target."""
    before, after = instructions(portable(net, target)), instructions(schedule(net, target))
    return name, target.name, before, after, f"{before / after:.2f}"


def _networks() -> Iterator[tuple[str, QuantNet]]:
    with tempfile.TemporaryDirectory() as folder:
        for name, make in NETWORKS.items():
            file = Path(folder) / f"{name}.onnx"
            file.write_bytes(make().SerializeToString())
            yield name, from_file(file).quant_net
    verifier = made_up_verifier()
    yield verifier.name, verifier.quant_net


if __name__ == "__main__":
    main()
